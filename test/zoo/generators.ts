// Generators as PyTorch exports them.

import {float} from '../helpers/onnx-builder.js';
import {type ZooEntry, ZooGraph} from './zoo-graph.js';

function dcgan(): ZooEntry {
  const g = new ZooGraph(9, 1);
  let x = g.input('z', [2, 8, 1, 1], ['batch', 8, 1, 1]);
  x = g.relu(g.batchNorm(g.convTranspose(x, 8, 16, {kernel: 4, bias: false}), 16));
  const up = {kernel: 4, stride: 2, pad: 1, bias: false};
  x = g.relu(g.batchNorm(g.convTranspose(x, 16, 8, up), 8));
  x = g.relu(g.batchNorm(g.convTranspose(x, 8, 4, up), 4));
  g.output('image', g.tanh(g.convTranspose(x, 4, 3, up)));
  return g.finish('dcgan', 'pytorch');
}

/** Linear, then view(x.size(0), C, 4, 4) with its tail of shape arithmetic. */
function dcganLinear(): ZooEntry {
  const g = new ZooGraph(11, 2);
  const z = g.input('z', [3, 10], ['batch', 10]);
  const flat = g.linear(z, 10, 8 * 4 * 4);
  let x = g.leaky(g.batchNorm(g.viewAs(flat, g.size(z, 0), 8, 4, 4), 8));
  x = g.leaky(g.batchNorm(g.convTranspose(x, 8, 6, {kernel: 4, stride: 2, pad: 1}), 6));
  x = g.convTranspose(x, 6, 1, {kernel: 4, stride: 2, pad: 1});
  g.output('image', g.sigmoid(x));
  return g.finish('dcgan-linear', 'pytorch');
}

/** A class label through an embedding; the label is an integer input. */
function conditionalEmbedding(): ZooEntry {
  const g = new ZooGraph(11, 3);
  const z = g.input('z', [2, 6]);
  const label = g.feed('label', {dims: [2], data: [3, 0], dtype: 'int64'});
  const embedding = g.op('Gather', [g.weight([5, 4], 1), label], {axis: 0});
  const flat = g.linear(g.concat(1, z, embedding), 10, 8 * 3 * 3);
  let x = g.relu(g.reshape(flat, -1, 8, 3, 3));
  x = g.relu(g.convTranspose(x, 8, 4, {kernel: 3, stride: 2, pad: 1, outputPadding: 1}));
  g.output('image', g.tanh(g.conv(x, 4, 3, {pad: 1})));
  return g.finish('conditional-embedding', 'pytorch');
}

/** A class label as OneHot, spread over the map. */
function conditionalOneHot(): ZooEntry {
  const g = new ZooGraph(11, 4);
  const z = g.input('z', [2, 4, 4, 4]);
  const label = g.feed('label', {dims: [2], data: [1, 2], dtype: 'int64'});
  const values = g.constant([2], [0, 1]);
  const hot = g.op('OneHot', [label, g.ints(3), values], {axis: -1});
  const map = g.op('Expand', [g.unsqueeze(hot, 2, 3), g.ints(2, 3, 4, 4)]);
  const x = g.leaky(g.conv(g.concat(1, z, map), 7, 8, {pad: 1}));
  g.output('image', g.convTranspose(x, 8, 3, {kernel: 4, stride: 2, pad: 1}));
  return g.finish('conditional-one-hot', 'pytorch');
}

/** Channels of a style scale and shift normalized maps. */
function adain(): ZooEntry {
  const g = new ZooGraph(12, 5);
  const content = g.input('content', [1, 6, 8, 8]);
  const style = g.input('style', [1, 5]);
  const affine = g.unsqueeze(g.linear(style, 5, 12), 2, 3);
  const [gamma, beta] = g.ops('Split', [affine], 2, {axis: 1, split: [6, 6]});
  const ones = g.tensor([6], Array(6).fill(1));
  const zeros = g.tensor([6], Array(6).fill(0));
  const normal = g.op('InstanceNormalization', [content, ones, zeros], {epsilon: float(1e-5)});
  const x = g.add(g.mul(g.add(gamma!, g.scalar(1)), normal), beta!);
  g.output('y', g.conv(g.leaky(x), 6, 3, {pad: 1}));
  return g.finish('adain', 'pytorch');
}

/** StyleGAN2: weights modulated and demodulated by the style, one group per picture of the batch. */
function modulatedConv(): ZooEntry {
  const g = new ZooGraph(11, 6);
  const [batch, inChannels, outChannels] = [2, 4, 6];
  const x = g.input('x', [batch, inChannels, 5, 5]);
  const style = g.linear(g.input('style', [batch, 7]), 7, inChannels);
  const base = g.weight([1, outChannels, inChannels, 3, 3]);
  const modulated = g.mul(base, g.reshape(style, batch, 1, inChannels, 1, 1));
  const squares = g.op('Pow', [modulated, g.scalar(2)]);
  const sums = g.add(g.reduce('ReduceSum', squares, [2, 3, 4], 0), g.scalar(1e-8));
  const demodulation = g.div(g.scalar(1), g.op('Sqrt', [sums]));
  const weights = g.mul(modulated, g.reshape(demodulation, batch, outChannels, 1, 1, 1));
  const grouped = g.reshape(weights, batch * outChannels, inChannels, 3, 3);
  const flat = g.reshape(x, 1, batch * inChannels, 5, 5);
  const y = g.op('Conv', [flat, grouped], {
    dilations: [1, 1],
    group: batch,
    kernel_shape: [3, 3],
    pads: [1, 1, 1, 1],
    strides: [1, 1],
  });
  const noise = g.mul(g.input('noise', [1, 1, 5, 5]), g.weight([1], 0.5));
  const out = g.add(g.reshape(y, batch, outChannels, 5, 5), noise);
  g.output('y', g.mul(g.leaky(out), g.scalar(Math.SQRT2)));
  return g.finish('stylegan-modulated', 'pytorch');
}

/** The same for the layer that doubles the size, a transposed convolution. */
function modulatedUpsampling(): ZooEntry {
  const g = new ZooGraph(13, 7);
  const [inChannels, outChannels] = [4, 3];
  const x = g.input('x', [1, inChannels, 4, 4]);
  const style = g.linear(g.input('style', [1, 5]), 5, inChannels);
  const base = g.weight([1, outChannels, inChannels, 3, 3]);
  const weights = g.mul(base, g.reshape(style, 1, 1, inChannels, 1, 1));
  const turned = g.transpose(weights, 0, 2, 1, 3, 4);
  const grouped = g.reshape(turned, inChannels, outChannels, 3, 3);
  const up = g.op('ConvTranspose', [x, grouped], {
    group: 1,
    kernel_shape: [3, 3],
    pads: [0, 0, 0, 0],
    strides: [2, 2],
  });
  const blur = g.tensor(
    [outChannels, 1, 4, 4],
    Array.from({length: outChannels * 16}, (_, i) => {
      const [row, column] = [Math.floor(i / 4) % 4, i % 4];
      return ([1, 3, 3, 1][row]! * [1, 3, 3, 1][column]!) / 16;
    }),
  );
  const y = g.op('Conv', [up, blur], {
    group: outChannels,
    kernel_shape: [4, 4],
    pads: [1, 1, 1, 1],
    strides: [1, 1],
  });
  g.output('y', g.leaky(y));
  return g.finish('stylegan-upsampling', 'pytorch');
}

/** Latent codes to the nearest entry of a codebook, then decoded. */
function vectorQuantized(): ZooEntry {
  const g = new ZooGraph(13, 8);
  const latents = g.input('latents', [1, 4, 3, 3]);
  const codebook = g.weight([6, 4], 1);
  const rows = g.reshape(g.transpose(latents, 0, 2, 3, 1), -1, 4);
  const norms = g.reduce('ReduceSum', g.mul(codebook, codebook), [1], 0);
  const products = g.op('MatMul', [rows, g.transpose(codebook, 1, 0)]);
  const distances = g.sub(norms, g.mul(products, g.scalar(2)));
  const nearest = g.op('ArgMin', [distances], {axis: 1, keepdims: 0});
  const picked = g.reshape(g.op('Gather', [codebook, nearest], {axis: 0}), 1, 3, 3, 4);
  const x = g.relu(g.conv(g.transpose(picked, 0, 3, 1, 2), 4, 8, {pad: 1}));
  g.output('image', g.convTranspose(x, 8, 3, {kernel: 4, stride: 2, pad: 1}));
  g.output('codes', nearest, 'int64');
  return g.finish('vq-vae-decoder', 'pytorch');
}

function volumeDecoder(): ZooEntry {
  const g = new ZooGraph(11, 9);
  const z = g.input('z', [1, 6]);
  let x = g.relu(g.reshape(g.linear(z, 6, 8 * 8), -1, 8, 2, 2, 2));
  const up = {kernel: 4, stride: 2, pad: 1, rank: 3};
  x = g.leaky(g.batchNorm(g.convTranspose(x, 8, 4, up), 4));
  x = g.leaky(g.conv(x, 4, 4, {rank: 3, pad: 1}));
  g.output('volume', g.sigmoid(g.convTranspose(x, 4, 1, up)));
  return g.finish('volume-decoder', 'pytorch');
}

/** An affine coupling with a squeeze, both ways of a flow. */
function flow(): ZooEntry {
  const g = new ZooGraph(11, 10);
  const x = g.input('x', [1, 2, 4, 4]);
  const split = g.transpose(g.reshape(x, 1, 2, 2, 2, 2, 2), 0, 1, 3, 5, 2, 4);
  const squeezed = g.reshape(split, 1, 8, 2, 2);
  const [a, b] = g.ops('Split', [squeezed], 2, {axis: 1, split: [4, 4]});
  const net = g.conv(g.relu(g.conv(a!, 4, 8, {pad: 1})), 8, 8, {pad: 1});
  const [shift, logScale] = [g.slice(net, 1, 0, 4), g.slice(net, 1, 4, 8)];
  const scale = g.sigmoid(g.add(logScale, g.scalar(2)));
  const y = g.concat(1, a!, g.mul(g.add(b!, shift), scale));
  const logs = g.op('Log', [scale]);
  g.output('z', y);
  g.output('logdet', g.reduce('ReduceSum', logs, [1, 2, 3], 0));
  return g.finish('flow-coupling', 'pytorch');
}

export const GENERATORS = [
  dcgan,
  dcganLinear,
  conditionalEmbedding,
  conditionalOneHot,
  adain,
  modulatedConv,
  modulatedUpsampling,
  vectorQuantized,
  volumeDecoder,
  flow,
];
