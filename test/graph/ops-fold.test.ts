import test from 'ava';
import {buildOne, errorOf, floats, ints, operationNames, runOne} from './build-one.js';

test('Shape and Size are constants; start and end count from either side', t => {
  t.deepEqual(runOne({op: 'Shape', x: [2, 3, 4]}).data, [2, 3, 4]);
  t.deepEqual(runOne({op: 'Shape', x: [2, 3, 4], attrs: {start: 1}, opset: 15}).data, [3, 4]);
  t.deepEqual(
    runOne({op: 'Shape', x: [2, 3, 4], attrs: {start: -9, end: -1}, opset: 15}).data,
    [2, 3],
  );
  t.deepEqual(runOne({op: 'Size', x: [2, 3, 4]}), {shape: [], data: [24]});
});

test('Constant reads every kind of value', t => {
  t.deepEqual(runOne({op: 'Constant', attrs: {value: floats([2], [1, 2])}}).data, [1, 2]);
  t.deepEqual(runOne({op: 'Constant', attrs: {value_int: 3}}), {shape: [], data: [3]});
  t.deepEqual(runOne({op: 'Constant', attrs: {value_ints: [3, 4]}}), {shape: [2], data: [3, 4]});
  t.deepEqual(runOne({op: 'Constant', attrs: {value_float: {float: 0.5}}}), {
    shape: [],
    data: [0.5],
  });
  t.deepEqual(runOne({op: 'Constant', attrs: {value_floats: {float: [0.5, 1]}}}), {
    shape: [2],
    data: [0.5, 1],
  });
  t.is(errorOf({op: 'Constant'})?.code, 'ERR_MODEL_INVALID');
});

test('ConstantOfShape and Range fill', t => {
  t.deepEqual(runOne({op: 'ConstantOfShape', constants: [ints(2)]}).data, [0, 0]);
  t.deepEqual(
    runOne({op: 'ConstantOfShape', constants: [ints(2)], attrs: {value: ints(7)}}).data,
    [7, 7],
  );
  const scalar = (value: number) => ({dims: [], data: [value], dtype: 'int64'}) as const;
  t.deepEqual(
    runOne({op: 'Range', constants: [scalar(5), scalar(-1), scalar(-2)]}).data,
    [5, 3, 1],
  );
  t.is(
    errorOf({op: 'Range', constants: [scalar(0), scalar(5), scalar(0)]})?.code,
    'ERR_MODEL_INVALID',
  );
  t.is(errorOf({op: 'ConstantOfShape', constants: [ints(-1)]})?.code, 'ERR_MODEL_INVALID');
});

test('Cast truncates toward zero, wraps integers and knows bool', t => {
  const x = floats([4], [-1.9, 1.9, 300, 0]);
  t.deepEqual(runOne({op: 'Cast', constants: [x], attrs: {to: 7}}).data, [-1, 1, 300, 0]);
  t.deepEqual(runOne({op: 'Cast', constants: [x], attrs: {to: 2}}).data, [255, 1, 44, 0]);
  t.deepEqual(runOne({op: 'Cast', constants: [x], attrs: {to: 3}}).data, [-1, 1, 44, 0]);
  t.deepEqual(runOne({op: 'Cast', constants: [x], attrs: {to: 9}}).data, [1, 1, 1, 0]);
});

test('comparisons and Where fold', t => {
  const a = ints(1, 2, 3);
  const b = ints(3, 2, 1);
  t.deepEqual(runOne({op: 'Equal', constants: [a, b]}).data, [0, 1, 0]);
  t.deepEqual(runOne({op: 'Less', constants: [a, b]}).data, [1, 0, 0]);
  t.deepEqual(runOne({op: 'GreaterOrEqual', constants: [a, b]}).data, [0, 1, 1]);
  const mask = {dims: [3], data: [1, 0, 1], dtype: 'bool'} as const;
  t.deepEqual(runOne({op: 'Not', constants: [mask]}).data, [0, 1, 0]);
  t.deepEqual(runOne({op: 'Where', constants: [mask, a, ints(9)]}).data, [1, 9, 3]);
  t.deepEqual(runOne({op: 'Mod', constants: [ints(-7), ints(3)]}).data, [2]);
  t.deepEqual(runOne({op: 'Mod', constants: [ints(-7), ints(3)], attrs: {fmod: 1}}).data, [-1]);
});

test('every operation that moves elements folds', t => {
  const x = floats([2, 3], [0, 1, 2, 3, 4, 5]);
  const cases = [
    {op: 'Transpose', constants: [x]},
    {op: 'Reshape', constants: [x, ints(3, -1)]},
    {op: 'Expand', constants: [x, ints(2, 2, 3)]},
    {op: 'Slice', constants: [x, ints(-1), ints(-9), ints(1), ints(-2)]},
    {op: 'Gather', constants: [x, ints(2, 0, 0)], attrs: {axis: 1}},
    {op: 'Concat', constants: [x, x], attrs: {axis: 1}},
    {op: 'Pad', constants: [x, ints(1, 1, 0, 2)], attrs: {mode: 'reflect'}},
    {op: 'Pad', constants: [x, ints(0, 4, 1, 2)], attrs: {mode: 'wrap'}},
    {op: 'Pad', constants: [x, ints(0, 4, 1, 2)], attrs: {mode: 'edge'}},
    {op: 'Pad', constants: [x, ints(0, 1, 1, 0), floats([], [7])]},
    {op: 'ReduceMean', constants: [x], attrs: {axes: [1]}},
    {op: 'ReduceMax', constants: [x], attrs: {axes: [0], keepdims: 0}},
    {op: 'Tile', constants: [x, ints(2, 2)]},
  ] as const;

  for (const spec of cases) {
    const [first, ...rest] = spec.constants;
    const folded = buildOne(spec);
    t.deepEqual(operationNames(folded), [], spec.op);
    t.deepEqual(runOne(spec), runOne({...spec, x: first.dims, constants: rest}), spec.op);
  }
});

test('products fold for the element counts of shape tails', t => {
  t.deepEqual(
    runOne({op: 'ReduceProd', constants: [ints(2, 3, 4)], attrs: {axes: [0], keepdims: 0}}),
    {shape: [], data: [24]},
  );
});

test('Dropout keeps everything, and so says its mask', t => {
  const graph = buildOne({op: 'Dropout', x: [2, 2], outputCount: 2});
  t.deepEqual(operationNames(graph), []);
  const mask = graph.constants.get(graph.outputs[1]!.value)!;
  t.is(mask.dtype, 'bool');
  t.deepEqual(Array.from(mask.data), [1, 1, 1, 1]);
  const old = buildOne({op: 'Dropout', x: [2], outputCount: 2, opset: 9});
  t.is(old.constants.get(old.outputs[1]!.value)!.dtype, 'float32');
});

test('NonZero of a constant lists indices axis by axis', t => {
  t.deepEqual(runOne({op: 'NonZero', constants: [floats([2, 2], [1, 0, 1, 1])]}), {
    shape: [2, 3],
    data: [0, 1, 1, 0, 0, 1],
  });
  t.regex(errorOf({op: 'NonZero', x: [2]})?.message ?? '', /NonZero with values computed at run/);
});

test('EyeLike needs the shape of its input only', t => {
  t.deepEqual(runOne({op: 'EyeLike', x: [2, 3]}).data, [1, 0, 0, 0, 1, 0]);
  t.deepEqual(runOne({op: 'EyeLike', x: [2, 3], attrs: {k: 1}}).data, [0, 1, 0, 0, 0, 1]);
  const graph = buildOne({op: 'EyeLike', x: [2, 2], attrs: {k: -1, dtype: 7}});
  t.is(graph.values.get(graph.outputs[0]!.value)!.dtype, 'int64');
});

test('forms of Constant without numbers are refused by name', t => {
  t.regex(
    errorOf({op: 'Constant', attrs: {value_string: 'text'}})?.message ?? '',
    /Constant attribute value_string/,
  );
  t.regex(errorOf({op: 'Unique', x: [2]})?.message ?? '', /unsupported operator\(s\): Unique \(/);
});
