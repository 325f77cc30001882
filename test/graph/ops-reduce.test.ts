import test from 'ava';
import fc from 'fast-check';
import {checkProperty} from '../helpers/properties.js';
import {
  buildOne,
  errorOf,
  floats,
  ints,
  type OneNode,
  operationNames,
  runOne,
} from './build-one.js';

const DEFINITIONS: Readonly<Record<string, (values: readonly number[]) => number>> = {
  ReduceMean: values => total(values) / values.length,
  ReduceSum: values => total(values),
  ReduceMax: values => Math.max(...values),
  ReduceMin: values => Math.min(...values),
  ReduceProd: values => values.reduce((product, value) => product * value, 1),
  ReduceL1: values => total(values.map(Math.abs)),
  ReduceL2: values => Math.hypot(...values),
  ReduceSumSquare: values => total(values.map(value => value * value)),
  ReduceLogSum: values => Math.log(total(values)),
  ReduceLogSumExp: values => Math.log(total(values.map(Math.exp))),
};

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function isClose(actual: readonly number[], expected: readonly number[]): boolean {
  return (
    actual.length === expected.length &&
    expected.every((value, at) => {
      const other = actual[at]!;
      return (
        Object.is(value, other) || Math.abs(value - other) <= 1e-6 * Math.max(1, Math.abs(value))
      );
    })
  );
}

const X = [0, -1, 2, 3, 5, -4];

for (const [op, definition] of Object.entries(DEFINITIONS)) {
  test(`${op} reads axes from an attribute before, from an input since the opset that moved them`, t => {
    const rows = [definition(X.slice(0, 3)), definition(X.slice(3))];
    const old = runOne({op, x: [2, 3], attrs: {axes: [-1]}, opset: 11}, X);
    t.deepEqual(old.shape, [2, 1]);
    t.true(isClose(old.data, rows));
    const spec: OneNode = {op, x: [2, 3], constants: [ints(1)], attrs: {keepdims: 0}, opset: 18};
    const recent = runOne(spec, X);
    t.deepEqual(recent.shape, [2]);
    t.true(isClose(recent.data, rows));
    t.true(isClose(runOne({op, x: [2, 3], opset: 18}, X).data, [definition(X)]));
    t.deepEqual(runOne({op, x: [], attrs: {keepdims: 0}, opset: 18}, [3]).shape, []);
  });

  test(`${op} of constants gives what it gives at run time`, t => {
    for (const axes of [[0], [1], [0, 2], [0, 1, 2]]) {
      const data = Array.from({length: 24}, (_, i) => ((i * 7) % 11) - 3);
      const folded = runOne({
        op,
        constants: [floats([2, 3, 4], data), ints(...axes)],
        opset: 18,
      });
      const computed = runOne({op, x: [2, 3, 4], constants: [ints(...axes)], opset: 18}, data);
      t.deepEqual(folded.shape, computed.shape);
      t.true(isClose(folded.data, computed.data), `${axes}`);
    }
  });
}

test('without axes a reduction may apply to single elements', t => {
  const noop = (op: string) =>
    runOne({op, x: [4], attrs: {noop_with_empty_axes: 1}, opset: 18}, [1, -2, 3, -4]).data;
  t.deepEqual(noop('ReduceMax'), [1, -2, 3, -4]);
  t.deepEqual(noop('ReduceL1'), [1, 2, 3, 4]);
  t.deepEqual(noop('ReduceSumSquare'), [1, 4, 9, 16]);
});

test('logarithms of summed exponentials neither overflow nor lose infinities', t => {
  const of = (...values: number[]) =>
    runOne({op: 'ReduceLogSumExp', x: [values.length]}, values).data[0];
  t.is(of(1000, 1000), 1000 + Math.log(2));
  t.is(of(-1000, -1000), -1000 + Math.log(2));
  t.is(of(-Infinity, -Infinity), -Infinity);
  t.is(of(-Infinity, 7), 7);
  t.is(of(Infinity, 7), Infinity);
});

test('a reduction of nothing gives what leaves others as they are', t => {
  const empty = (op: string, dtype: 'float32' | 'int32' | 'bool' = 'float32') =>
    runOne({op, constants: [{dims: [2, 0], data: [], dtype}, ints(1)], opset: 18}).data;
  t.deepEqual(empty('ReduceSum'), [0, 0]);
  t.deepEqual(empty('ReduceProd'), [1, 1]);
  t.deepEqual(empty('ReduceMax'), [-Infinity, -Infinity]);
  t.deepEqual(empty('ReduceMin'), [Infinity, Infinity]);
  t.deepEqual(empty('ReduceMax', 'int32'), [-(2 ** 31), -(2 ** 31)]);
  t.deepEqual(empty('ReduceMin', 'bool'), [1, 1]);
  t.deepEqual(empty('ReduceLogSumExp'), [-Infinity, -Infinity]);
  t.deepEqual(empty('ReduceMean'), [NaN, NaN]);
});

test('a mean of whole numbers is truncated', t => {
  const mean = (...data: number[]) =>
    runOne({op: 'ReduceMean', constants: [{dims: [data.length], data, dtype: 'int32'}]}).data;
  t.deepEqual(mean(1, 2, 2), [1]);
  t.deepEqual(mean(-1, -2, -2), [-1]);
});

test('reductions refuse axes that are not there, twice there, or computed', t => {
  const code = (spec: Partial<OneNode>) =>
    errorOf({op: 'ReduceL2', x: [2, 3], opset: 18, ...spec})?.code;
  t.is(code({constants: [ints(2)]}), 'ERR_MODEL_INVALID');
  t.is(code({constants: [ints(0, -2)]}), 'ERR_MODEL_INVALID');
  t.is(code({attrs: {axes: [0]}}), 'ERR_OP_UNSUPPORTED');
});

test('ArgMax and ArgMin give the first or the last index', t => {
  const arg = (op: string, attrs: NonNullable<OneNode['attrs']> = {}, opset = 13) =>
    runOne(
      {op, x: [2, 4], attrs: {axis: 1, keepdims: 0, ...attrs}, opset},
      [3, 1, 3, 1, -1, 0, -1, 0],
    );
  t.deepEqual(arg('ArgMax'), {shape: [2], data: [0, 1]});
  t.deepEqual(arg('ArgMin'), {shape: [2], data: [1, 0]});
  t.deepEqual(arg('ArgMax', {select_last_index: 1}).data, [2, 3]);
  t.deepEqual(arg('ArgMin', {axis: -2, keepdims: 1}).shape, [1, 4]);
  const graph = buildOne({op: 'ArgMax', x: [2, 4]});
  t.is(graph.values.get('y0')!.dtype, 'int64');
  t.is(errorOf({op: 'ArgMax', x: [2], attrs: {axis: 1}})?.code, 'ERR_MODEL_INVALID');
  t.is(
    errorOf({op: 'ArgMax', x: [2], attrs: {select_last_index: 1}, opset: 11})?.code,
    'ERR_OP_UNSUPPORTED',
  );
});

test('Hardmax marks the first largest element, over flattened axes before opset 13', t => {
  const x = [1, 5, 5, 0, 9, 2, 9, 3];
  t.deepEqual(runOne({op: 'Hardmax', x: [2, 4]}, x).data, [0, 1, 0, 0, 1, 0, 0, 0]);
  t.deepEqual(
    runOne({op: 'Hardmax', x: [2, 4], attrs: {axis: 0}}, x).data,
    [0, 1, 0, 0, 1, 0, 1, 1],
  );
  t.deepEqual(runOne({op: 'Hardmax', x: [1, 2, 4], opset: 11}, x).data, [0, 0, 0, 0, 1, 0, 0, 0]);
});

test('running sums and products go along one axis, either way', t => {
  const run = (op: string, attrs: NonNullable<OneNode['attrs']> = {}, opset = 14) =>
    runOne({op, x: [2, 3], constants: [ints(-1)], attrs, opset}, [1, 2, 3, 4, 5, 6]).data;
  t.deepEqual(run('CumSum'), [1, 3, 6, 4, 9, 15]);
  t.deepEqual(run('CumSum', {exclusive: 1}), [0, 1, 3, 0, 4, 9]);
  t.deepEqual(run('CumSum', {reverse: 1}), [6, 5, 3, 15, 11, 6]);
  t.deepEqual(run('CumSum', {reverse: 1, exclusive: 1}), [5, 3, 0, 11, 6, 0]);
  t.deepEqual(run('CumProd', {}, 26), [1, 2, 6, 4, 20, 120]);
  t.is(
    errorOf({op: 'CumProd', x: [3], constants: [ints(0)], opset: 25})?.code,
    'ERR_OP_UNSUPPORTED',
  );
  t.is(errorOf({op: 'CumSum', x: [3], constants: [ints(0, 1)]})?.code, 'ERR_MODEL_INVALID');
});

test('searches and running sums of constants fold to what they compute', t => {
  const arbitrary = fc.record({
    op: fc.constantFrom('ArgMax', 'ArgMin', 'CumSum'),
    axis: fc.integer({min: -3, max: 2}),
    flags: fc.tuple(fc.nat(1), fc.nat(1)),
    data: fc.array(fc.integer({min: -3, max: 3}), {minLength: 24, maxLength: 24}),
  });
  checkProperty(t, arbitrary, ({op, axis, flags: [first, second], data}) => {
    const isArg = op !== 'CumSum';
    const attrs = isArg
      ? {axis, keepdims: first, select_last_index: second}
      : {exclusive: first, reverse: second};
    const constants = isArg ? [] : [ints(axis)];
    const folded = buildOne({op, constants: [floats([2, 3, 4], data), ...constants], attrs});
    const computed = runOne({op, x: [2, 3, 4], constants, attrs}, data);
    const {constant} = {constant: folded.constants.get(folded.outputs[0]!.value)!};
    return (
      operationNames(folded).length === 0 &&
      constant.dims.join() === computed.shape.join() &&
      isClose(Array.from(constant.data), computed.data)
    );
  });
});
