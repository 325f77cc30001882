// Networks from pictures to pictures as PyTorch exports them.

import {float} from '../helpers/onnx-builder.js';
import {type ZooEntry, ZooGraph} from './zoo-graph.js';

function unet(): ZooEntry {
  const g = new ZooGraph(11, 20);
  const x = g.input('x', [1, 3, 16, 16]);
  const block = (v: string, from: number, to: number) =>
    g.relu(g.batchNorm(g.conv(v, from, to, {pad: 1, bias: false}), to));
  const pool = (v: string) => g.op('MaxPool', [v], {kernel_shape: [2, 2], strides: [2, 2]});
  const [one, up] = [block(x, 3, 4), {kernel: 2, stride: 2}];
  const two = block(pool(one), 4, 8);
  const three = block(pool(two), 8, 12);
  const back = block(g.concat(1, two, g.convTranspose(three, 12, 8, up)), 16, 8);
  const last = block(g.concat(1, one, g.convTranspose(back, 8, 4, up)), 8, 4);
  g.output('mask', g.sigmoid(g.conv(last, 4, 1, {kernel: 1})));
  return g.finish('unet', 'pytorch');
}

/** Resize to the size of the skip connection: empty roi and scales, sizes from Shape, Slice and Concat. */
function unetResize(): ZooEntry {
  const g = new ZooGraph(11, 21);
  const x = g.input('x', [1, 3, 9, 11], [1, 3, 'height', 'width']);
  const skip = g.relu(g.conv(x, 3, 4, {pad: 1}));
  const small = g.relu(g.conv(skip, 4, 6, {stride: 2, pad: 1}));
  const space = g.concat(0, ...[2, 3].map(axis => g.unsqueeze(g.size(skip, axis), 0)));
  const sized = g.op('Cast', [space], {to: 7});
  const head = g.slice(g.op('Shape', [small]), 0, 0, 2);
  const empty = () => g.constant([0], []);
  const up = g.op('Resize', [small, empty(), empty(), g.concat(0, head, sized)], {
    coordinate_transformation_mode: 'pytorch_half_pixel',
    cubic_coeff_a: float(-0.75),
    mode: 'linear',
    nearest_mode: 'floor',
  });
  g.output('y', g.conv(g.concat(1, skip, up), 10, 2, {pad: 1}));
  return g.finish('unet-resize', 'pytorch');
}

/** Upsample, the operator before Resize. */
function decoderUpsample9(): ZooEntry {
  const g = new ZooGraph(9, 22);
  let x = g.input('x', [1, 4, 5, 6]);
  const upsample = (v: string, mode: string) =>
    g.op('Upsample', [v, g.constant([4], [1, 1, 2, 2])], {mode});
  x = g.relu(g.conv(upsample(x, 'nearest'), 4, 6, {pad: 1}));
  g.output('y', g.conv(upsample(x, 'linear'), 6, 3, {pad: 1}));
  return g.finish('decoder-upsample-9', 'pytorch');
}

/** pads as PyTorch computes them from a list: ConstantOfShape, Concat, Reshape, Slice backwards, Transpose, Cast. */
function dynamicPads(g: ZooGraph, pads: readonly number[]): string {
  const given = g.ints(...pads);
  const missing = g.op('ConstantOfShape', [g.ints(8 - pads.length)], {
    value: {dims: [1], data: [0], dtype: 'int64'},
  });
  const pairs = g.reshape(g.concat(0, given, missing), -1, 2);
  const far = -(2 ** 31) + 1;
  const backwards = g.op('Slice', [pairs, g.ints(-1), g.ints(far), g.ints(0), g.ints(-1)]);
  const flat = g.reshape(g.transpose(backwards, 1, 0), -1);
  return g.op('Cast', [flat], {to: 7});
}

function styleTransfer(): ZooEntry {
  const g = new ZooGraph(11, 23);
  const x = g.input('x', [1, 3, 12, 12]);
  const reflect = (v: string, n: number) =>
    g.op('Pad', [v, dynamicPads(g, [n, n, n, n])], {mode: 'reflect'});
  const layer = (v: string, from: number, to: number, kernel: number, stride = 1) => {
    const padded = reflect(v, Math.floor(kernel / 2));
    return g.instanceNorm(g.conv(padded, from, to, {kernel, stride}), to);
  };
  const down = g.relu(layer(g.relu(layer(x, 3, 4, 5)), 4, 8, 3, 2));
  const residual = g.add(down, layer(g.relu(layer(down, 8, 8, 3)), 8, 8, 3));
  const scales = g.constant([4], [1, 1, 2, 2]);
  const up = g.op('Resize', [residual, g.constant([0], []), scales], {
    coordinate_transformation_mode: 'asymmetric',
    mode: 'nearest',
    nearest_mode: 'floor',
  });
  g.output('y', g.conv(reflect(g.relu(layer(up, 8, 4, 3)), 2), 4, 3, {kernel: 5}));
  return g.finish('style-transfer', 'pytorch');
}

/** The same in opset 9: pads and Upsample by attributes. */
function styleTransferNine(): ZooEntry {
  const g = new ZooGraph(9, 24);
  const x = g.input('x', [1, 3, 8, 8]);
  const reflect = (v: string, n: number) =>
    g.op('Pad', [v], {mode: 'reflect', pads: [0, 0, n, n, 0, 0, n, n]});
  const one = g.relu(g.instanceNorm(g.conv(reflect(x, 4), 3, 4, {kernel: 9}), 4));
  const edge = g.op('Pad', [one], {mode: 'edge', pads: [0, 0, 1, 0, 0, 0, 0, 1]});
  const zero = g.op('Pad', [edge], {
    mode: 'constant',
    value: float(0.5),
    pads: [0, 0, 0, 1, 0, 0, 1, 0],
  });
  g.output('y', g.conv(reflect(zero, 1), 4, 3));
  return g.finish('style-transfer-9', 'pytorch');
}

/** PixelShuffle before it had an operator: view, permute, view. */
function espcn(): ZooEntry {
  const g = new ZooGraph(9, 25);
  const x = g.input('x', [1, 1, 6, 7], ['batch', 1, 6, 7]);
  const one = g.tanh(g.conv(x, 1, 8, {kernel: 5, pad: 2}));
  const two = g.conv(g.tanh(g.conv(one, 8, 4, {pad: 1})), 4, 9, {pad: 1});
  const batch = g.size(two, 0);
  const split = g.viewAs(two, batch, 1, 3, 3, g.size(two, 2), g.size(two, 3));
  const woven = g.transpose(split, 0, 1, 4, 2, 5, 3);
  const height = g.mul(g.size(two, 2), g.constant([], [3], 'int64'));
  const width = g.mul(g.size(two, 3), g.constant([], [3], 'int64'));
  g.output('y', g.viewAs(woven, batch, 1, height, width));
  return g.finish('espcn-reshapes', 'pytorch');
}

function srgan(): ZooEntry {
  const g = new ZooGraph(11, 26);
  const x = g.input('x', [1, 3, 6, 6]);
  const prelu = (v: string) => g.op('PRelu', [v, g.weight([1, 1, 1], 0.25)]);
  const first = prelu(g.conv(x, 3, 8, {kernel: 5, pad: 2}));
  const inner = prelu(g.batchNorm(g.conv(first, 8, 8, {pad: 1}), 8));
  const body = g.add(first, g.batchNorm(g.conv(inner, 8, 8, {pad: 1}), 8));
  const wide = g.conv(body, 8, 16, {pad: 1});
  const up = prelu(g.op('DepthToSpace', [wide], {blocksize: 2, mode: 'CRD'}));
  g.output('y', g.div(g.add(g.tanh(g.conv(up, 4, 3, {pad: 1})), g.scalar(1)), g.scalar(2)));
  return g.finish('srgan', 'pytorch');
}

function fsrcnn(): ZooEntry {
  const g = new ZooGraph(12, 27);
  const prelu = (v: string, channels: number) =>
    g.op('PRelu', [v, g.weight([channels, 1, 1], 0.25)]);
  const x = prelu(g.conv(g.input('x', [1, 1, 7, 7]), 1, 8, {kernel: 5, pad: 2}), 8);
  const narrow = prelu(g.conv(x, 8, 4, {kernel: 1}), 4);
  const deep = prelu(g.conv(narrow, 4, 4, {pad: 1}), 4);
  const options = {kernel: 9, stride: 2, pad: 4, outputPadding: 1};
  g.output('y', g.convTranspose(deep, 4, 1, options));
  return g.finish('fsrcnn', 'pytorch');
}

/** Sums of windows of ones and a mask decide where a hole is filled. */
function partialConv(): ZooEntry {
  const g = new ZooGraph(13, 28);
  const x = g.input('x', [1, 3, 8, 8]);
  const data = Array.from({length: 64}, (_, i) => (i % 9 < 5 ? 1 : 0));
  const mask = g.feed('mask', {dims: [1, 1, 8, 8], data, dtype: 'float32'});
  const ones = g.tensor([1, 1, 3, 3], Array(9).fill(1));
  const attrs = {kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [1, 1]};
  const sums = g.op('Conv', [mask, ones], attrs);
  const ratio = g.div(g.scalar(9), g.add(sums, g.scalar(1e-8)));
  const seen = g.op('Clip', [sums, g.scalar(0), g.scalar(1)]);
  const y = g.mul(g.conv(g.mul(x, mask), 3, 4, {pad: 1}), g.mul(ratio, seen));
  const hole = g.op('Equal', [g.op('Cast', [seen], {to: 7}), g.constant([], [0], 'int64')]);
  g.output('y', g.op('Where', [hole, g.scalar(0), y]));
  return g.finish('partial-conv', 'pytorch');
}

/** A picture sampled where a predicted flow points. */
function warp(): ZooEntry {
  const g = new ZooGraph(16, 29);
  const x = g.input('x', [1, 3, 6, 6]);
  const flow = g.mul(g.tanh(g.conv(x, 3, 2, {pad: 1})), g.scalar(0.3));
  const line = Array.from({length: 6}, (_, i) => (2 * i) / 5 - 1);
  const base = line.flatMap(v => line.flatMap(u => [u, v]));
  const grid = g.add(g.constant([1, 6, 6, 2], base), g.transpose(flow, 0, 2, 3, 1));
  g.output('y', g.op('GridSample', [x, grid], {align_corners: 1, mode: 'bilinear'}));
  return g.finish('flow-warp', 'pytorch');
}

/** A generator of maps half its size and back: pix2pix. */
function pix2pix(): ZooEntry {
  const g = new ZooGraph(10, 30);
  const x = g.input('x', [1, 3, 16, 16]);
  const options = {kernel: 4, stride: 2, pad: 1, bias: false};
  const one = g.conv(x, 3, 6, options);
  const two = g.instanceNorm(g.conv(g.leaky(one), 6, 8, options), 8);
  const three = g.relu(g.conv(g.leaky(two), 8, 8, options));
  const back = g.instanceNorm(g.convTranspose(three, 8, 8, options), 8);
  const joined = g.relu(g.concat(1, g.op('Dropout', [back], {ratio: float(0.5)}), two));
  const next = g.instanceNorm(g.convTranspose(joined, 16, 6, options), 6);
  const last = g.relu(g.concat(1, next, one));
  g.output('y', g.tanh(g.convTranspose(last, 12, 3, {kernel: 4, stride: 2, pad: 1})));
  return g.finish('pix2pix', 'pytorch');
}

/** Transposed convolutions of every kind: groups, dilations, output padding, uneven pads. */
function transposedForms(): ZooEntry {
  const g = new ZooGraph(11, 31);
  let x = g.input('x', [2, 4, 5, 4]);
  x = g.relu(g.convTranspose(x, 4, 6, {kernel: 3, stride: 2, pad: 1, outputPadding: 1, group: 2}));
  x = g.leaky(g.convTranspose(x, 6, 4, {kernel: 3, dilation: 2, pad: 1}));
  x = g.relu(g.convTranspose(x, 4, 4, {kernel: [3, 5], attrs: {pads: [0, 1, 2, 3]}, group: 4}));
  g.output('y', g.convTranspose(x, 4, 2, {kernel: 2, stride: 3, pad: 0, outputPadding: 1}));
  return g.finish('transposed-forms', 'pytorch');
}

export const PICTURES = [
  unet,
  unetResize,
  decoderUpsample9,
  styleTransfer,
  styleTransferNine,
  espcn,
  srgan,
  fsrcnn,
  partialConv,
  warp,
  pix2pix,
  transposedForms,
];
