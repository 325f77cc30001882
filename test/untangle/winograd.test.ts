// Winograd's matrices compute convolutions, and weights are transformed and packed in the order of the products.

import test from 'ava';
import fc from 'fast-check';
import {PANEL} from '../../src/untangle/pack.js';
import {
  isWinogradForm,
  type Matrix,
  WINOGRAD_PAIR,
  WINOGRAD_TILES,
  type WinogradForm,
  winogradInputs,
  winogradKernelElements,
  winogradMatrices,
  winogradOutputs,
  winogradProducts,
  winogradTileElements,
} from '../../src/untangle/winograd.js';
import {checkProperty} from '../helpers/properties.js';
import {growth, WINOGRAD_FORMS} from '../schedule/winograd-bound.js';

const range = (count: number) => Array.from({length: count}, (_, index) => index);
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** Halves are exact; roots of a half and of two are not. */
const roundingOf = (tile: number) => (tile <= 2 ? 0 : 2 ** -50);

const nameOf = ({tile, taps}: WinogradForm) => `tiles of ${tile} for ${taps.join('x')} taps`;

test('there are tiles of two and four for two and three taps, and of three and pairs for three', t => {
  t.is(WINOGRAD_FORMS.length, 22);
  const has = (tile: number, rows: number, columns: number) =>
    isWinogradForm({tile, taps: [rows, columns]} as WinogradForm);
  t.true(has(2, 1, 2) && has(4, 3, 2) && has(3, 3, 1) && has(1, 3, 3) && has(1, 1, 3));
  t.false(has(4, 1, 1) || has(3, 2, 3) || has(1, 2, 3) || has(5, 3, 3) || has(2, 4, 2));
  t.false(has(2, 0, 3) || has(2, 1.5, 3));
});

for (const tile of WINOGRAD_TILES) {
  for (const taps of [1, 2, 3].filter(count => tile !== 3 || count !== 2)) {
    test(`F(${tile}, ${taps}): output i takes tap k of input i + k, and nothing else`, t => {
      const {output, weights, input} = winogradMatrices(tile, taps);
      const [outputs, inputs] = [winogradOutputs(tile, taps), winogradInputs(tile, taps)];
      t.is(outputs, taps === 1 ? 1 : tile);
      t.deepEqual(
        [output, weights, input].map(matrix => [matrix.length, matrix[0]!.length]),
        [
          [outputs, inputs],
          [inputs, taps],
          [inputs, inputs],
        ],
      );
      for (const i of range(outputs)) {
        for (const k of range(taps)) {
          for (const j of range(inputs)) {
            const share = sum(
              range(inputs).map(v => output[i]![v]! * weights[v]![k]! * input[v]![j]!),
            );
            const wrong = Math.abs(share - (j === i + k ? 1 : 0));
            t.true(wrong <= 8 * roundingOf(tile), `${i} ${k} ${j}`);
          }
        }
      }
    });
  }
}

test('pairs: three products give two outputs of two inputs that have no neighbours', t => {
  const {output, weights, input} = winogradMatrices(WINOGRAD_PAIR, 3);
  for (const i of range(2)) {
    for (const j of range(2)) {
      for (const k of range(3)) {
        const share = sum(range(3).map(v => output[i]![v]! * weights[v]![k]! * input[v]![j]!));
        t.is(share, j === i + k - 1 ? 1 : 0, `${i} ${j} ${k}`);
      }
    }
  }
  t.is(winogradProducts({tile: WINOGRAD_PAIR, taps: [3, 3]}), 9);
  t.is(winogradProducts({tile: WINOGRAD_PAIR, taps: [1, 3]}), 3);
});

for (const form of WINOGRAD_FORMS) {
  const {tile, taps} = form;
  const [rows, columns] = taps.map(count => winogradMatrices(tile, count)) as [
    ReturnType<typeof winogradMatrices>,
    ReturnType<typeof winogradMatrices>,
  ];
  const [height, width] = taps.map(count => winogradInputs(tile, count)) as [number, number];
  const inside = (index: number, size: number) => index >= 0 && index < size;
  // A pair's window begins with its first input, others with what their first tap reads.
  const [above, before] = taps.map(count => (tile === WINOGRAD_PAIR && count > 1 ? 1 : 0)) as [
    number,
    number,
  ];
  const outputs = winogradOutputs(tile, taps[1]);
  const rounding = roundingOf(tile);

  test(`${nameOf(form)} compute a convolution`, t => {
    const eighths = (count: number) =>
      fc.array(
        fc.integer({min: -800, max: 800}).map(value => value / 8),
        {minLength: count, maxLength: count},
      );
    checkProperty(t, fc.tuple(eighths(height * width), eighths(taps[0] * taps[1])), ([x, w]) => {
      const left = transform(rows.input, columns.input, x);
      const right = transform(rows.weights, columns.weights, w);
      const products = left.map((value, f) => value * right[f]!);
      transform(rows.output, columns.output, products).forEach((value, at) => {
        const [i, j] = [Math.floor(at / outputs), at % outputs];
        const terms = w.map((tap, k) => {
          const [row, column] = [i + Math.floor(k / taps[1]) - above, j + (k % taps[1]) - before];
          return inside(row, height) && inside(column, width) ? tap * x[row * width + column]! : 0;
        });
        const expected = sum(terms);
        t.true(Math.abs(value - expected) <= 1e8 * rounding);
      });
    });
  });

  test(`${nameOf(form)} hold their transformed inputs and their sums`, t => {
    const products = winogradProducts(form);
    const floats = products * (7 + 2 * PANEL);
    t.true(winogradTileElements(form, 7, 2) >= floats);
    t.true(winogradTileElements(form, 7, 2) <= floats + 2 * PANEL);
    t.is(winogradKernelElements(form, 7, 2), products * 7 * 2 * PANEL);
  });
}

test('absolute values grow as the documentation says', t => {
  const expected = {'1,3': 4, '2,2': 4, '2,3': 8, '3,3': 21, '4,2': 16.7, '4,3': 24.9};
  for (const [key, value] of Object.entries(expected)) {
    const [tile, taps] = key.split(',').map(Number) as [number, number];
    t.true(Math.abs(growth(tile, taps) - value) < 0.05, key);
  }
  t.is(growth(2, 3), 8);
  t.is(growth(2, 2), 4);
  t.is(growth(4, 1), 1);
});

/** rows · matrix · columnsᵀ of a row-major matrix. */
function transform(rows: Matrix, columns: Matrix, values: readonly number[]): number[] {
  const width = columns[0]!.length;
  return rows.flatMap(left =>
    columns.map(right =>
      sum(values.map((value, at) => left[Math.floor(at / width)]! * right[at % width]! * value)),
    ),
  );
}
