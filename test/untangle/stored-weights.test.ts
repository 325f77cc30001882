// Stored weights: the nearest values or their neighbours on the other side, sums of errors of one step at most.

import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import {
  storedElements,
  storeWeights,
  unstorable,
  WEIGHT_BYTES,
} from '../../src/untangle/stored-weights.js';
import {checkProperty} from '../helpers/properties.js';

interface Layout {
  readonly panels: number;
  readonly rows: number;
  readonly width: number;
  readonly channels: number;
  readonly phaseTaps: readonly number[];
}

const LAYOUTS = fc
  .record({
    panels: fc.integer({min: 1, max: 3}),
    width: fc.integer({min: 1, max: 16}),
    channels: fc.integer({min: 1, max: 9}),
    phaseTaps: fc.array(fc.integer({min: 0, max: 9}), {minLength: 1, maxLength: 3}),
  })
  .map(
    (layout): Layout => ({
      ...layout,
      rows: layout.channels * layout.phaseTaps.reduce((sum, taps) => sum + taps, 0),
    }),
  )
  .filter(({rows}) => rows > 0);

const WEIGHTS = LAYOUTS.chain(layout =>
  fc.record({
    layout: fc.constant(layout),
    values: fc.array(
      fc.oneof(
        fc.double({min: -1, max: 1, noNaN: true}),
        fc.double({min: -(2 ** -13), max: 2 ** -13, noNaN: true}),
        fc.integer({min: -3, max: 3}),
      ),
      {
        minLength: layout.panels * layout.rows * layout.width,
        maxLength: layout.panels * layout.rows * layout.width,
      },
    ),
  }),
);

/** What is stored, read back by the definition of the types; and the step that each value is rounded to. */
function roundTrip(type: 'fp16' | 'int8', layout: Layout, values: readonly number[]) {
  const {panels, rows, width} = layout;
  const bytes = new Uint8Array(storedElements(type, layout) * WEIGHT_BYTES[type]);
  // A scale of subnormal numbers would have too few bits.
  const exact = Float32Array.from(values, value => (Math.abs(value) < 1e-30 ? 0 : value));
  storeWeights(type, layout, exact.slice(), bytes);
  const view = new DataView(bytes.buffer);
  const stride = bytes.length / panels;
  const at = (index: number) => {
    const panel = Math.floor(index / (rows * width));
    const inside = index % (rows * width);
    if (type === 'fp16') {
      const value = fromHalf(view.getUint16(panel * stride + inside * 2, true));
      const exponent = Math.floor(Math.log2(Math.abs(exact[index]!)));
      return {value, step: Math.max(2 ** -24, 2 ** (exponent - 10))};
    }
    const scale = view.getFloat32(panel * stride + (inside % width) * 4, true);
    const byte = view.getInt8(panel * stride + width * 4 + inside);
    assert.ok(byte >= -127);
    return {value: byte * scale, step: scale};
  };
  return Array.from(exact, (value, index) => ({exact: value, ...at(index)}));
}

function fromHalf(bits: number): number {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const magnitude = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
  return bits >> 15 === 1 ? -magnitude : magnitude;
}

for (const type of ['fp16', 'int8'] as const) {
  test(`${type}: weights are off by less than a step, sums over a phase by less than their largest`, t => {
    checkProperty(t, WEIGHTS, ({layout, values}) => {
      const {channels, phaseTaps, rows, width} = layout;
      const stored = roundTrip(type, layout, values);
      for (const {exact, value, step} of stored) {
        const error = Math.abs(value - exact);
        assert.ok(error <= step * (1 + 1e-6), `${exact} became ${value}, ${error / step} steps`);
      }
      for (let start = 0; start < stored.length; start += rows * width) {
        for (let column = 0; column < width; column++) {
          let row = 0;
          for (const taps of phaseTaps) {
            const phase = Array.from({length: taps * channels}, (_, i) => {
              return stored[start + (row + i) * width + column]!;
            });
            row += taps * channels;
            const sum = phase.reduce((total, {exact, value}) => total + value - exact, 0);
            const most = Math.max(0, ...phase.map(({step}) => step));
            const nearest = phase.reduce((total, {step}) => total + step / 2, 0);
            assert.ok(Math.abs(sum) <= Math.max(most, nearest) * (1 + 1e-6), `sum ${sum}`);
          }
        }
      }
    });
  });

  test(`${type}: numbers that the type has stay as they are`, t => {
    checkProperty(t, LAYOUTS, layout => {
      const {panels, rows, width} = layout;
      const values = Array.from({length: panels * rows * width}, (_, i) => ((i % 3) - 1) * 127);
      for (const {exact, value} of roundTrip(type, layout, values)) assert.equal(value, exact);
    });
  });
}

test('rounding errors of a smooth input cancel', t => {
  // 3x3 kernels of 64 channels and 16 outputs; every input is 1, as in a flat part of a picture.
  const layout = {panels: 1, rows: 9 * 64, width: 16, channels: 64, phaseTaps: [9]};
  let state = 1;
  const values = Array.from({length: layout.rows * 16}, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  });
  const stored = roundTrip('int8', layout, values);
  for (let column = 0; column < 16; column++) {
    const own = stored.filter((_, index) => index % 16 === column);
    const sum = own.reduce((total, {exact, value}) => total + value - exact, 0);
    t.true(Math.abs(sum) <= own[0]!.step / 2 + 1e-6, `column ${column}: ${sum}`);
  }
});

test('numbers that half precision lacks, and those that are none, are found', t => {
  t.is(unstorable('fp16', Float32Array.of(1, -65504, 65504)), undefined);
  t.is(unstorable('fp16', Float32Array.of(1, -65536)), -65536);
  t.is(unstorable('int8', Float32Array.of(1e30, -3)), undefined);
  t.is(unstorable('int8', Float32Array.of(1, Number.NaN)), Number.NaN);
  t.is(unstorable('int8', Float32Array.of(Infinity)), Infinity);
  t.is(unstorable('fp32', Float32Array.of(Infinity)), undefined);
});
