import test from 'ava';
import type {UntangleError} from '../../src/errors.js';
import {buildGraph} from '../../src/graph/build.js';
import {decodeModel} from '../../src/onnx/decode.js';
import {type AttributeSpec, model, type TensorSpec} from '../helpers/onnx-builder.js';
import {errorIn, errorOf, floats, ints, operationNames, runGraph, runOne} from './build-one.js';

/** A node whose inputs after x are run-time inputs when they are shapes, constants when they are tensors. */
function indexed(
  op: string,
  inputs: readonly (readonly number[] | TensorSpec)[],
  {attrs = {}, opset = 18}: {attrs?: Readonly<Record<string, AttributeSpec>>; opset?: number} = {},
) {
  const isTensor = (input: readonly number[] | TensorSpec): input is TensorSpec => 'data' in input;
  const named = inputs.map((input, index) => ({name: `i${index}`, input}));
  const bytes = model({
    opset,
    inputs: named.flatMap(({name, input}, index) =>
      isTensor(input)
        ? []
        : [{name, dims: input, dtype: index === 1 ? 'int64' : 'float32'} as const],
    ),
    outputs: [{name: 'y'}],
    nodes: [{op, name: 'node', inputs: named.map(({name}) => name), outputs: ['y'], attrs}],
    initializers: Object.fromEntries(
      named.flatMap(({name, input}) => (isTensor(input) ? [[name, input]] : [])),
    ),
  });
  return buildGraph(decodeModel(bytes), {shapes: {}});
}

function failureOf(...call: Parameters<typeof indexed>): UntangleError | null {
  return errorIn(() => indexed(...call));
}

const MATRIX = floats([3, 2], [0, 1, 2, 3, 4, 5]);

test('Gather with run-time indices is one operation; known indices stay a view or a list', t => {
  t.deepEqual(operationNames(indexed('Gather', [[3, 2], [2]])), ['reshape', 'gatherIndexed']);
  t.deepEqual(operationNames(indexed('Gather', [[3, 2], ints(1, 2)])), ['slice']);
  t.deepEqual(operationNames(indexed('Gather', [[3, 2], ints(2, 0, 0)])), ['gather']);
});

test('Gather: a scalar index drops the axis', t => {
  const graph = indexed('Gather', [[3, 2], []]);
  t.deepEqual(graph.values.get(graph.outputs[0]!.value)!.shape, [2]);
});

test('constants fold: GatherElements, GatherND, ScatterElements, ScatterND', t => {
  const index = (dims: readonly number[], data: readonly number[]): TensorSpec => ({
    dims,
    data,
    dtype: 'int64',
  });
  t.deepEqual(
    runOne({
      op: 'GatherElements',
      constants: [MATRIX, index([2, 2], [0, -1, 2, 1])],
      attrs: {axis: 0},
    }),
    {shape: [2, 2], data: [0, 5, 4, 3]},
  );
  t.deepEqual(runOne({op: 'GatherND', constants: [MATRIX, index([2, 2], [0, 1, -1, 0])]}), {
    shape: [2],
    data: [1, 4],
  });
  const scatter = {
    op: 'ScatterElements',
    opset: 18,
    constants: [floats([3], [1, 2, 3]), ints(1, 1), floats([2], [10, 20])],
  };
  t.deepEqual(runOne(scatter).data, [1, 20, 3]);
  t.deepEqual(runOne({...scatter, attrs: {reduction: 'add'}}).data, [1, 32, 3]);
  t.deepEqual(runOne({...scatter, attrs: {reduction: 'mul'}}).data, [1, 400, 3]);
  t.deepEqual(runOne({...scatter, attrs: {reduction: 'max'}}).data, [1, 20, 3]);
  t.deepEqual(runOne({...scatter, attrs: {reduction: 'min'}}).data, [1, 2, 3]);
  t.deepEqual(
    runOne({
      op: 'ScatterND',
      opset: 18,
      constants: [MATRIX, index([1, 1], [-1]), floats([1, 2], [8, 9])],
    }).data,
    [0, 1, 2, 3, 8, 9],
  );
});

test('run-time indices at run time: batch dimensions and windows', t => {
  const graph = indexed('GatherND', [[2, 3], {dims: [2, 1], data: [2, -3], dtype: 'int64'}], {
    attrs: {batch_dims: 1},
  });
  t.deepEqual(operationNames(graph), ['gatherIndexed']);
  t.deepEqual(runGraph(graph).data, [2, 3]);
  const window = indexed('GatherElements', [[3, 3], {dims: [1, 2], data: [2, 1], dtype: 'int64'}], {
    attrs: {axis: 0},
  });
  t.deepEqual(operationNames(window), ['slice', 'gatherIndexed']);
  t.deepEqual(runGraph(window).data, [6, 4]);
});

test('operands that do not fit say what was expected', t => {
  t.regex(
    failureOf('Gather', [[3, 2], ints(0, 3, 1)])?.message ?? '',
    /expected indices below 3 at axis 0 of \[3, 2\] but received 3/,
  );
  t.regex(
    failureOf('GatherElements', [[3, 2], {dims: [1, 2], data: [3, 0], dtype: 'int64'}])?.message ??
      '',
    /expected indices from -3 to 2 into \[3, 2\] but received 3/,
  );
  t.regex(
    failureOf('GatherElements', [
      [3, 2],
      [1, 3],
    ])?.message ?? '',
    /expected indices within \[3, 2\] but received \[1, 3\]/,
  );
  t.regex(
    failureOf('GatherND', [
      [3, 2],
      [4, 3],
    ])?.message ?? '',
    /at most 2 entries for \[3, 2\] and batch_dims = 0 but received \[4, 3\]/,
  );
  t.regex(
    failureOf('ScatterND', [
      [3, 2],
      [1, 1],
      [2, 2],
    ])?.message ?? '',
    /expected updates \[1, 2\] but received \[2, 2\]/,
  );
  t.regex(
    failureOf(
      'GatherND',
      [
        [2, 2, 2, 2, 2, 2],
        [2, 3, 4],
      ],
      {attrs: {batch_dims: 1}},
    )?.message ?? '',
    /GatherND of 4 indices into \[2, 2, 2, 2, 2, 2\] \(loops and indexed axes pass 6\)/,
  );
});

test('operators and attributes are known from their opsets on', t => {
  const call = {x: [3, 2], constants: [{dims: [1, 2], data: [0, 0], dtype: 'int64'}]} as const;
  t.is(errorOf({op: 'GatherElements', opset: 10, ...call})?.code, 'ERR_OP_UNSUPPORTED');
  t.is(errorOf({op: 'GatherElements', opset: 11, ...call}), null);
  t.is(
    errorOf({op: 'GatherND', opset: 11, ...call, attrs: {batch_dims: 1}})?.code,
    'ERR_OP_UNSUPPORTED',
  );
});
