// Graphs as the converters of Keras write them.

import {float} from '../helpers/onnx-builder.js';
import {type ZooEntry, ZooGraph} from './zoo-graph.js';

/** Dense as MatMul and Add. */
function dense(g: ZooGraph, x: string, from: number, to: number): string {
  const product = g.op('MatMul', [x, g.weight([from, to], Math.sqrt(3 / from))]);
  return g.add(product, g.weight([to], 0.2));
}

/** LeakyReLU as the larger of x and alpha x. */
const leaky = (g: ZooGraph, x: string, alpha: number) =>
  g.op('Max', [x, g.mul(x, g.tensor([1], [alpha]))]);

function generator(): ZooEntry {
  const g = new ZooGraph(11, 100);
  const z = g.input('z', [1, 10], ['N', 10]);
  const map = g.reshapeTo(leaky(g, dense(g, z, 10, 4 * 4 * 6), 0.2), -1, 4, 4, 6);
  const x = g.transpose(map, 0, 3, 1, 2);
  const same = {kernel: 4, stride: 2, attrs: {auto_pad: 'SAME_UPPER'}};
  const one = leaky(g, g.batchNorm(g.convTranspose(x, 6, 4, same), 4), 0.2);
  const two = g.tanh(g.convTranspose(one, 4, 1, same));
  g.output('image', g.transpose(two, 0, 2, 3, 1));
  return g.finish('keras-generator', 'keras');
}

/** Squeeze and excite with Keras' hard sigmoid, as an operator and written out. */
function hardSigmoids(): ZooEntry {
  const g = new ZooGraph(12, 101);
  const x = g.transpose(g.input('x', [1, 6, 6, 4]), 0, 3, 1, 2);
  const pooled = g.reshapeTo(g.op('GlobalAveragePool', [x]), -1, 4);
  const one = g.op('HardSigmoid', [dense(g, pooled, 4, 4)], {alpha: float(0.2), beta: float(0.5)});
  const line = g.add(g.mul(dense(g, pooled, 4, 4), g.tensor([1], [0.2])), g.tensor([1], [0.5]));
  const two = g.op('Clip', [line, g.tensor([], [0]), g.tensor([], [1])]);
  const gate = g.reshapeTo(g.mul(one, two), -1, 4, 1, 1);
  g.output('y', g.transpose(g.mul(x, gate), 0, 2, 3, 1));
  return g.finish('keras-hard-sigmoid', 'keras');
}

/** Encoder and decoder with UpSampling2D and cropping. */
function autoencoder(): ZooEntry {
  const g = new ZooGraph(10, 102);
  const x = g.transpose(g.input('x', [1, 9, 9, 1]), 0, 3, 1, 2);
  const same = {attrs: {auto_pad: 'SAME_UPPER'}};
  const pool = {auto_pad: 'SAME_UPPER', kernel_shape: [2, 2], strides: [2, 2]};
  const one = g.op('MaxPool', [g.relu(g.conv(x, 1, 4, same))], pool);
  const two = g.op('AveragePool', [g.relu(g.conv(one, 4, 6, same))], pool);
  const upsample = (v: string) =>
    g.op('Resize', [v, g.tensor([4], [1, 1, 2, 2])], {mode: 'nearest'});
  const three = upsample(g.relu(g.conv(two, 6, 4, same)));
  const four = g.sigmoid(g.conv(upsample(three), 4, 1, same));
  const cropped = g.op('Slice', [
    four,
    g.tensor([2], [1, 1], 'int64'),
    g.tensor([2], [-2, 10], 'int64'),
    g.tensor([2], [2, 3], 'int64'),
  ]);
  g.output('y', g.transpose(cropped, 0, 2, 3, 1));
  return g.finish('keras-autoencoder', 'keras');
}

/** The decoder of a variational autoencoder with its sampling: mean + exp(log variance / 2) * noise. */
function variational(): ZooEntry {
  const g = new ZooGraph(9, 103);
  const features = g.relu(dense(g, g.input('x', [2, 12]), 12, 8));
  const mean = dense(g, features, 8, 3);
  const half = g.mul(dense(g, features, 8, 3), g.tensor([1], [0.5]));
  const noise = g.input('noise', [2, 3]);
  const z = g.add(mean, g.mul(g.op('Exp', [half]), noise));
  const map = g.reshapeTo(g.relu(dense(g, z, 3, 2 * 2 * 8)), -1, 2, 2, 8);
  const same = {kernel: 3, stride: 2, attrs: {auto_pad: 'SAME_UPPER'}};
  const up = g.relu(g.convTranspose(g.transpose(map, 0, 3, 1, 2), 8, 4, same));
  const image = g.sigmoid(g.conv(up, 4, 1, {attrs: {auto_pad: 'SAME_LOWER'}, kernel: 4}));
  g.output('image', g.op('Flatten', [g.transpose(image, 0, 2, 3, 1)], {axis: 1}));
  g.output('mean', mean);
  return g.finish('keras-variational', 'keras');
}

/** PReLU with shared axes, ThresholdedReLU, and a softmax over channels. */
function activations(): ZooEntry {
  const g = new ZooGraph(11, 104);
  const x = g.transpose(g.input('x', [1, 5, 5, 3]), 0, 3, 1, 2);
  const one = g.op('PRelu', [g.conv(x, 3, 4, {pad: 1}), g.weight([4, 1, 1], 0.4)]);
  const two = g.op('ThresholdedRelu', [one], {alpha: float(0.1)});
  const three = g.op('Selu', [g.conv(two, 4, 3, {kernel: 1})]);
  g.output('y', g.op('Softmax', [g.transpose(three, 0, 2, 3, 1)], {axis: 3}));
  return g.finish('keras-activations', 'keras');
}

export const KERAS = [generator, hardSigmoids, autoencoder, variational, activations];
