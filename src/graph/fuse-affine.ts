// Moves scales and shifts per channel into the weights and biases beside them.
//
// act(scale * (W x + bias) + shift) needs no pass of its own: scale*W and scale*bias + shift are
// computed once here, in double precision. Likewise W (scale * x + shift), where no padding is read:
// a padded zero would have to become -shift/scale.

import {type Affine, affineOf} from './fuse-affine-match.js';
import {
  channelAxis,
  isBare,
  type OperationOf,
  type WithEpilogue,
  withEpilogue,
} from './fuse-match.js';
import type {Graph, Operation} from './graph.js';
import {fusePairs, type Pair, type Replacement, shapeOf} from './rewrite.js';

/** Folds scales and shifts after a conv, gemm or instanceNorm into it. */
export function foldAffineAfter(graph: Graph): Graph {
  return fusePairs(graph, foldAfter);
}

/** Folds scales, and shifts where no padding is read, before a conv or gemm into it. */
export function foldAffineBefore(graph: Graph): Graph {
  return fusePairs(graph, foldBefore);
}

function foldAfter({producer, consumer, input, links}: Pair): Replacement | null {
  const operation = withEpilogue(producer);
  if (operation === null || operation.op === 'dynamicConv' || !isBare(operation.epilogue))
    return null;
  const shape = shapeOf(links.graph, producer.output);
  const axis = channelAxis(operation, shape);
  const affine = affineOf(links.graph, consumer, input, axis);
  if (affine === null) return null;
  return {
    nodes: [{...producer, operation: affineOutputs(operation, affine), output: consumer.output}],
  };
}

function affineOutputs(
  operation: Exclude<WithEpilogue, {op: 'dynamicConv'}>,
  affine: Affine,
): Operation {
  switch (operation.op) {
    case 'conv':
      return {
        ...operation,
        weights: scaleOutChannels(operation, affine.scale),
        bias: affineBias(operation.bias, affine),
      };
    case 'gemm': {
      const columns = affine.scale.length;
      const weights = operation.weights.map((weight, at) => weight * affine.scale[at % columns]!);
      return {...operation, weights, bias: affineBias(operation.bias, affine)};
    }
    case 'instanceNorm': {
      const scale = operation.scale.map((value, c) => value * affine.scale[c]!);
      return {...operation, scale, bias: affineBias(operation.bias, affine)};
    }
  }
}

function affineBias(bias: Float32Array | null, {scale, shift}: Affine): Float32Array {
  return Float32Array.from(scale, (factor, c) => factor * (bias?.[c] ?? 0) + shift[c]!);
}

/** Weights [Cout, Cin/g, K..], or [Cin, Cout/g, K..] when transposed. */
function scaleOutChannels(
  {geometry, weights}: OperationOf<'conv'>,
  scale: Float64Array,
): Float32Array {
  const outChannels = scale.length;
  const perGroup = outChannels / geometry.groups;
  const taps = product(geometry.kernel);
  if (!geometry.transposed) {
    const perOut = weights.length / outChannels;
    return weights.map((weight, at) => weight * scale[Math.floor(at / perOut)]!);
  }
  const perGroupWeights = weights.length / geometry.groups;
  return weights.map((weight, at) => {
    const group = Math.floor(at / perGroupWeights);
    const channel = group * perGroup + (Math.floor(at / taps) % perGroup);
    return weight * scale[channel]!;
  });
}

function foldBefore({producer, consumer, input, links}: Pair): Replacement | null {
  const {operation} = consumer;
  const {graph} = links;
  // A residual that is also the input has to be there.
  if (consumer.inputs.indexOf(producer.output, 1) >= 0) return null;
  if (input !== 0 || (operation.op !== 'conv' && operation.op !== 'gemm')) return null;
  if (consumer.inputs.indexOf(producer.output, 1) > 0) return null; // the residual needs it as it is
  const data = producer.inputs.findIndex(name => !graph.constants.has(name));
  if (data < 0) return null;
  const shape = shapeOf(graph, producer.output);
  const axis = channelAxis(operation, shape);
  const affine = affineOf(graph, producer, data, axis);
  if (affine === null) return null;
  const isShifted = affine.shift.some(shift => shift !== 0);
  const output = shapeOf(graph, consumer.output);
  if (isShifted && operation.op === 'conv' && readsPadding(operation, shape, output)) return null;

  const folded =
    operation.op === 'conv'
      ? affineConvInputs(operation, affine, output[1]!)
      : affineGemmInputs(operation, affine);
  const inputs = [producer.inputs[data]!, ...consumer.inputs.slice(1)];
  return {nodes: [{...consumer, operation: folded, inputs}]};
}

/** Whether some output is made of fewer than all taps; so it is for every transposed convolution here. */
function readsPadding(
  {geometry}: OperationOf<'conv'>,
  input: readonly number[],
  output: readonly number[],
): boolean {
  const {kernel, strides, dilations, padBegin} = geometry;
  if (geometry.transposed) return true;
  return kernel.some((size, axis) => {
    const last =
      (output[axis + 2]! - 1) * strides[axis]! + (size - 1) * dilations[axis]! - padBegin[axis]!;
    return padBegin[axis]! > 0 || last >= input[axis + 2]!;
  });
}

function affineConvInputs(
  operation: OperationOf<'conv'>,
  {scale, shift}: Affine,
  outChannels: number,
): Operation {
  const {geometry, weights} = operation;
  const taps = product(geometry.kernel);
  const perGroup = scale.length / geometry.groups;
  const channelOf = (at: number) => {
    const row = Math.floor(at / taps);
    if (geometry.transposed) return Math.floor(row / (outChannels / geometry.groups));
    const group = Math.floor(row / perGroup / (outChannels / geometry.groups));
    return group * perGroup + (row % perGroup);
  };
  const scaled = weights.map((weight, at) => weight * scale[channelOf(at)]!);
  if (shift.every(value => value === 0)) return {...operation, weights: scaled};

  // Not transposed: every output channel owns a run of weights.
  const sums = new Float64Array(outChannels);
  const perOut = weights.length / outChannels;
  for (const [at, weight] of weights.entries()) {
    sums[Math.floor(at / perOut)]! += weight * shift[channelOf(at)]!;
  }
  return {...operation, weights: scaled, bias: addBias(operation.bias, sums)};
}

function affineGemmInputs(operation: OperationOf<'gemm'>, {scale, shift}: Affine): Operation {
  const {weights} = operation;
  const columns = weights.length / scale.length;
  const scaled = weights.map((weight, at) => weight * scale[Math.floor(at / columns)]!);
  if (shift.every(value => value === 0)) return {...operation, weights: scaled};
  const sums = new Float64Array(columns);
  for (const [at, weight] of weights.entries()) {
    sums[at % columns]! += weight * shift[Math.floor(at / columns)]!;
  }
  return {...operation, weights: scaled, bias: addBias(operation.bias, sums)};
}

function addBias(bias: Float32Array | null, sums: Float64Array): Float32Array {
  return Float32Array.from(sums, (sum, c) => sum + (bias?.[c] ?? 0));
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total * size, 1);
}
