// Graphs as tf2onnx writes them: NHWC with Transposes, pads computed for SAME, initializers for every constant.

import {float} from '../helpers/onnx-builder.js';
import {type ZooEntry, ZooGraph} from './zoo-graph.js';

const toNchw = (g: ZooGraph, x: string) => g.transpose(x, 0, 3, 1, 2);
const toNhwc = (g: ZooGraph, x: string) => g.transpose(x, 0, 2, 3, 1);

/** A convolution between its Transposes, with SAME padding by name. */
function convSame(g: ZooGraph, x: string, from: number, to: number, stride = 1): string {
  const options = {stride, bias: false, attrs: {auto_pad: 'SAME_UPPER'}};
  const y = toNhwc(g, g.conv(toNchw(g, x), from, to, options));
  return g.add(y, g.weight([to], 0.2));
}

function convNet(): ZooEntry {
  const g = new ZooGraph(12, 80);
  let x = g.input('x', [1, 9, 9, 3], ['unk__1', 9, 9, 3]);
  x = g.relu(convSame(g, x, 3, 6, 2));
  x = g.relu(convSame(g, x, 6, 8));
  const mean = g.reduce('ReduceMean', x, [1, 2], 0);
  const logits = g.add(g.op('MatMul', [mean, g.weight([8, 4], 0.6)]), g.weight([4], 0.2));
  g.output('y', g.op('Softmax', [logits], {axis: -1}));
  return g.finish('tf-convnet', 'tensorflow');
}

/** Pad, then a strided convolution without padding, as ResNets of TensorFlow have it. */
function padStrided(): ZooEntry {
  const g = new ZooGraph(11, 81);
  const x = g.input('x', [1, 10, 10, 3]);
  const pads = g.tensor([8], [0, 1, 1, 0, 0, 1, 1, 0], 'int64');
  const padded = g.op('Pad', [x, pads]);
  const attrs = {auto_pad: 'VALID'};
  const y = g.conv(toNchw(g, padded), 3, 6, {stride: 2, attrs});
  const pooled = g.op('MaxPool', [g.relu(y)], {
    auto_pad: 'SAME_UPPER',
    kernel_shape: [3, 3],
    strides: [2, 2],
  });
  g.output('y', toNhwc(g, pooled));
  return g.finish('tf-pad-strided', 'tensorflow');
}

/** conv2d_transpose: the sum of the pads from output_shape, then a crop by Slice. */
function transposedSame(): ZooEntry {
  const g = new ZooGraph(11, 82);
  const x = toNchw(g, g.input('x', [1, 5, 5, 4]));
  const same = {kernel: 5, stride: 2, attrs: {auto_pad: 'SAME_UPPER'}};
  const one = g.relu(g.convTranspose(x, 4, 6, same));
  const two = g.convTranspose(one, 6, 3, {kernel: 3, stride: 2, attrs: {output_shape: [21, 21]}});
  const crop = g.op('Slice', [
    two,
    g.tensor([2], [0, 1], 'int64'),
    g.tensor([2], [20, 21], 'int64'),
    g.tensor([2], [2, 3], 'int64'),
  ]);
  g.output('y', g.tanh(toNhwc(g, crop)));
  return g.finish('tf-conv2d-transpose', 'tensorflow');
}

/** Batch normalization as a multiplication and an addition, Identities everywhere, initializers listed as inputs. */
function frozenNorm(): ZooEntry {
  const g = new ZooGraph(9, 83);
  const same = (v: string) => g.op('Identity', [g.op('Identity', [v])]);
  let x = same(g.input('x', [1, 6, 6, 3]));
  for (const [from, to] of [
    [3, 6],
    [6, 4],
  ] as const) {
    const weights = same(g.listAsInput(g.weight([to, from, 3, 3])));
    const attrs = {auto_pad: 'SAME_UPPER', kernel_shape: [3, 3], strides: [1, 1]};
    const y = toNhwc(g, g.op('Conv', [toNchw(g, x), weights], attrs));
    const [factor, offset] = [g.listAsInput(g.positive(to)), g.listAsInput(g.weight([to], 0.3))];
    x = same(g.relu(g.add(g.mul(y, same(factor)), same(offset))));
  }
  g.output('y', x);
  return g.finish('tf-frozen-norm', 'tensorflow');
}

/** resize_nearest_neighbor to twice the size, computed from Shape: Slice, Mul, Cast, Concat. */
function resizeTwice(): ZooEntry {
  const g = new ZooGraph(11, 84);
  const x = g.input('x', [1, 5, 4, 3], ['n', 5, 4, 3]);
  const shape = g.op('Shape', [x]);
  const bounds = (from: number, to: number) => [
    g.tensor([1], [from], 'int64'),
    g.tensor([1], [to], 'int64'),
    g.tensor([1], [0], 'int64'),
  ];
  const size = g.op('Cast', [g.op('Slice', [shape, ...bounds(1, 3)])], {to: 6});
  const doubled = g.op('Mul', [size, g.tensor([2], [2, 2], 'int32')]);
  const turned = toNchw(g, x);
  const head = g.op('Slice', [g.op('Shape', [turned]), ...bounds(0, 2)]);
  const sizes = g.op('Concat', [head, g.op('Cast', [doubled], {to: 7})], {axis: 0});
  const none = g.tensor([0], []);
  const up = g.op('Resize', [turned, none, none, sizes], {
    coordinate_transformation_mode: 'asymmetric',
    mode: 'nearest',
    nearest_mode: 'floor',
  });
  g.output('y', convSame(g, toNhwc(g, up), 3, 4));
  return g.finish('tf-resize', 'tensorflow');
}

/** Bilinear Resize with half pixel centres between Transposes, scales as floats. */
function resizeBilinear(): ZooEntry {
  const g = new ZooGraph(13, 85);
  const x = g.relu(convSame(g, g.input('x', [1, 6, 6, 3]), 3, 4, 2));
  const up = g.op('Resize', [toNchw(g, x), '', g.tensor([4], [1, 1, 3, 3])], {
    coordinate_transformation_mode: 'half_pixel',
    mode: 'linear',
  });
  g.output('y', g.sigmoid(convSame(g, toNhwc(g, up), 4, 1)));
  return g.finish('tf-bilinear', 'tensorflow');
}

/** conv1d: a rank-4 convolution between Unsqueeze and Squeeze. */
function conv1d(): ZooEntry {
  const g = new ZooGraph(11, 86);
  const x = g.input('x', [1, 12, 4]);
  const wide = g.transpose(g.unsqueeze(x, 1), 0, 3, 1, 2);
  const y = g.conv(wide, 4, 6, {kernel: [1, 5], attrs: {auto_pad: 'SAME_UPPER'}});
  const flat = g.squeeze(g.transpose(y, 0, 2, 3, 1), 1);
  g.output('y', g.relu(flat));
  return g.finish('tf-conv1d', 'tensorflow');
}

/** MobileNet: depthwise convolutions, Relu6 as Min and Max. */
function mobilenet(): ZooEntry {
  const g = new ZooGraph(12, 87);
  const relu6 = (v: string) =>
    g.op('Max', [g.op('Min', [v, g.tensor([], [6])]), g.tensor([], [0])]);
  const x = toNchw(g, g.input('x', [1, 8, 8, 4]));
  const attrs = {auto_pad: 'SAME_UPPER'};
  const deep = relu6(g.batchNorm(g.conv(x, 4, 4, {group: 4, stride: 2, bias: false, attrs}), 4));
  const point = relu6(g.batchNorm(g.conv(deep, 4, 8, {kernel: 1, bias: false}), 8));
  g.output('y', toNhwc(g, point));
  return g.finish('tf-mobilenet', 'tensorflow');
}

/** depth_to_space on NHWC, and moments for an instance normalization by hand. */
function superResolution(): ZooEntry {
  const g = new ZooGraph(11, 88);
  const x = g.input('x', [1, 5, 5, 3]);
  const y = convSame(g, x, 3, 8);
  const mean = g.reduce('ReduceMean', y, [1, 2]);
  const centred = g.sub(y, mean);
  const variance = g.reduce('ReduceMean', g.mul(centred, centred), [1, 2]);
  const root = g.op('Sqrt', [g.add(variance, g.tensor([], [1e-3]))]);
  const factor = g.mul(g.op('Reciprocal', [root]), g.positive(8));
  const normal = g.add(g.mul(y, factor), g.sub(g.weight([8], 0.2), g.mul(mean, factor)));
  const shuffled = g.op('DepthToSpace', [toNchw(g, normal)], {blocksize: 2, mode: 'DCR'});
  g.output('y', toNhwc(g, shuffled));
  return g.finish('tf-depth-to-space', 'tensorflow');
}

/** A generator with a batch of unknown size: Shape, Slice, Squeeze, Concat, Reshape. */
function generator(): ZooEntry {
  const g = new ZooGraph(12, 89);
  const z = g.input('z', [2, 6], ['batch', 6]);
  const dense = g.op('MatMul', [z, g.weight([6, 3 * 3 * 8], 0.7)]);
  const i64 = (...values: number[]) => g.tensor([values.length], values, 'int64');
  const batch = g.op('Slice', [g.op('Shape', [dense]), i64(0), i64(1), i64(0)]);
  const sizes = [g.squeeze(batch, 0), ...[3, 3, 8].map(n => g.tensor([], [n], 'int64'))];
  const shape = g.op(
    'Concat',
    sizes.map(size => g.unsqueeze(size, 0)),
    {axis: 0},
  );
  const map = toNchw(g, g.leaky(g.op('Reshape', [dense, shape]), 0.3));
  const same = {kernel: 5, stride: 2, bias: false, attrs: {auto_pad: 'SAME_UPPER'}};
  const one = g.leaky(g.batchNorm(g.convTranspose(map, 8, 4, same), 4), 0.3);
  g.output('image', toNhwc(g, g.tanh(g.convTranspose(one, 4, 1, same))));
  return g.finish('tf-generator', 'tensorflow');
}

/** A dilated convolution as TensorFlow once ran it: space to batch, convolution, batch to space. */
function spaceToBatch(): ZooEntry {
  const g = new ZooGraph(11, 90);
  const x = g.input('x', [1, 3, 6, 6]);
  const padded = g.op('Pad', [x, g.ints(0, 0, 2, 2, 0, 0, 2, 2)]);
  const split = g.transpose(g.reshape(padded, 1, 3, 5, 2, 5, 2), 3, 5, 0, 1, 2, 4);
  const y = g.conv(g.reshape(split, 4, 3, 5, 5), 3, 4, {attrs: {auto_pad: 'VALID'}});
  const woven = g.transpose(g.reshape(y, 2, 2, 1, 4, 3, 3), 2, 3, 4, 0, 5, 1);
  g.output('y', g.relu(g.reshape(woven, 1, 4, 6, 6)));
  return g.finish('tf-space-to-batch', 'tensorflow');
}

/** A class label through OneHot, Tile and Concat in NHWC. */
function conditional(): ZooEntry {
  const g = new ZooGraph(13, 91);
  const x = g.input('x', [1, 4, 4, 3]);
  const label = g.feed('label', {dims: [1], data: [2], dtype: 'int32'});
  const depth = g.tensor([1], [4], 'int64');
  const indices = g.op('Cast', [label], {to: 7});
  const hot = g.op('OneHot', [indices, depth, g.tensor([2], [0, 1])], {axis: -1});
  const map = g.op('Tile', [g.reshapeTo(hot, 1, 1, 1, 4), g.tensor([4], [1, 4, 4, 1], 'int64')]);
  const y = convSame(g, g.op('Concat', [x, map], {axis: 3}), 7, 3);
  g.output('y', g.op('Clip', [y, g.tensor([], [-0.5]), g.tensor([], [0.5])]));
  return g.finish('tf-conditional', 'tensorflow');
}

/** Normalization of bytes to [-1, 1], with a Cast from uint8. */
function bytesInput(): ZooEntry {
  const g = new ZooGraph(11, 92);
  const data = Array.from({length: 6 * 6 * 3}, () => Math.floor(g.random() * 256));
  const x = g.feed('picture', {dims: [1, 6, 6, 3], data, dtype: 'uint8'});
  const values = g.op('Cast', [x], {to: 1});
  const scaled = g.sub(g.div(values, g.tensor([], [127.5])), g.tensor([], [1]));
  const y = g.op('LeakyRelu', [convSame(g, scaled, 3, 4)], {alpha: float(0.1)});
  const bytes = g.mul(g.add(g.tanh(y), g.tensor([], [1])), g.tensor([], [2]));
  g.output('y', g.op('Floor', [g.mul(bytes, g.tensor([], [2]))]));
  return g.finish('tf-bytes', 'tensorflow');
}

export const TENSORFLOW = [
  convNet,
  padStrided,
  transposedSame,
  frozenNorm,
  resizeTwice,
  resizeBilinear,
  conv1d,
  mobilenet,
  superResolution,
  generator,
  spaceToBatch,
  conditional,
  bytesInput,
];
