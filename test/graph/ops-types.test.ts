// Types at run time: whole numbers and bools held as floats, and the changes between types.

import test from 'ava';
import type {DataType} from '../../src/onnx/model.js';
import {elementTypeNumber} from '../../src/onnx/tensor.js';
import {buildOne, errorOf, floats, type OneNode, runOne} from './build-one.js';

/** The result of `spec` with x at run time; folding must give the same. */
function both(spec: Omit<OneNode, 'x'>, x: readonly number[]): number[] {
  const {xType = 'float32', constants = []} = spec;
  const {data} = runOne({...spec, x: [x.length]}, x);
  const folded = {...spec, constants: [{dims: [x.length], data: x, dtype: xType}, ...constants]};
  const graph = buildOne(folded);
  if (graph.nodes.length > 0) throw new Error(`${spec.op} did not fold`);
  const {data: same} = runOne(folded);
  if (data.some((value, at) => !Object.is(value, same[at])))
    throw new Error(`${spec.op}: ${data} at run time but ${same} folded`);
  return data;
}

function typed(dtype: DataType, ...data: readonly number[]) {
  return {dims: [data.length], data, dtype};
}

test('division of integers truncates toward zero, Mod follows the divisor, fmod the dividend', t => {
  const divisors = typed('int32', 2, 2, -2, -2, 7);
  const x = [7, -7, 7, -7, 49];
  const spec = {xType: 'int32', constants: [divisors]} as const;
  t.deepEqual(both({op: 'Div', ...spec}, x), [3, -3, -3, 3, 7]);
  t.deepEqual(both({op: 'Mod', ...spec}, x), [1, 1, -1, -1, 0]);
  t.deepEqual(both({op: 'Mod', ...spec, attrs: {fmod: 1}}, x), [1, -1, 1, -1, 0]);
});

test('division by one constant stays exact for integers', t => {
  const x = Array.from({length: 300}, (_, index) => index * 55_924);
  const {data} = runOne({op: 'Div', x: [300], xType: 'int64', constants: [typed('int64', 49)]}, x);
  t.deepEqual(
    data,
    x.map(value => Math.floor(value / 49)),
  );
});

test('integers of 8 and 16 bits wrap', t => {
  const bytes = {xType: 'uint8', constants: [typed('uint8', 10, 200, 3)]} as const;
  t.deepEqual(both({op: 'Add', ...bytes}, [250, 100, 5]), [4, 44, 8]);
  t.deepEqual(both({op: 'Sub', ...bytes}, [250, 100, 5]), [240, 156, 2]);
  t.deepEqual(both({op: 'Mul', ...bytes}, [250, 100, 5]), [196, 32, 15]);
  const signed = {xType: 'int16', constants: [typed('int16', 1, -1)]} as const;
  t.deepEqual(both({op: 'Add', ...signed}, [32767, -32768]), [-32768, 32767]);
  t.deepEqual(both({op: 'Neg', xType: 'int8'}, [-128, 127, 0]), [-128, -127, 0]);
  t.deepEqual(both({op: 'Abs', xType: 'int8'}, [-128, -5, 5]), [-128, 5, 5]);
});

test('powers of integers are integers, whatever the type of the exponent', t => {
  const spec = {op: 'Pow', xType: 'int64'} as const;
  t.deepEqual(both({...spec, constants: [typed('int64', 3, 2, 0)]}, [5, -3, 9]), [125, 9, 1]);
  t.deepEqual(both({...spec, constants: [typed('int64', -1)]}, [2, 1]), [0, 1]);
  t.deepEqual(both({...spec, constants: [floats([1], [0.5])]}, [2, 9]), [1, 3]);
});

test('Cast at run time is Cast of constants', t => {
  const x = [-1.9, 1.9, 300, 0, -0.25, Number.NaN, 70_000, 2 ** 31];
  const cast = (dtype: DataType) =>
    both({op: 'Cast', attrs: {to: elementTypeNumber(dtype)}, opset: 13}, x);
  t.deepEqual(cast('int64'), [-1, 1, 300, 0, 0, 0, 70_000, 2 ** 31]);
  t.deepEqual(cast('int32'), [-1, 1, 300, 0, 0, 0, 70_000, -(2 ** 31)]);
  t.deepEqual(cast('uint8'), [255, 1, 44, 0, 0, 0, 112, 0]);
  t.deepEqual(cast('int8'), [-1, 1, 44, 0, 0, 0, 112, 0]);
  t.deepEqual(cast('uint16'), [65_535, 1, 300, 0, 0, 0, 4464, 0]);
  t.deepEqual(cast('bool'), [1, 1, 1, 0, 1, 1, 1, 1]);
});

test('Cast to short floating types rounds to even and overflows to infinity', t => {
  const round = (dtype: DataType, x: readonly number[]) =>
    both({op: 'Cast', attrs: {to: elementTypeNumber(dtype)}}, x.map(Math.fround));
  t.deepEqual(round('float16', [2049, 2051, 65_519, 65_520, -1e6, 3 * 2 ** -25, 2 ** -26]), [
    2048,
    2052,
    65_504,
    Infinity,
    -Infinity,
    2 ** -23,
    0,
  ]);
  t.deepEqual(round('bfloat16', [257, 259, -1, 3.4e38]), [256, 260, -1, Infinity]);
});

test('Cast tells the type, and computes only where values change', t => {
  const cast = (xType: DataType, to: DataType) =>
    buildOne({op: 'Cast', x: [2], xType, attrs: {to: elementTypeNumber(to)}});
  for (const [from, to, nodes] of [
    ['float16', 'float32', 0],
    ['float32', 'float64', 0],
    ['bool', 'int64', 0],
    ['uint8', 'int32', 0],
    ['int32', 'float32', 0],
    ['int32', 'int8', 1],
    ['int8', 'uint8', 1],
    ['float32', 'int64', 1],
    ['int64', 'bool', 1],
  ] as const) {
    const graph = cast(from, to);
    t.is(graph.nodes.length, nodes, `${from} to ${to}`);
    t.is(graph.outputs[0]!.dtype, to === 'float64' ? 'float32' : to, `${from} to ${to}`);
  }
});

test('CastLike takes the type of its second input', t => {
  const like = (dtype: DataType) =>
    both({op: 'CastLike', opset: 15, constants: [typed(dtype, 0)]}, [1.5, -2.5, 2049]);
  t.deepEqual(like('int32'), [1, -2, 2049]);
  t.deepEqual(like('float16'), [1.5, -2.5, 2048]);
});

test('means of integers are integers', t => {
  const {data} = runOne(
    {op: 'ReduceMean', x: [3], xType: 'int32', attrs: {axes: [0]}},
    [-1, -2, -2],
  );
  t.deepEqual(data, [-1]);
});

test('comparisons are false where an operand is NaN', t => {
  const x = [1, 2, 3, Number.NaN];
  const other = floats([4], [2, 2, 2, 2]);
  const compare = (op: string) => both({op, constants: [other], opset: 16}, x);
  t.deepEqual(compare('Equal'), [0, 1, 0, 0]);
  t.deepEqual(compare('Less'), [1, 0, 0, 0]);
  t.deepEqual(compare('LessOrEqual'), [1, 1, 0, 0]);
  t.deepEqual(compare('Greater'), [0, 0, 1, 0]);
  t.deepEqual(compare('GreaterOrEqual'), [0, 1, 1, 0]);
  t.is(buildOne({op: 'Equal', x: [4], constants: [other]}).outputs[0]!.dtype, 'bool');
});

test('logic of bools', t => {
  const x = [0, 0, 1, 1];
  const logic = (op: string) =>
    both({op, xType: 'bool', constants: [typed('bool', 0, 1, 0, 1)]}, x);
  t.deepEqual(logic('And'), [0, 0, 0, 1]);
  t.deepEqual(logic('Or'), [0, 1, 1, 1]);
  t.deepEqual(logic('Xor'), [0, 1, 1, 0]);
  t.deepEqual(both({op: 'Not', xType: 'bool'}, x), [1, 1, 0, 0]);
});

test('Where chooses, and what it does not choose has no say', t => {
  const constants = [floats([3], [1, Number.NaN, 3]), floats([], [-Infinity])];
  t.deepEqual(both({op: 'Where', xType: 'bool', constants}, [1, 0, 1]), [1, -Infinity, 3]);
  t.deepEqual(
    both({op: 'Where', xType: 'bool', constants: [floats([1], [-0]), floats([], [5])]}, [1, 0]),
    [-0, 5],
  );
});

test('IsNaN and IsInf', t => {
  const x = [Number.NaN, Infinity, -Infinity, 1];
  t.deepEqual(both({op: 'IsNaN'}, x), [1, 0, 0, 0]);
  t.deepEqual(both({op: 'IsInf'}, x), [0, 1, 1, 0]);
  t.deepEqual(both({op: 'IsInf', attrs: {detect_negative: 0}}, x), [0, 1, 0, 0]);
  t.deepEqual(both({op: 'IsInf', attrs: {detect_positive: 0}}, x), [0, 0, 1, 0]);
  t.deepEqual(
    both({op: 'IsInf', attrs: {detect_positive: 0, detect_negative: 0}}, x),
    [0, 0, 0, 0],
  );
});

test('a type that an operator does not take is refused by name', t => {
  const refused: readonly (readonly [string, DataType])[] = [
    ['Sin', 'int32'],
    ['Relu', 'bool'],
    ['Not', 'float32'],
    ['Softmax', 'int64'],
  ];
  for (const [op, xType] of refused) {
    const error = errorOf({op, x: [2], xType});
    t.is(error?.code, 'ERR_OP_UNSUPPORTED');
    t.regex(error?.message ?? '', new RegExp(`${op} of ${xType} values`));
  }
});
