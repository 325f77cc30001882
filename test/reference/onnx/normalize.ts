// Normalizations.

import type {Call, RefOps} from './call.js';
import {groups} from './reduce.js';
import {
  broadcastAt,
  elementCount,
  fill,
  placeOf,
  type RefTensor,
  reshaped,
  resolveAxis,
} from './tensor.js';

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

function deviation(values: readonly number[]): number {
  const middle = mean(values);
  return mean(values.map(value => (value - middle) ** 2));
}

/** (x - mean) / sqrt(variance + epsilon), mean and variance taken over `axes`. */
function standardized(
  x: RefTensor,
  axes: readonly number[],
  epsilon: number,
): {y: RefTensor; means: RefTensor; inverses: RefTensor} {
  const {dims, values} = groups(x, axes);
  const means = fill('float32', dims, (_, place) => mean(values[place]!));
  const inverses = fill(
    'float32',
    dims,
    (_, place) => 1 / Math.sqrt(deviation(values[place]!) + epsilon),
  );
  const y = fill(
    x.dtype,
    x.dims,
    (index, place) => (x.data[place]! - broadcastAt(means, index)) * broadcastAt(inverses, index),
  );
  return {y, means, inverses};
}

/** y * scale[c] + bias[c], c the index of axis 1. */
function perChannel(y: RefTensor, scale: RefTensor, bias: RefTensor): RefTensor {
  return fill(
    y.dtype,
    y.dims,
    (index, place) => y.data[place]! * scale.data[index[1]!]! + bias.data[index[1]!]!,
  );
}

const axesFrom = (first: number, rank: number) =>
  Array.from({length: rank - first}, (_, i) => first + i);

function batchNorm(call: Call): RefTensor {
  if (call.int('training_mode', 0) === 1) throw new Error('training');
  const [x, scale, bias, means, variances] = [0, 1, 2, 3, 4].map(i => call.input(i));
  const epsilon = call.float('epsilon', 1e-5);
  const y = fill(x!.dtype, x!.dims, (index, place) => {
    const channel = index[1]!;
    const centred = x!.data[place]! - means!.data[channel]!;
    return centred / Math.sqrt(variances!.data[channel]! + epsilon);
  });
  return perChannel(y, scale!, bias!);
}

function instanceNorm(call: Call): RefTensor {
  const x = call.input(0);
  const {y} = standardized(x, axesFrom(2, x.dims.length), call.float('epsilon', 1e-5));
  return perChannel(y, call.input(1), call.input(2));
}

function groupNorm(call: Call): RefTensor {
  const [x, scale, bias] = [call.input(0), call.input(1), call.input(2)];
  const count = call.int('num_groups', 1);
  const [batch, channels] = x.dims as [number, number];
  const grouped = reshaped(x, [batch, count, elementCount(x.dims) / (batch * count)]);
  const {y} = standardized(grouped, [2], call.float('epsilon', 1e-5));
  // Opset 18 has one scale per group, 21 one per channel.
  const each = (p: RefTensor) =>
    fill(
      p.dtype,
      [channels],
      ([channel]) => p.data[Math.floor((channel! * p.data.length) / channels)]!,
    );
  return perChannel(reshaped(y, x.dims), each(scale), each(bias));
}

function layerNorm(call: Call): RefTensor[] {
  const [x, scale, bias] = [call.input(0), call.input(1), call.optional(2)];
  const first = resolveAxis(call.int('axis', -1), x.dims.length);
  const axes = axesFrom(first, x.dims.length);
  const {y, means, inverses} = standardized(x, axes, call.float('epsilon', 1e-5));
  const scaled = fill(
    x.dtype,
    x.dims,
    (index, place) =>
      y.data[place]! * broadcastAt(scale, index) + (bias === null ? 0 : broadcastAt(bias, index)),
  );
  return [scaled, means, inverses];
}

function rmsNorm(call: Call): RefTensor {
  const [x, scale] = [call.input(0), call.input(1)];
  const axes = axesFrom(resolveAxis(call.int('axis', -1), x.dims.length), x.dims.length);
  const {dims, values} = groups(x, axes);
  const epsilon = call.float('epsilon', 1e-5);
  const squares = fill('float32', dims, (_, place) => mean(values[place]!.map(v => v * v)));
  return fill(
    x.dtype,
    x.dims,
    (index, place) =>
      (x.data[place]! / Math.sqrt(broadcastAt(squares, index) + epsilon)) *
      broadcastAt(scale, index),
  );
}

function lpNorm(call: Call): RefTensor {
  const x = call.input(0);
  const p = call.int('p', 2);
  const axis = resolveAxis(call.int('axis', -1), x.dims.length);
  const {dims, values} = groups(x, [axis]);
  const norms = values.map(
    own => own.reduce((sum, value) => sum + Math.abs(value) ** p, 0) ** (1 / p),
  );
  return fill(x.dtype, x.dims, (index, place) => {
    const norm = norms[placeOf(dims, index.with(axis, 0))]!;
    return norm === 0 ? 0 : x.data[place]! / norm;
  });
}

function localResponse(call: Call): RefTensor {
  const x = call.input(0);
  const size = call.int('size', 1);
  const [alpha, beta, bias] = [
    call.float('alpha', 1e-4),
    call.float('beta', 0.75),
    call.float('bias', 1),
  ];
  return fill(x.dtype, x.dims, (index, place) => {
    const channel = index[1]!;
    const last = Math.min(x.dims[1]! - 1, channel + Math.ceil((size - 1) / 2));
    let sum = 0;
    for (let c = Math.max(0, channel - Math.floor((size - 1) / 2)); c <= last; c++)
      sum += x.data[placeOf(x.dims, index.with(1, c))]! ** 2;
    return x.data[place]! / (bias + (alpha / size) * sum) ** beta;
  });
}

function meanVariance(call: Call): RefTensor {
  const x = call.input(0);
  const {y, inverses} = standardized(x, call.ints('axes') ?? [0, 2, 3], 0);
  // ONNX adds its epsilon to the deviation, not to the variance.
  return fill(y.dtype, y.dims, (index, place) => {
    const inverse = broadcastAt(inverses, index);
    return (y.data[place]! / inverse) * (1 / (1 / inverse + 1e-9));
  });
}

export const NORMALIZE_OPS: RefOps = {
  BatchNormalization: batchNorm,
  InstanceNormalization: instanceNorm,
  GroupNormalization: groupNorm,
  LayerNormalization: layerNorm,
  RMSNormalization: rmsNorm,
  LpNormalization: lpNorm,
  LRN: localResponse,
  MeanVarianceNormalization: meanVariance,
};
