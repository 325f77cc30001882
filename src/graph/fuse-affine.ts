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
import {
  convWeightShape,
  forEachRow,
  gemmWeightShape,
  scaleWeights,
  type WeightShape,
  type Weights,
} from './weights.js';

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
        weights: scaleWeights(operation.weights, {output: affine.scale}),
        bias: affineBias(operation.bias, affine),
      };
    case 'gemm': {
      const weights = scaleWeights(operation.weights, {output: affine.scale});
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

  const folded = affineInputs(operation, affine, output[channelAxis(operation, output)]!);
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

function affineInputs(
  operation: OperationOf<'conv'> | OperationOf<'gemm'>,
  {scale, shift}: Affine,
  outChannels: number,
): Operation {
  const {weights} = operation;
  const scaled = scaleWeights(weights, {input: scale});
  if (shift.every(value => value === 0)) return {...operation, weights: scaled};
  const shape =
    operation.op === 'conv'
      ? convWeightShape(operation.geometry, weights.values.length, outChannels)
      : gemmWeightShape(weights, outChannels);
  const sums = shiftedSums(weights, shape, shift);
  return {...operation, weights: scaled, bias: addBias(operation.bias, sums)};
}

/** What constant inputs, `shift` of each channel, add to the output channels. */
function shiftedSums(weights: Weights, shape: WeightShape, shift: Float64Array): Float64Array {
  const {transposed, groups, inChannels, outChannels, kernelElements} = shape;
  const sums = new Float64Array(groups * outChannels);
  forEachRow(weights, shape, (own, row) => {
    const first = Math.floor(own / (transposed ? inChannels : outChannels));
    const others = first * (transposed ? outChannels : inChannels);
    for (const [at, weight] of row.entries()) {
      const other = others + Math.floor(at / kernelElements);
      if (transposed) sums[other]! += weight * shift[own]!;
      else sums[own]! += weight * shift[other]!;
    }
  });
  return sums;
}

function addBias(bias: Float32Array | null, sums: Float64Array): Float32Array {
  return Float32Array.from(sums, (sum, c) => sum + (bias?.[c] ?? 0));
}
