import test from 'ava';
import {buildOne, errorOf, floats, ints, operationNames, runOne} from './build-one.js';

const scalar = (value: number) => ({dims: [], data: [value], dtype: 'int64'}) as const;

test('OneHot: the new axis, negative indices, and indices that meet nothing', t => {
  const call = {
    op: 'OneHot',
    x: [3],
    xType: 'int64',
    constants: [scalar(3), floats([2], [5, 9])],
  } as const;
  t.deepEqual(runOne(call, [0, -1, 3]), {
    shape: [3, 3],
    data: [9, 5, 5, 5, 5, 9, 5, 5, 5],
  });
  t.deepEqual(runOne({...call, attrs: {axis: 0}}, [1, 1, 2]).data, [5, 5, 5, 9, 9, 5, 5, 5, 9]);
  t.deepEqual(operationNames(buildOne(call)), ['reshape', 'chain']);
  t.deepEqual(
    runOne({...call, xType: 'float32'}, [1.9, -0.5, 2]).data,
    [5, 9, 5, 9, 5, 5, 5, 5, 9],
  );
  t.regex(
    errorOf({...call, constants: [scalar(0), floats([2], [0, 1])]})?.message ?? '',
    /expected a depth of 1 or more and values \[off, on\] but received 0 and \[2\]/,
  );
});

test('Trilu keeps one side of a diagonal, whatever the rest holds', t => {
  const call = {op: 'Trilu', x: [3, 3], opset: 14} as const;
  t.deepEqual(runOne(call, [1, 2, 3, 4, 5, 6, NaN, 8, 9]).data, [1, 2, 3, 0, 5, 6, 0, 0, 9]);
  t.deepEqual(
    runOne({...call, attrs: {upper: 0}}, [1, 2, 3, 4, 5, 6, 7, 8, 9]).data,
    [1, 0, 0, 4, 5, 0, 7, 8, 9],
  );
  t.deepEqual(
    runOne({...call, constants: [scalar(1)]}, [1, 2, 3, 4, 5, 6, 7, 8, 9]).data,
    [0, 2, 3, 0, 0, 6, 0, 0, 0],
  );
});

test('ReverseSequence turns each sequence as far as its length goes', t => {
  const call = {op: 'ReverseSequence', x: [3, 2], constants: [ints(3, 2)]} as const;
  t.deepEqual(runOne(call).data, [4, 3, 2, 1, 0, 5]);
  t.deepEqual(
    runOne({...call, constants: [ints(1, 2, 2)], attrs: {batch_axis: 0, time_axis: 1}}).data,
    [0, 1, 3, 2, 5, 4],
  );
  t.regex(
    errorOf({...call, constants: [ints(4, 1)]})?.message ?? '',
    /expected indices from -3 to 2 into \[3, 2\] but received 3/,
  );
});
