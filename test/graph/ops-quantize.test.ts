import test from 'ava';
import {buildGraph} from '../../src/graph/build.js';
import {fuseGraph} from '../../src/graph/fuse.js';
import {compile} from '../../src/index.js';
import {decodeModel} from '../../src/onnx/decode.js';
import type {DataType} from '../../src/onnx/model.js';
import {model, type TensorSpec} from '../helpers/onnx-builder.js';
import {gemmWeights} from '../helpers/weights.js';
import {buildOne, errorOf, floats, operationNames, runOne} from './build-one.js';

const typed = (dtype: DataType, ...data: number[]): TensorSpec => ({
  dims: [data.length],
  data,
  dtype,
});
const scalar = (dtype: DataType, value: number): TensorSpec => ({dims: [], data: [value], dtype});

test('QuantizeLinear rounds halves to even and saturates', t => {
  const call = {op: 'QuantizeLinear', x: [6]} as const;
  const constants = [scalar('float32', 2), scalar('uint8', 128)];
  t.deepEqual(
    runOne({...call, constants}, [1, 3, -1, 1000, -1000, 4]).data,
    [128, 130, 128, 255, 0, 130],
  );
  for (const [dtype, low, high] of [
    ['int8', -128, 127],
    ['int16', -32768, 32767],
    ['uint16', 0, 65535],
  ] as const) {
    const graph = buildOne({
      ...call,
      constants: [scalar('float32', 1), scalar(dtype, 0)],
      opset: 21,
    });
    t.is(graph.outputs[0]!.dtype, dtype);
    const {data} = runOne(
      {...call, constants: [scalar('float32', 1), scalar(dtype, 0)], opset: 21},
      [0.5, 1.5, 2.5, 1e9, -1e9, 7],
    );
    t.deepEqual(data, [0, 2, 2, high, low, 7]);
  }
});

test('scales run along an axis or in blocks', t => {
  const byAxis = {op: 'DequantizeLinear', x: [2, 3], xType: 'uint8', opset: 21} as const;
  t.deepEqual(
    runOne({
      ...byAxis,
      constants: [floats([2], [1, 10]), typed('uint8', 0, 1)],
      attrs: {axis: 0},
    }).data,
    [0, 1, 2, 20, 30, 40],
  );
  t.deepEqual(
    runOne({
      ...byAxis,
      constants: [floats([2, 2], [1, 10, 100, 1000])],
      attrs: {axis: 1, block_size: 2},
    }).data,
    [0, 1, 20, 300, 400, 5000],
  );
  t.regex(
    errorOf({...byAxis, constants: [floats([3], [1, 1, 1])], attrs: {axis: 0}})?.message ?? '',
    /expected one scale, or 2 for axis 0 of \[2, 3\], but received \[3\]/,
  );
  t.regex(
    errorOf({...byAxis, constants: [floats([2, 1], [1, 1])], attrs: {axis: 1, block_size: 2}})
      ?.message ?? '',
    /expected scales \[2, 2\] for blocks of 2 along axis 1 but received \[2, 1\]/,
  );
});

test('DynamicQuantizeLinear of zeros has a scale', t => {
  t.deepEqual(
    runOne({op: 'DynamicQuantizeLinear', x: [3], outputCount: 3}, [0, 0, 0]).data,
    [0, 0, 0],
  );
});

test('a quantised weight becomes a plain one while loading', t => {
  const bytes = model({
    opset: 13,
    inputs: [{name: 'x', dims: [1, 1, 2, 2]}],
    outputs: [{name: 'y'}],
    nodes: [
      {op: 'DequantizeLinear', inputs: ['q', 's', 'z'], outputs: ['w'], attrs: {axis: 0}},
      {op: 'DequantizeLinear', inputs: ['qb', 's'], outputs: ['b'], attrs: {axis: 0}},
      {op: 'Conv', inputs: ['x', 'w', 'b'], outputs: ['y']},
    ],
    initializers: {
      q: {dims: [2, 1, 1, 1], data: [3, -5], dtype: 'int8'},
      s: floats([2], [0.5, 0.25]),
      z: typed('int8', 1, -1),
      qb: typed('int32', 4, 8),
    },
  });
  const graph = fuseGraph(buildGraph(decodeModel(bytes), {shapes: {}}));
  t.deepEqual(operationNames(graph), ['conv']);
  const [{operation}] = graph.nodes as [(typeof graph.nodes)[number]];
  if (operation.op !== 'conv') return t.fail();
  t.deepEqual([...gemmWeights(operation.weights, 2)], [1, -1]);
  t.deepEqual([...operation.bias!], [2, 2]);
});

/** ConvInteger or QLinearConv of a uint8 map with `inChannels` channels and weights of `weight`. */
function integerConv(inChannels: number, weight: number, size = 3) {
  return model({
    opset: 13,
    inputs: [{name: 'x', dims: [1, inChannels, size, size], dtype: 'uint8'}],
    outputs: [{name: 'y'}],
    nodes: [
      {
        op: 'QLinearConv',
        name: 'conv',
        inputs: ['x', 'xs', 'xz', 'w', 'ws', 'wz', 'ys', 'yz'],
        outputs: ['y'],
        attrs: {pads: [1, 1, 1, 1]},
      },
    ],
    initializers: {
      xs: scalar('float32', 0.5),
      xz: scalar('uint8', 128),
      w: {
        dims: [2, inChannels, 3, 3],
        data: new Array(2 * inChannels * 9).fill(weight),
        dtype: 'int8',
      },
      ws: floats([2], [0.25, 0.5]),
      wz: typed('int8', 0, 0),
      ys: scalar('float32', 4),
      yz: scalar('uint8', 10),
    },
  });
}

test('scales stay out of the whole weights of a quantised convolution', t => {
  const graph = fuseGraph(buildGraph(decodeModel(integerConv(2, 3)), {shapes: {}}));
  const conv = graph.nodes.find(({operation}) => operation.op === 'conv')!;
  if (conv.operation.op !== 'conv') return t.fail();
  t.true(gemmWeights(conv.operation.weights, 1).every(value => value === 3));
});

test("a quantised convolution never takes Winograd's form, which rounds", t => {
  const steps = (schedule: 'auto' | 'winograd') =>
    compile(integerConv(64, 3, 24), {schedule}).explanation.commands.map(({op}) => op);
  for (const schedule of ['auto', 'winograd'] as const)
    t.false(steps(schedule).includes('winograd'), schedule);
});

test('where sums may pass what f32 holds exactly, the explanation says so', t => {
  t.is(compile(integerConv(2, 3)).explanation.notes, undefined);
  const {notes} = compile(integerConv(128, 127)).explanation;
  t.is(notes?.length, 1);
  t.regex(notes![0]!, /^node "conv" \(QLinearConv\): its sums may reach 18726912; above 16777216/);
});

test('operators of other domains are refused by name', t => {
  const bytes = model({
    inputs: [{name: 'x', dims: [2]}],
    outputs: [{name: 'y'}],
    nodes: [{op: 'QLinearAdd', domain: 'com.microsoft', inputs: ['x'], outputs: ['y']}],
  });
  t.throws(() => buildGraph(decodeModel(bytes), {shapes: {}}), {
    code: 'ERR_OP_UNSUPPORTED',
    message: /com\.microsoft\.QLinearAdd/,
  });
});

test('a quantised convolution of no map is refused in a sentence', t => {
  const weights = {dims: [1, 1, 1, 1], data: [1], dtype: 'uint8'} as const;
  const zeros = [scalar('uint8', 0), {dims: [1], data: [0], dtype: 'uint8'} as const];
  for (const x of [[], [2]]) {
    const error = errorOf({op: 'ConvInteger', x, xType: 'uint8', constants: [weights, ...zeros]});
    t.is(error?.code, 'ERR_MODEL_INVALID');
    t.regex(error?.message ?? '', /expected an input \[N, C, ...\]/);
  }
});
