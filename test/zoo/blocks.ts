// Blocks of newer networks as PyTorch exports them: norms, gates and attention written out.

import {float} from '../helpers/onnx-builder.js';
import {type ZooEntry, ZooGraph} from './zoo-graph.js';

/** mean and variance over the last axis by hand, as before opset 17. */
function layerNorm(g: ZooGraph, x: string, size: number): string {
  const centred = g.sub(x, g.reduce('ReduceMean', x, [-1]));
  const variance = g.reduce('ReduceMean', g.op('Pow', [centred, g.scalar(2)]), [-1]);
  const deviation = g.op('Sqrt', [g.add(variance, g.scalar(1e-5))]);
  const y = g.div(centred, deviation);
  return g.add(g.mul(y, g.positive(size)), g.weight([size], 0.2));
}

/** GELU with erf: x * (erf(x / sqrt 2) + 1) * 0.5. */
function gelu(g: ZooGraph, x: string): string {
  const erf = g.op('Erf', [g.div(x, g.scalar(Math.SQRT2))]);
  return g.mul(g.mul(x, g.add(erf, g.scalar(1))), g.scalar(0.5));
}

const silu = (g: ZooGraph, x: string) => g.mul(x, g.sigmoid(x));

/** GroupNorm: groups become channels of an InstanceNormalization over one axis. */
function groupNorm(g: ZooGraph, x: string, channels: number, groups: number): string {
  const flat = g.reshape(x, 0, groups, -1);
  const ones = g.tensor([groups], Array(groups).fill(1));
  const zeros = g.tensor([groups], Array(groups).fill(0));
  const normal = g.op('InstanceNormalization', [flat, ones, zeros], {epsilon: float(1e-5)});
  const back = g.op('Reshape', [normal, g.op('Shape', [x])]);
  const scale = g.weight([channels, 1, 1], 1);
  return g.add(g.mul(back, scale), g.weight([channels, 1, 1], 0.2));
}

function matmul(g: ZooGraph, x: string, inSize: number, outSize: number): string {
  const weights = g.weight([inSize, outSize], Math.sqrt(3 / inSize));
  return g.add(g.op('MatMul', [x, weights]), g.weight([outSize], 0.2));
}

function mixer(): ZooEntry {
  const g = new ZooGraph(12, 40);
  const x = g.input('x', [1, 3, 8, 8]);
  const patches = g.conv(x, 3, 8, {kernel: 4, stride: 4});
  const tokens = g.transpose(g.reshape(patches, 1, 8, 4), 0, 2, 1);
  const across = g.transpose(layerNorm(g, tokens, 8), 0, 2, 1);
  const mixed = matmul(g, gelu(g, matmul(g, across, 4, 6)), 6, 4);
  const first = g.add(tokens, g.transpose(mixed, 0, 2, 1));
  const inside = matmul(g, gelu(g, matmul(g, layerNorm(g, first, 8), 8, 12)), 12, 8);
  g.output('y', g.reduce('ReduceMean', layerNorm(g, g.add(first, inside), 8), [1], 0));
  return g.finish('mixer-gelu', 'pytorch');
}

/** A block of a diffusion U-Net: GroupNorm, SiLU, a time embedding added to the map. */
function diffusionBlock(): ZooEntry {
  const g = new ZooGraph(14, 41);
  const x = g.input('x', [1, 4, 6, 6]);
  const time = silu(g, g.linear(g.input('time', [1, 6]), 6, 8));
  const first = g.conv(silu(g, groupNorm(g, x, 4, 2)), 4, 8, {pad: 1});
  const timed = g.add(first, g.unsqueeze(g.linear(time, 8, 8), 2, 3));
  const second = g.conv(silu(g, groupNorm(g, timed, 8, 4)), 8, 8, {pad: 1});
  g.output('y', g.add(second, g.conv(x, 4, 8, {kernel: 1})));
  return g.finish('diffusion-block', 'pytorch');
}

/** The attention block in the middle of a VAE's decoder, over the pixels of a map. */
function vaeAttention(): ZooEntry {
  const g = new ZooGraph(14, 42);
  const x = g.input('x', [1, 8, 4, 4]);
  const normal = groupNorm(g, x, 8, 4);
  const project = () => g.reshape(g.conv(normal, 8, 8, {kernel: 1}), 1, 8, 16);
  const [q, k, v] = [g.transpose(project(), 0, 2, 1), project(), project()];
  const scores = g.mul(g.op('MatMul', [q, k]), g.scalar(8 ** -0.5));
  const weights = g.transpose(g.op('Softmax', [scores], {axis: 2}), 0, 2, 1);
  const mixed = g.reshape(g.op('MatMul', [v, weights]), 1, 8, 4, 4);
  const attended = g.add(x, g.conv(mixed, 8, 8, {kernel: 1}));
  const up = g.op('Resize', [attended, '', g.constant([4], [1, 1, 2, 2])], {
    coordinate_transformation_mode: 'asymmetric',
    mode: 'nearest',
    nearest_mode: 'floor',
  });
  const y = g.conv(silu(g, groupNorm(g, g.conv(up, 8, 4, {pad: 1}), 4, 2)), 4, 3, {pad: 1});
  g.output('image', y);
  return g.finish('vae-attention', 'pytorch');
}

/** Attention with heads and a mask of Where, LayerNormalization as one operator. */
function transformer(): ZooEntry {
  const g = new ZooGraph(17, 43);
  const [length, heads, size] = [5, 2, 4];
  const x = g.input('x', [1, length, 8]);
  const norm = (v: string) =>
    g.op('LayerNormalization', [v, g.positive(8), g.weight([8], 0.2)], {
      axis: -1,
      epsilon: float(1e-5),
    });
  const normal = norm(x);
  const split = () => g.reshape(matmul(g, normal, 8, 8), 1, length, heads, size);
  const q = g.transpose(split(), 0, 2, 1, 3);
  const k = g.transpose(split(), 0, 2, 3, 1);
  const v = g.transpose(split(), 0, 2, 1, 3);
  const scores = g.div(g.op('MatMul', [q, k]), g.scalar(2));
  const later = Array.from({length: length ** 2}, (_, i) =>
    i % length > Math.floor(i / length) ? 1 : 0,
  );
  const mask = g.constant([1, 1, length, length], later, 'bool');
  const masked = g.op('Where', [mask, g.scalar(-10_000), scores]);
  const mixed = g.op('MatMul', [g.op('Softmax', [masked], {axis: -1}), v]);
  const joined = g.reshape(g.transpose(mixed, 0, 2, 1, 3), 1, length, 8);
  const first = g.add(x, matmul(g, joined, 8, 8));
  g.output('y', g.add(first, matmul(g, gelu(g, matmul(g, norm(first), 8, 16)), 16, 8)));
  return g.finish('transformer-17', 'pytorch');
}

/** RMSNorm and a gated linear unit written out. */
function rmsGate(): ZooEntry {
  const g = new ZooGraph(16, 44);
  const x = g.input('x', [2, 3, 8]);
  const squares = g.reduce('ReduceMean', g.op('Pow', [x, g.scalar(2)]), [-1]);
  const inverse = g.op('Reciprocal', [g.op('Sqrt', [g.add(squares, g.scalar(1e-6))])]);
  const normal = g.mul(g.positive(8), g.mul(x, inverse));
  const gate = silu(g, g.op('MatMul', [normal, g.weight([8, 6], 0.6)]));
  const value = g.op('MatMul', [normal, g.weight([8, 6], 0.6)]);
  g.output('y', g.add(x, g.op('MatMul', [g.mul(gate, value), g.weight([6, 8], 0.6)])));
  return g.finish('rms-norm-gate', 'pytorch');
}

/** MobileNetV3's block: HardSwish written out, squeeze and excite with HardSigmoid. */
function mobilenet(): ZooEntry {
  const g = new ZooGraph(12, 45);
  const swish = (v: string) => {
    const shifted = g.add(v, g.scalar(3));
    const clipped = g.op('Clip', [shifted, g.scalar(0), g.scalar(6)]);
    return g.div(g.mul(v, clipped), g.scalar(6));
  };
  const x = swish(g.batchNorm(g.conv(g.input('x', [1, 3, 10, 10]), 3, 8, {stride: 2, pad: 1}), 8));
  const wide = swish(g.conv(x, 8, 16, {kernel: 1}));
  const deep = swish(g.conv(wide, 16, 16, {kernel: 5, pad: 2, group: 16}));
  const pooled = g.op('GlobalAveragePool', [deep]);
  const squeezed = g.relu(g.conv(pooled, 16, 4, {kernel: 1}));
  const excited = g.op('HardSigmoid', [g.conv(squeezed, 4, 16, {kernel: 1})], {
    alpha: float(1 / 6),
  });
  g.output('y', g.add(x, g.conv(g.mul(excited, deep), 16, 8, {kernel: 1})));
  return g.finish('mobilenet-v3', 'pytorch');
}

/** ShuffleNet: grouped convolutions with channels shuffled by Reshape and Transpose. */
function shuffle(): ZooEntry {
  const g = new ZooGraph(13, 46);
  const x = g.input('x', [1, 8, 6, 6]);
  const one = g.relu(g.conv(x, 8, 8, {kernel: 1, group: 2}));
  const split = g.transpose(g.reshape(one, 1, 2, 4, 6, 6), 0, 2, 1, 3, 4);
  const mixed = g.conv(g.reshape(split, 1, 8, 6, 6), 8, 8, {pad: 1, group: 8});
  const halves = g.ops('Split', [mixed, g.ints(4, 4)], 2, {axis: 1});
  g.output('y', g.concat(1, halves[1]!, g.conv(halves[0]!, 4, 4, {kernel: 1})));
  return g.finish('channel-shuffle', 'pytorch');
}

/** Atrous pyramid pooling with a class per pixel. */
function aspp(): ZooEntry {
  const g = new ZooGraph(11, 47);
  const x = g.relu(g.conv(g.input('x', [1, 3, 12, 12]), 3, 6, {stride: 2, pad: 1}));
  const branches = [1, 2, 3].map(dilation =>
    g.relu(g.batchNorm(g.conv(x, 6, 4, {pad: dilation, dilation, bias: false}), 4)),
  );
  const resize = (v: string, attrs: Readonly<Record<string, string>>, ...sizes: number[]) =>
    g.op('Resize', [v, g.constant([0], []), g.constant([0], []), g.ints(...sizes)], attrs);
  const pooled = g.relu(g.conv(g.op('GlobalAveragePool', [x]), 6, 4, {kernel: 1}));
  const half = {coordinate_transformation_mode: 'pytorch_half_pixel', mode: 'linear'};
  const spread = resize(pooled, half, 1, 4, 6, 6);
  const joined = g.relu(g.conv(g.concat(1, ...branches, spread), 16, 5, {kernel: 1}));
  const aligned = {coordinate_transformation_mode: 'align_corners', mode: 'linear'};
  const scores = resize(g.conv(joined, 5, 3, {kernel: 1}), aligned, 1, 3, 12, 12);
  g.output('classes', g.op('ArgMax', [scores], {axis: 1, keepdims: 0}), 'int64');
  g.output('scores', g.op('Softmax', [g.transpose(scores, 0, 2, 3, 1)], {axis: 3}));
  return g.finish('aspp-argmax', 'pytorch');
}

/** Opset 18: axes as inputs, Split by count, Resize with antialias, GroupNormalization. */
function opset18(): ZooEntry {
  const g = new ZooGraph(18, 48);
  const x = g.input('x', [1, 4, 8, 8]);
  const small = g.op('Resize', [x, '', g.constant([2], [0.5, 0.5])], {
    antialias: 1,
    axes: [2, 3],
    coordinate_transformation_mode: 'half_pixel',
    mode: 'linear',
  });
  const norm = g.op('GroupNormalization', [small, g.positive(2), g.weight([2], 0.2)], {
    epsilon: float(1e-5),
    num_groups: 2,
  });
  const [a, b] = g.ops('Split', [norm], 2, {axis: 1, num_outputs: 2});
  const gate = g.op('Mish', [a!]);
  const means = g.reduce('ReduceMean', g.mul(gate, b!), [2, 3], 0);
  const pads = g.op('Pad', [b!, g.ints(1, 2, 1, 2), '', g.ints(2, 3)], {mode: 'edge'});
  g.output('means', means);
  g.output('y', g.conv(pads, 2, 3));
  return g.finish('opset-18', 'pytorch');
}

/** Activations and pools that older networks use. */
function oldFashioned(): ZooEntry {
  const g = new ZooGraph(12, 49);
  const x = g.conv(g.input('x', [1, 3, 11, 11]), 3, 8, {pad: 1});
  const normal = g.op('LRN', [g.op('Selu', [x])], {
    size: 5,
    alpha: float(1e-2),
    beta: float(0.75),
    bias: float(1),
  });
  const pooled = g.op('MaxPool', [normal], {kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1});
  const average = g.op('AveragePool', [g.op('Elu', [pooled], {alpha: float(1)})], {
    kernel_shape: [3, 3],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
    count_include_pad: 1,
  });
  const soft = g.op('Softplus', [average]);
  const flat = g.op('Flatten', [g.mul(average, g.tanh(soft))], {axis: 1});
  const y = g.op('Softsign', [g.linear(flat, 8 * 9, 5)]);
  g.output('y', g.op('LogSoftmax', [y], {axis: 1}));
  return g.finish('lrn-pools', 'pytorch');
}

export const BLOCKS = [
  mixer,
  diffusionBlock,
  vaeAttention,
  transformer,
  rmsGate,
  mobilenet,
  shuffle,
  aspp,
  opset18,
  oldFashioned,
];
