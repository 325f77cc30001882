// Winograd's matrices compute convolutions, and weights are transformed and packed in the order of the products.

import test from 'ava';
import fc from 'fast-check';
import {PANEL} from '../../src/untangle/pack.js';
import {
  type KernelSource,
  packWinograd,
  WINOGRAD_TAPS,
  WINOGRAD_TILES,
  winogradInputs,
  winogradMatrices,
  winogradTileElements,
} from '../../src/untangle/winograd.js';
import {checkProperty} from '../helpers/properties.js';
import {growth} from '../schedule/winograd-bound.js';

const range = (count: number) => Array.from({length: count}, (_, index) => index);
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

for (const tile of WINOGRAD_TILES) {
  const inputs = winogradInputs(tile);
  const {output, weights, input} = winogradMatrices(tile);
  // Halves are exact; roots of a half and of two are not.
  const rounding = tile === 2 ? 0 : 2 ** -50;

  test(`F(${tile}, 3): output i takes tap k of input i + k, and nothing else`, t => {
    t.deepEqual(
      [output, weights, input].map(matrix => [matrix.length, matrix[0]!.length]),
      [
        [tile, inputs],
        [inputs, WINOGRAD_TAPS],
        [inputs, inputs],
      ],
    );
    for (const i of range(tile)) {
      for (const k of range(WINOGRAD_TAPS)) {
        for (const j of range(inputs)) {
          const share = sum(
            range(inputs).map(v => output[i]![v]! * weights[v]![k]! * input[v]![j]!),
          );
          t.true(Math.abs(share - (j === i + k ? 1 : 0)) <= 8 * rounding, `${i} ${k} ${j}`);
        }
      }
    }
  });

  test(`F(${tile}, 3) along both axes is a 3x3 convolution of a tile`, t => {
    const eighths = (count: number) =>
      fc.array(
        fc.integer({min: -800, max: 800}).map(value => value / 8),
        {minLength: count, maxLength: count},
      );
    checkProperty(t, fc.tuple(eighths(inputs ** 2), eighths(WINOGRAD_TAPS ** 2)), ([x, w]) => {
      const left = transform(input, x, inputs);
      const right = transform(weights, w, WINOGRAD_TAPS);
      const products = left.map((value, f) => value * right[f]!);
      transform(output, products, inputs).forEach((value, at) => {
        const [i, j] = [Math.floor(at / tile), at % tile];
        const expected = sum(
          w.map((tap, k) => tap * x[(i + Math.floor(k / 3)) * inputs + j + (k % 3)]!),
        );
        t.true(Math.abs(value - expected) <= 1e8 * rounding);
      });
    });
  });

  test(`F(${tile}, 3): weights lie panel by panel, product by product, columns past the last are zero`, t => {
    const [inChannels, outChannels] = [3, PANEL + 5];
    // [in][out][tap] as in a transposed convolution, and taps in an order of their own.
    const source: KernelSource = {
      weights: Float32Array.from(range(inChannels * outChannels * 9), i => ((i * 7) % 11) - 5),
      inChannels,
      outChannels,
      input: outChannels * 9,
      output: 9,
      taps: [8, 7, 6, 5, 4, 3, 2, 1, 0],
    };
    const packed = packWinograd(source, tile);
    t.is(packed.length, 2 * inputs ** 2 * inChannels * PANEL);
    packed.forEach((value, at) => {
      const [row, column] = [Math.floor(at / PANEL), at % PANEL];
      const channel = row % inChannels;
      const product = Math.floor(row / inChannels) % inputs ** 2;
      const out = Math.floor(row / inChannels / inputs ** 2) * PANEL + column;
      const kernel = source.taps.map(
        tap => source.weights[channel * source.input + out * source.output + tap]!,
      );
      const expected = out < outChannels ? transform(weights, kernel, WINOGRAD_TAPS)[product]! : 0;
      t.true(Math.abs(value - expected) <= 2 ** -24 * Math.abs(expected) + 64 * rounding, `${at}`);
    });
  });

  test(`F(${tile}, 3): a tile holds its transformed inputs and its products`, t => {
    const floats = inputs ** 2 * (7 + 2 * PANEL);
    t.true(winogradTileElements(tile, 7, 2) >= floats);
    t.true(winogradTileElements(tile, 7, 2) <= floats + 2 * PANEL);
  });
}

test('absolute values grow as the documentation says', t => {
  t.is(growth(2), 8);
  t.true(Math.abs(growth(4) - 24.9) < 0.05);
});

/** matrix · square · matrixᵀ of a row-major square. */
function transform(
  matrix: readonly (readonly number[])[],
  square: readonly number[],
  size: number,
): number[] {
  return matrix.flatMap(left =>
    matrix.map(right =>
      sum(square.map((value, at) => left[Math.floor(at / size)]! * right[at % size]! * value)),
    ),
  );
}
