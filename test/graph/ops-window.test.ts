import test from 'ava';
import type {AttributeSpec} from '../helpers/onnx-builder.js';
import {
  buildOne,
  errorOf,
  floats,
  ints,
  type OneNode,
  operationNames,
  runOne,
} from './build-one.js';

const SEVEN = [1, 2, 3, 4, 5, 6, 7];

function pool(op: string, attrs: Readonly<Record<string, AttributeSpec>>, opset = 19): number[] {
  return runOne({op, x: [1, 1, 7], attrs, opset}, SEVEN).data;
}

test('pooling with ceil_mode, auto_pad and dilations gives what onnxruntime 1.30 gives', t => {
  t.deepEqual(
    pool('MaxPool', {kernel_shape: [3], strides: [2], ceil_mode: 1, pads: [0, 1]}),
    [3, 5, 7, 7],
  );
  t.deepEqual(
    pool('MaxPool', {kernel_shape: [2], strides: [2], auto_pad: 'SAME_UPPER'}),
    [2, 4, 6, 7],
  );
  t.deepEqual(
    pool('MaxPool', {kernel_shape: [2], strides: [2], auto_pad: 'SAME_LOWER'}),
    [1, 3, 5, 7],
  );
  t.deepEqual(
    pool('MaxPool', {kernel_shape: [2], strides: [2], auto_pad: 'VALID', ceil_mode: 1}),
    [2, 4, 6, 7],
  );
  t.deepEqual(pool('MaxPool', {kernel_shape: [1], strides: [4], ceil_mode: 1}), [1, 5]);
  t.deepEqual(pool('MaxPool', {kernel_shape: [2], dilations: [3]}), [4, 5, 6, 7]);
  t.deepEqual(
    pool('AveragePool', {kernel_shape: [2], strides: [2], auto_pad: 'SAME_UPPER'}),
    [1.5, 3.5, 5.5, 7],
  );
  const counted = {
    kernel_shape: [3],
    strides: [3],
    ceil_mode: 1,
    pads: [1, 0],
    count_include_pad: 1,
  };
  t.deepEqual(pool('AveragePool', counted), [1, 4, 6.5]);
});

test('pooling refuses windows that do not fit and more than three axes', t => {
  const max = (spec: Partial<OneNode>) =>
    errorOf({op: 'MaxPool', x: [1, 1, 7], attrs: {kernel_shape: [2]}, ...spec})?.code;
  t.is(max({}), undefined);
  t.is(max({attrs: {}}), 'ERR_MODEL_INVALID');
  t.is(max({attrs: {kernel_shape: [8]}}), 'ERR_MODEL_INVALID');
  t.is(max({attrs: {kernel_shape: [2, 2]}}), 'ERR_MODEL_INVALID');
  t.is(max({x: [1, 1, 2, 2, 2, 2], attrs: {kernel_shape: [2, 2, 2, 2]}}), 'ERR_OP_UNSUPPORTED');
});

test('global pooling reduces the spatial axes and keeps them', t => {
  t.deepEqual(runOne({op: 'GlobalAveragePool', x: [1, 2, 2, 2]}), {
    shape: [1, 2, 1, 1],
    data: [1.5, 5.5],
  });
  t.deepEqual(runOne({op: 'GlobalMaxPool', x: [1, 2, 2, 2]}).data, [3, 7]);
});

test('reductions read axes from an attribute or an input, and none means all', t => {
  const sum = (spec: Partial<OneNode>) => runOne({op: 'ReduceSum', x: [2, 3], ...spec});
  t.deepEqual(sum({constants: [ints(1)]}), {shape: [2, 1], data: [3, 12]});
  t.deepEqual(sum({constants: [ints(-2)], attrs: {keepdims: 0}}), {shape: [3], data: [3, 5, 7]});
  t.deepEqual(sum({attrs: {axes: [1]}, opset: 11}), {shape: [2, 1], data: [3, 12]});
  t.deepEqual(sum({}), {shape: [1, 1], data: [15]});
  t.is(buildOne({op: 'ReduceSum', x: [2, 3], attrs: {noop_with_empty_axes: 1}}).nodes.length, 0);
  t.deepEqual(
    runOne({op: 'ReduceMean', x: [2, 3], constants: [ints(0)], opset: 18}).data,
    [1.5, 2.5, 3.5],
  );
  t.deepEqual(
    operationNames(buildOne({op: 'ReduceMax', x: [1, 3], attrs: {axes: [0], keepdims: 0}})),
    ['reshape'],
  );
  t.is(errorOf({op: 'ReduceSum', x: [2], constants: [ints(5)]})?.code, 'ERR_MODEL_INVALID');
});

test('Softmax before opset 13 counts the axes from `axis` on as one', t => {
  t.deepEqual(operationNames(buildOne({op: 'Softmax', x: [2, 3, 4], opset: 11})), [
    'reshape',
    'softmax',
    'reshape',
  ]);
  t.deepEqual(operationNames(buildOne({op: 'Softmax', x: [2, 3, 1], opset: 11})), ['softmax']);
  const {operation} = buildOne({op: 'LogSoftmax', x: [2, 3, 4]}).nodes[0]!;
  t.deepEqual(operation, {op: 'softmax', axis: 2, log: true});
});

test('BatchNormalization becomes a multiplication and an addition per channel', t => {
  const spec: OneNode = {
    op: 'BatchNormalization',
    x: [1, 2, 1, 2],
    constants: [
      floats([2], [2, 3]),
      floats([2], [1, -1]),
      floats([2], [0.5, 1]),
      floats([2], [4, 1e-45]),
    ],
    attrs: {epsilon: {float: 0}},
  };
  const denormal = Math.fround(1e-45);
  const factor = Math.fround(3 / Math.sqrt(denormal));
  const {data} = runOne({...spec}, [0, 1, 1, 2]);
  t.deepEqual(data.slice(0, 2), [0.5, 1.5]);
  t.true(Math.abs(data[3]! / factor - 1) < 1e-6, 'a denormal variance is not flushed');
  const graph = buildOne(spec);
  t.deepEqual(operationNames(graph), ['chain', 'chain']);
  t.deepEqual(
    [...graph.constants.values()].map(({dims}) => dims),
    [
      [2, 1, 1],
      [2, 1, 1],
    ],
  );
  t.is(errorOf({...spec, attrs: {training_mode: 1}, opset: 14})?.code, 'ERR_OP_UNSUPPORTED');
  t.is(errorOf({...spec, x: [1, 3, 1, 2]})?.code, 'ERR_MODEL_INVALID');
});

test('InstanceNormalization keeps scale and bias', t => {
  const two = floats([2], [1, 2]);
  const {operation} = buildOne({
    op: 'InstanceNormalization',
    x: [1, 2, 2, 2],
    constants: [two, two],
  }).nodes[0]!;
  t.is(operation.op === 'instanceNorm' && operation.epsilon, 1e-5);
  t.deepEqual(operation.op === 'instanceNorm' && Array.from(operation.scale), [1, 2]);
});
