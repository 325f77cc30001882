// Graphs of quantizers. Scales are powers of two, so that nothing depends on how halves are rounded.

import {type ZooEntry, ZooGraph} from './zoo-graph.js';

/** A Quantize and Dequantize pair: the mark of a quantised tensor. */
function quantizePair(g: ZooGraph, x: string, scale: number, zero: number): string {
  const parameters = [g.tensor([], [scale]), g.tensor([], [zero], 'uint8')];
  const quantized = g.op('QuantizeLinear', [x, ...parameters]);
  return g.op('DequantizeLinear', [quantized, ...parameters]);
}

/** int8 weights behind a DequantizeLinear, with one scale per output channel. */
function quantizedWeights(g: ZooGraph, dims: readonly number[], axis: number): string {
  const count = dims.reduce((product, size) => product * size, 1);
  const data = Array.from({length: count}, () => Math.floor(g.random() * 33) - 16);
  const channels = dims[axis]!;
  const scales = Array.from({length: channels}, (_, c) => 2 ** -(5 + (c % 2)));
  const zeros = g.tensor([channels], Array(channels).fill(0), 'int8');
  const inputs = [g.tensor(dims, data, 'int8'), g.tensor([channels], scales), zeros];
  return g.op('DequantizeLinear', inputs, {axis});
}

function bias(g: ZooGraph, channels: number): string {
  const data = Array.from({length: channels}, () => Math.floor(g.random() * 65) - 32);
  const scale = g.tensor([], [2 ** -10]);
  return g.op('DequantizeLinear', [g.tensor([channels], data, 'int32'), scale]);
}

function convolutions(): ZooEntry {
  const g = new ZooGraph(13, 120);
  const attrs = {kernel_shape: [3, 3], pads: [1, 1, 1, 1]};
  let x = quantizePair(g, g.input('x', [1, 3, 6, 6]), 2 ** -6, 128);
  x = g.op('Conv', [x, quantizedWeights(g, [6, 3, 3, 3], 0), bias(g, 6)], attrs);
  x = quantizePair(g, g.relu(x), 2 ** -5, 0);
  x = g.op('Conv', [x, quantizedWeights(g, [4, 6, 3, 3], 0), bias(g, 4)], {
    ...attrs,
    strides: [2, 2],
  });
  g.output('y', quantizePair(g, x, 2 ** -4, 120));
  return g.finish('qdq-conv', 'quantized');
}

/** A decoder with a skip connection: sums, concatenation and a transposed convolution between the pairs. */
function decoder(): ZooEntry {
  const g = new ZooGraph(13, 121);
  const x = quantizePair(g, g.input('x', [1, 4, 4, 4]), 2 ** -6, 128);
  const up = {kernel_shape: [4, 4], pads: [1, 1, 1, 1], strides: [2, 2]};
  const one = g.op('ConvTranspose', [x, quantizedWeights(g, [4, 6, 4, 4], 1), bias(g, 6)], up);
  const quantized = quantizePair(g, g.relu(one), 2 ** -5, 0);
  const skip = quantizePair(g, g.input('skip', [1, 2, 8, 8]), 2 ** -5, 100);
  const joined = quantizePair(g, g.concat(1, quantized, skip), 2 ** -5, 64);
  const last = g.op('Conv', [joined, quantizedWeights(g, [3, 8, 1, 1], 0)], {
    kernel_shape: [1, 1],
  });
  g.output('y', quantizePair(g, last, 2 ** -4, 128));
  return g.finish('qdq-decoder', 'quantized');
}

/** A linear layer, with its result handed out in 8 bits. */
function linear(): ZooEntry {
  const g = new ZooGraph(13, 122);
  const x = quantizePair(g, g.input('x', [2, 8]), 2 ** -7, 128);
  const weights = g.transpose(quantizedWeights(g, [5, 8], 0), 1, 0);
  const y = g.relu(g.op('MatMul', [x, weights]));
  const parameters = [g.tensor([], [2 ** -5]), g.tensor([], [0], 'uint8')];
  g.output('y', g.op('QuantizeLinear', [y, ...parameters]), 'uint8');
  return g.finish('qdq-linear', 'quantized');
}

/** float16 weights with a Cast in front of every use, as converters to half precision leave them. */
function halfWeights(): ZooEntry {
  const g = new ZooGraph(13, 123);
  // Bits of halves: sign, exponents from 2^-5 to 2^-2, any fraction.
  const half = (dims: readonly number[]) => {
    const count = dims.reduce((product, size) => product * size, 1);
    const bits = Array.from({length: count}, () => {
      const [sign, exponent] = [g.random() < 0.5 ? 0x8000 : 0, 10 + Math.floor(g.random() * 4)];
      return sign + exponent * 1024 + Math.floor(g.random() * 1024);
    });
    return g.op('Cast', [g.tensor(dims, bits, 'float16')], {to: 1});
  };
  const attrs = {kernel_shape: [3, 3], pads: [1, 1, 1, 1]};
  const x = g.relu(
    g.op('Conv', [g.input('x', [1, 3, 6, 6]), half([6, 3, 3, 3]), half([6])], attrs),
  );
  const up = {kernel_shape: [2, 2], strides: [2, 2]};
  g.output('y', g.op('ConvTranspose', [x, half([6, 2, 2, 2]), half([2])], up));
  return g.finish('half-weights', 'quantized');
}

/** Dynamic quantisation: scale and zero point of the activations are computed at run time. */
function dynamic(): ZooEntry {
  const g = new ZooGraph(11, 124);
  const x = g.input('x', [1, 3, 5, 5]);
  const [bytes, scale, zero] = g.ops('DynamicQuantizeLinear', [x], 3);
  const data = Array.from({length: 4 * 3 * 9}, () => Math.floor(g.random() * 33) - 16);
  const weights = g.tensor([4, 3, 3, 3], data, 'int8');
  const inputs = [bytes!, weights, zero!, g.tensor([], [0], 'int8')];
  const attrs = {kernel_shape: [3, 3], pads: [1, 1, 1, 1]};
  const sums = g.op('Cast', [g.op('ConvInteger', inputs, attrs)], {to: 1});
  const factor = g.mul(scale!, g.tensor([], [2 ** -5]));
  g.output('y', g.add(g.mul(sums, factor), g.weight([1, 4, 1, 1], 0.3)));
  return g.finish('dynamic-quantisation', 'quantized');
}

export const QUANTIZED = [convolutions, decoder, linear, halfWeights, dynamic];
