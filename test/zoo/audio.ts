// Networks over one axis, and weights that are computed in the graph, as PyTorch exports them.

import {type ZooEntry, ZooGraph} from './zoo-graph.js';

/** HiFi-GAN: transposed convolutions, and sums of stacks of dilated residual ones. */
function hifigan(): ZooEntry {
  const g = new ZooGraph(13, 60);
  let x = g.conv(g.input('mel', [1, 8, 6], [1, 8, 'frames']), 8, 12, {kernel: 7, pad: 3, rank: 1});
  let channels = 12;
  for (const stride of [4, 2]) {
    const options = {kernel: 2 * stride, stride, pad: stride / 2, rank: 1};
    x = g.convTranspose(g.leaky(x, 0.1), channels, channels / 2, options);
    channels /= 2;
    const stacks = [3, 5].map(kernel => {
      let y = x;
      for (const dilation of [1, 3]) {
        const wide = {kernel, dilation, pad: ((kernel - 1) * dilation) / 2, rank: 1};
        const narrow = {kernel, pad: (kernel - 1) / 2, rank: 1};
        const inner = g.leaky(g.conv(g.leaky(y, 0.1), channels, channels, wide), 0.1);
        y = g.add(g.conv(inner, channels, channels, narrow), y);
      }
      return y;
    });
    x = g.div(g.add(stacks[0]!, stacks[1]!), g.scalar(2));
  }
  const last = g.conv(g.leaky(x, 0.01), channels, 1, {kernel: 7, pad: 3, rank: 1});
  g.output('audio', g.tanh(last));
  return g.finish('hifigan', 'pytorch');
}

/** WaveNet: gated, dilated and causal, with residual and skip sums. */
function wavenet(): ZooEntry {
  const g = new ZooGraph(11, 61);
  let x = g.conv(g.input('x', [1, 1, 20]), 1, 4, {kernel: 1, rank: 1});
  let skips: string | null = null;
  for (const dilation of [1, 2, 4]) {
    const padded = g.op('Pad', [x, g.ints(0, 0, dilation, 0, 0, 0), g.scalar(0)], {
      mode: 'constant',
    });
    const both = g.conv(padded, 4, 8, {kernel: 2, dilation, rank: 1});
    const gated = g.mul(g.tanh(g.slice(both, 1, 0, 4)), g.sigmoid(g.slice(both, 1, 4, 8)));
    const skip = g.conv(gated, 4, 6, {kernel: 1, rank: 1});
    skips = skips === null ? skip : g.add(skips, skip);
    x = g.add(x, g.conv(gated, 4, 4, {kernel: 1, rank: 1}));
  }
  const head = g.conv(g.relu(skips!), 6, 6, {kernel: 1, rank: 1});
  g.output('logits', g.conv(g.relu(head), 6, 5, {kernel: 1, rank: 1}));
  return g.finish('wavenet', 'pytorch');
}

/** weight_norm left in the graph: g * v / |v|. */
function weightNorm(): ZooEntry {
  const g = new ZooGraph(13, 62);
  let x = g.input('x', [1, 4, 12]);
  for (const [from, out, kernel] of [
    [4, 6, 3],
    [6, 4, 1],
  ] as const) {
    const direction = g.weight([out, from, kernel]);
    const norm = g.op('ReduceL2', [direction], {axes: [1, 2], keepdims: 1});
    const length = g.weight([out, 1, 1], 1);
    const weights = g.mul(direction, g.div(length, norm));
    const attrs = {kernel_shape: [kernel], pads: [(kernel - 1) / 2, (kernel - 1) / 2]};
    x = g.leaky(g.op('Conv', [x, weights, g.weight([out], 0.2)], attrs));
  }
  g.output('y', x);
  return g.finish('weight-norm', 'pytorch');
}

/** spectral_norm left in the graph: the weights divided by u' W v. */
function spectralNorm(): ZooEntry {
  const g = new ZooGraph(11, 63);
  const x = g.input('x', [1, 4, 6, 6]);
  const weights = g.weight([5, 4, 3, 3]);
  const matrix = g.reshape(weights, 5, -1);
  const [u, v] = [g.weight([5], 1), g.weight([36], 1)];
  const sigma = g.op('MatMul', [u, g.op('MatMul', [matrix, v])]);
  const normal = g.div(weights, sigma);
  const attrs = {kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2]};
  g.output('y', g.leaky(g.op('Conv', [x, normal, g.weight([5], 0.2)], attrs)));
  return g.finish('spectral-norm', 'pytorch');
}

/** A U-Net over one axis with linear Resize and crops by Slice with negative ends. */
function denoiser(): ZooEntry {
  const g = new ZooGraph(13, 64);
  const x = g.input('x', [2, 2, 16], ['batch', 2, 'samples']);
  const down = g.leaky(g.conv(x, 2, 6, {kernel: 5, pad: 2, rank: 1}));
  const small = g.op('Slice', [down, g.ints(0), g.ints(2 ** 31), g.ints(2), g.ints(2)]);
  const deep = g.leaky(g.conv(small, 6, 6, {kernel: 5, pad: 2, rank: 1}));
  const up = g.op('Resize', [deep, '', g.constant([3], [1, 1, 2])], {
    coordinate_transformation_mode: 'align_corners',
    mode: 'linear',
  });
  const joined = g.conv(g.concat(1, up, down), 12, 2, {kernel: 5, rank: 1});
  g.output('y', g.tanh(g.add(joined, g.slice(x, 2, 2, -2))));
  return g.finish('wave-unet', 'pytorch');
}

export const AUDIO = [hifigan, wavenet, weightNorm, spectralNorm, denoiser];
