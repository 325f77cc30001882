import test from 'ava';
import {erf} from '../../src/graph/fold-scalar.js';
import {buildOne, errorOf, floats, ints, operationNames, runOne} from './build-one.js';

test('functions of one value, at run time and folded, agree', t => {
  const samples = [-3, -0.5, 0, 0.5, 3];
  for (const op of [
    'Relu',
    'Sigmoid',
    'Tanh',
    'Softplus',
    'Erf',
    'Neg',
    'Abs',
    'Exp',
    'Floor',
    'Ceil',
    'Elu',
    'LeakyRelu',
    'HardSigmoid',
    'HardSwish',
  ]) {
    const atRunTime = runOne({op, x: [5], opset: 14}, samples).data;
    const folded = runOne({op, constants: [floats([5], samples)], opset: 14}).data;
    t.true(
      folded.every((value, at) => Math.abs(value - atRunTime[at]!) < 1e-6),
      op,
    );
  }
  t.deepEqual(runOne({op: 'Sqrt', constants: [floats([2], [4, 9])]}).data, [2, 3]);
  t.deepEqual(runOne({op: 'Reciprocal', constants: [floats([2], [4, 0.5])]}).data, [0.25, 2]);
  t.deepEqual(runOne({op: 'Log', constants: [floats([1], [1])]}).data, [0]);
});

test('parameters have the defaults of ONNX', t => {
  t.deepEqual(activation('LeakyRelu', {}), {fn: 'leakyRelu', alpha: 0.01, beta: 0});
  t.deepEqual(activation('Elu', {}), {fn: 'elu', alpha: 1, beta: 0});
  t.deepEqual(activation('HardSigmoid', {}), {fn: 'hardSigmoid', alpha: 0.2, beta: 0.5});
  t.deepEqual(activation('HardSigmoid', {alpha: 0.5}), {fn: 'hardSigmoid', alpha: 0.5, beta: 0.5});
});

function activation(op: string, attrs: Record<string, number>): unknown {
  const {operation} = buildOne({op, x: [2], attrs}).nodes[0]!;
  const step = operation.op === 'chain' ? operation.ops[0] : undefined;
  return step?.fn.kind === 'unary' ? step.fn.activation : undefined;
}

test('Clip takes bounds from attributes up to opset 10 and from inputs since', t => {
  const values = [-2, 0.5, 9];
  const bounds = {min: {float: 0}, max: {float: 6}};
  t.deepEqual(runOne({op: 'Clip', x: [3], attrs: bounds, opset: 10}, values).data, [0, 0.5, 6]);
  t.deepEqual(
    runOne({op: 'Clip', x: [3], constants: [floats([], [0]), floats([], [6])]}, values).data,
    [0, 0.5, 6],
  );
  t.deepEqual(
    runOne({op: 'Clip', x: [3], constants: [null, floats([], [6])]}, values).data,
    [-2, 0.5, 6],
  );
  t.deepEqual(runOne({op: 'Clip', x: [3]}, values).data, values);
});

test('functions of two values broadcast as in numpy', t => {
  const column = floats([2, 1], [10, 20]);
  t.deepEqual(runOne({op: 'Add', x: [3], constants: [column]}), {
    shape: [2, 3],
    data: [10, 11, 12, 20, 21, 22],
  });
  t.deepEqual(runOne({op: 'Pow', x: [3], constants: [floats([], [2])]}).data, [0, 1, 4]);
  t.deepEqual(runOne({op: 'Pow', x: [3], constants: [ints(2)]}).data, [0, 1, 4]);
  t.deepEqual(
    runOne({op: 'Max', x: [3], constants: [floats([1], [1]), floats([3], [0, 0, 5])]}).data,
    [1, 1, 5],
  );
  t.deepEqual(operationNames(buildOne({op: 'Sum', x: [3], constants: [column, column]})), [
    'chain',
    'chain',
  ]);
  t.is(errorOf({op: 'Add', x: [3], constants: [floats([2], [1, 2])]})?.code, 'ERR_MODEL_INVALID');
});

test('integer division truncates toward zero', t => {
  const {data} = runOne({op: 'Div', constants: [ints(7, -7, 7, -7), ints(2, 2, -2, -2)]});
  t.deepEqual(data, [3, -3, -3, 3]);
});

test('PRelu slopes broadcast to the input and never widen it', t => {
  const slope = floats([2, 1, 1], [0.5, 2]);
  t.deepEqual(
    runOne({op: 'PRelu', x: [1, 2, 1, 2], constants: [slope]}, [-2, 2, -2, 2]).data,
    [-1, 2, -4, 2],
  );
  t.is(
    errorOf({op: 'PRelu', x: [2], constants: [floats([2, 1], [1, 1])]})?.code,
    'ERR_MODEL_INVALID',
  );
});

test('Dropout in training is unsupported, unless nothing is dropped', t => {
  const training = {dims: [], data: [1], dtype: 'bool'} as const;
  t.is(
    errorOf({op: 'Dropout', x: [2], constants: [floats([], [0.5]), training]})?.code,
    'ERR_OP_UNSUPPORTED',
  );
  t.is(errorOf({op: 'Dropout', x: [2], constants: [floats([], [0]), training]}), null);
  t.is(errorOf({op: 'Dropout', x: [2], constants: [floats([], [0.5])]}), null);
});

test('the error function matches its known values', t => {
  // Abramowitz & Stegun, table 7.1.
  for (const [x, expected] of [
    [0.5, 0.5204998778],
    [1, 0.8427007929],
    [2, 0.995322265],
    [-1, -0.8427007929],
  ] as const) {
    t.true(Math.abs(erf(x) - expected) < 1e-10);
  }
  t.is(erf(Infinity), 1);
  t.is(erf(-100), -1);
  t.true(Number.isNaN(erf(NaN)));
});
