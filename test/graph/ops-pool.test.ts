// Pools over one to three axes, LpPool, LRN, Col2Im and CenterCropPad against loops.

import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import {fuseGraph} from '../../src/graph/fuse.js';
import {checkProperty} from '../helpers/properties.js';
import {assertRuns} from '../schedule/lower-run.js';
import {buildOne, errorOf, floats, ints, type OneNode, runGraph, runOne} from './build-one.js';
import {evaluateGraph} from './evaluate.js';

const AXIS = fc
  .record({
    size: fc.integer({min: 1, max: 5}),
    kernel: fc.integer({min: 1, max: 3}),
    stride: fc.integer({min: 1, max: 3}),
    dilation: fc.integer({min: 1, max: 2}),
    begin: fc.integer({min: 0, max: 1}),
    end: fc.integer({min: 0, max: 1}),
  })
  // Windows fit.
  .filter(({size, kernel, dilation, begin, end}) => {
    const extent = dilation * (kernel - 1) + 1;
    return Math.max(begin, end) < kernel && size + begin + end >= extent && extent > begin + end;
  });

type Axis = typeof AXIS extends fc.Arbitrary<infer T> ? T : never;

/** All positions of a box, the last axis fastest. */
function positions(sizes: readonly number[]): number[][] {
  return sizes.reduce<number[][]>(
    (all, size) => all.flatMap(at => Array.from({length: size}, (_, i) => [...at, i])),
    [[]],
  );
}

/** Elements under each window: those inside the input, and how many positions there are with the padding. */
function windows(axes: readonly Axis[], isCeil: boolean) {
  const round = isCeil ? Math.ceil : Math.floor;
  const sizes = axes.map(({size, kernel, stride, dilation, begin, end}) => {
    const count = round((size + begin + end - dilation * (kernel - 1) - 1) / stride) + 1;
    // A window that would start in the padding at the end is dropped.
    return isCeil && (count - 1) * stride >= size + begin ? count - 1 : count;
  });
  const all = positions(sizes).map(at => {
    const taps = positions(axes.map(axis => axis.kernel)).map(tap =>
      tap.map((k, d) => at[d]! * axes[d]!.stride - axes[d]!.begin + k * axes[d]!.dilation),
    );
    const inside = taps.filter(tap => tap.every((i, d) => i >= 0 && i < axes[d]!.size));
    const padded = taps.filter(tap => tap.every((i, d) => i < axes[d]!.size + axes[d]!.end));
    const flat = inside.map(tap => tap.reduce((sum, i, d) => sum * axes[d]!.size + i, 0));
    return {inside: flat, positions: padded.length};
  });
  return {sizes, all};
}

const CASES = fc.record({
  axes: fc.array(AXIS, {minLength: 1, maxLength: 3}),
  isCeil: fc.boolean(),
  countIncludePad: fc.boolean(),
  op: fc.constantFrom('MaxPool', 'AveragePool', 'LpPool'),
  p: fc.constantFrom(1, 2, 3),
});

test('pools of any rank equal their definition', t => {
  checkProperty(t, CASES, ({axes, isCeil, countIncludePad, op, p}) => {
    const own = op === 'AveragePool' ? {count_include_pad: Number(countIncludePad)} : {};
    const spec: OneNode = {
      op,
      x: [2, 2, ...axes.map(axis => axis.size)],
      opset: 19,
      attrs: {
        kernel_shape: axes.map(axis => axis.kernel),
        strides: axes.map(axis => axis.stride),
        dilations: axes.map(axis => axis.dilation),
        pads: [...axes.map(axis => axis.begin), ...axes.map(axis => axis.end)],
        ceil_mode: Number(isCeil),
        ...own,
        ...(op === 'LpPool' ? {p} : {}),
      },
    };
    const {sizes, all} = windows(axes, isCeil);
    fc.pre(all.every(window => window.inside.length > 0));
    const pixels = axes.reduce((product, axis) => product * axis.size, 1);
    const x = Array.from({length: 4 * pixels}, (_, i) => ((i * 7) % 11) - 5);
    const expected = [0, 1, 2, 3].flatMap(map =>
      all.map(window => {
        const values = window.inside.map(at => x[map * pixels + at]!);
        if (op === 'MaxPool') return Math.max(...values);
        if (op === 'LpPool') return values.reduce((sum, v) => sum + Math.abs(v) ** p, 0) ** (1 / p);
        const sum = values.reduce((total, v) => total + v, 0);
        return sum / (countIncludePad ? window.positions : values.length);
      }),
    );
    const graph = buildOne(spec);
    const {shape, data} = runGraph(graph, x);
    assert.deepEqual(shape, [2, 2, ...sizes]);
    data.forEach((value, i) => {
      assert.ok(Math.abs(value - expected[i]!) < 1e-5, `${i}: ${value} instead of ${expected[i]}`);
    });
    if (op !== 'LpPool') assertRuns(fuseGraph(graph));
  });
});

test('global Lp pooling and local response normalisation equal their definitions', t => {
  const {shape, data} = runOne({op: 'GlobalLpPool', x: [1, 2, 2, 1]}, [3, -4, 5, 12]);
  t.deepEqual(shape, [1, 2, 1, 1]);
  t.deepEqual(data, [5, 13]);

  const attrs = {size: 4, alpha: {float: 4}, beta: {float: 1}, bias: {float: 1}};
  const lrn = {op: 'LRN', x: [1, 4, 1, 1], attrs} as const;
  // Channels c-1 to c+2: of 1, 2, 3, 4 the squares sum up to 14, 30, 29, 25.
  t.deepEqual(
    runOne(lrn, [1, 2, 3, 4]).data.map(value => Math.round(value * 1e6)),
    [1 / 15, 2 / 31, 3 / 30, 4 / 26].map(value => Math.round(value * 1e6)),
  );
  t.is(errorOf({...lrn, attrs: {size: 0}})?.code, 'ERR_MODEL_INVALID');
  t.is(
    errorOf({op: 'LpPool', x: [1, 1, 2], attrs: {kernel_shape: [1], p: 0}})?.code,
    'ERR_MODEL_INVALID',
  );
});

test('Col2Im adds overlapping patches', t => {
  const run = (spec: Partial<OneNode>) =>
    runOne({op: 'Col2Im', opset: 18, x: [1, 2, 3], constants: [ints(4), ints(2)], ...spec});
  t.deepEqual(run({}), {shape: [1, 1, 4], data: [0, 4, 6, 5]});
  t.deepEqual(run({attrs: {pads: [1, 1]}, constants: [ints(2), ints(2)]}).data, [4, 6]);
  t.deepEqual(run({attrs: {strides: [2]}, constants: [ints(6), ints(2)]}).data, [0, 3, 1, 4, 2, 5]);
  t.deepEqual(run({attrs: {dilations: [2]}, constants: [ints(5), ints(2)]}).data, [0, 1, 5, 4, 5]);
  const error = errorOf({op: 'Col2Im', opset: 18, x: [1, 2, 3], constants: [ints(5), ints(2)]});
  t.is(error?.code, 'ERR_MODEL_INVALID');
});

test('CenterCropPad cuts and pads, the larger half at the end', t => {
  const run = (x: number[], sizes: number[], axes?: number[]) =>
    runOne({
      op: 'CenterCropPad',
      opset: 18,
      x,
      constants: [ints(...sizes)],
      attrs: axes === undefined ? {} : {axes},
    });
  t.deepEqual(run([4], [1]).data, [1]);
  t.deepEqual(run([2], [5]).data, [0, 0, 1, 0, 0]);
  t.deepEqual(run([3, 2], [2, 3]).data, [0, 1, 0, 2, 3, 0]);
  t.deepEqual(run([3, 2], [1], [-2]).data, [2, 3]);
  t.is(
    errorOf({op: 'CenterCropPad', opset: 18, x: [3], constants: [floats([1], [1])]})?.code,
    'ERR_MODEL_INVALID',
  );
});

test('MaxPool tells where its maxima lie: the first of equal ones, in either order of storage', t => {
  const cases = fc.record({
    axes: fc.array(AXIS, {minLength: 1, maxLength: 3}),
    isColumnMajor: fc.boolean(),
  });
  checkProperty(t, cases, ({axes, isColumnMajor}) => {
    const {all} = windows(axes, false);
    fc.pre(all.every(window => window.inside.length > 0));
    const sizes = axes.map(axis => axis.size);
    const graph = buildOne({
      op: 'MaxPool',
      x: [2, 2, ...sizes],
      attrs: {
        kernel_shape: axes.map(axis => axis.kernel),
        strides: axes.map(axis => axis.stride),
        dilations: axes.map(axis => axis.dilation),
        pads: [...axes.map(axis => axis.begin), ...axes.map(axis => axis.end)],
        storage_order: Number(isColumnMajor),
      },
      outputCount: 2,
    });
    const pixels = sizes.reduce((product, size) => product * size, 1);
    const x = Array.from({length: 4 * pixels}, (_, i) => ((i * 7) % 5) - 2);
    const place = (at: number) => {
      if (!isColumnMajor) return at;
      const position = positions(sizes)[at]!;
      return position.reduceRight((sum, i, d) => sum * sizes[d]! + i, 0);
    };
    const expected = [0, 1, 2, 3].flatMap(map =>
      all.map(({inside}) => {
        const values = inside.map(at => x[map * pixels + at]!);
        return map * pixels + place(inside[values.indexOf(Math.max(...values))]!);
      }),
    );
    for (const form of [graph, fuseGraph(graph)]) {
      const received = evaluateGraph(form, new Map([['x', x]])).get('y1')!;
      assert.deepEqual(Array.from(received.data), expected);
    }
  });
});

test('MaxUnpool puts maxima back, and output_shape appends zeros', t => {
  const run = (extra: OneNode['constants'] & object, attrs: OneNode['attrs'] & object = {}) =>
    runOne(
      {
        op: 'MaxUnpool',
        x: [1, 2, 1, 2],
        constants: [{dims: [1, 2, 1, 2], data: [1, 2, 8, 11], dtype: 'int64'}, ...extra],
        attrs: {kernel_shape: [2, 2], strides: [2, 2], ...attrs},
      },
      [5, 6, 7, 8],
    );
  const maps = [0, 5, 6, 0, 0, 0, 0, 0, 7, 0, 0, 8, 0, 0, 0, 0];
  t.deepEqual(run([]), {shape: [1, 2, 2, 4], data: maps});
  const wide = run([ints(1, 2, 2, 5)]);
  t.deepEqual(wide.shape, [1, 2, 2, 5]);
  t.deepEqual(wide.data.slice(0, 10), [0, 5, 6, 0, 0, 0, 0, 0, 0, 0]);
  t.throws(() => run([ints(1, 2, 2, 3)]), {code: 'ERR_MODEL_INVALID'});
  t.throws(() => run([], {pads: [1, 1, 1, 1]}), {code: 'ERR_MODEL_INVALID'});
});

test('windows beyond what programs hold are refused by name', t => {
  const huge = 2 ** 21;
  const error = errorOf({op: 'LRN', x: [1, 4, 6], attrs: {size: huge}});
  t.is(error?.code, 'ERR_OP_UNSUPPORTED');
  t.regex(error?.message ?? '', /LRN with a window, step or pad over 1048576/);
  t.is(
    errorOf({
      op: 'MaxPool',
      x: [1, 1, huge + 8],
      attrs: {kernel_shape: [huge]},
    })?.code,
    'ERR_OP_UNSUPPORTED',
  );
});
