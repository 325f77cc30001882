// Constant weights: values where they lie, and the scales of their channels, multiplied when they are read.
//
// Weights are most of a model. Folding a normalisation into them would copy them all, and so would bringing them into an
// order in between; like this they are read once, row by row, when the program's own copy is written.

import {arraySource, type FloatSource} from '../onnx/floats.js';
import type {ConvGeometry} from './graph.js';
import {elementCount} from './shapes.js';

export interface Weights {
  readonly values: FloatSource;
  /** Factors of the input and output channels, over all groups; null for none. */
  readonly scale: {readonly input: ChannelFactors; readonly output: ChannelFactors};
}

type ChannelFactors = Float64Array | null;

/** How weights lie in ONNX: Conv [Cout, Cin/g, K..], or ConvTranspose [Cin, Cout/g, K..]. */
export interface WeightShape {
  readonly transposed: boolean;
  readonly groups: number;
  /** Channels per group. */
  readonly inChannels: number;
  readonly outChannels: number;
  /** kd * kh * kw. */
  readonly kernelElements: number;
}

/** Of so many weights of a convolution to `outChannels` channels in all. */
export function convWeightShape(
  {transposed, groups, kernel}: Pick<ConvGeometry, 'transposed' | 'groups' | 'kernel'>,
  weights: number,
  outChannels: number,
): WeightShape {
  const kernelElements = elementCount(kernel);
  const inChannels = weights / (outChannels * kernelElements);
  return {
    transposed,
    groups,
    inChannels,
    outChannels: outChannels / groups,
    kernelElements,
  };
}

/** A gemm's [K, N] are the weights of a transposed convolution of one element. */
export function gemmWeightShape({values}: Weights, columns: number): WeightShape {
  return convWeightShape({transposed: true, groups: 1, kernel: []}, values.length, columns);
}

/** Weights as they are. */
export function plainWeights(values: Float32Array | FloatSource): Weights {
  const source = values instanceof Float32Array ? arraySource(values) : values;
  return {values: source, scale: {input: null, output: null}};
}

/** The weights times factors of their channels. */
export function scaleWeights(
  {values, scale}: Weights,
  by: {readonly input?: Float64Array; readonly output?: Float64Array},
): Weights {
  return {
    values,
    scale: {input: combine(scale.input, by.input), output: combine(scale.output, by.output)},
  };
}

function combine(known: ChannelFactors, by: Float64Array | undefined): ChannelFactors {
  if (by === undefined || known === null) return by ?? known;
  return known.map((factor, channel) => factor * by[channel]!);
}

/** Floats read at once: large enough to be quick, small enough to stay in the cache. */
const CHUNK = 2 ** 15;

/**
 * Visits the weights row by row of their first axis: of output channels, or of input channels when transposed, over all
 * groups. A row is valid until the next one.
 */
export function forEachRow(
  {values, scale}: Weights,
  shape: WeightShape,
  visit: (channel: number, row: Float32Array) => void,
): void {
  const {transposed, groups, inChannels, outChannels, kernelElements} = shape;
  const [first, second] = transposed ? [inChannels, outChannels] : [outChannels, inChannels];
  const [own, other] = transposed ? [scale.input, scale.output] : [scale.output, scale.input];
  const length = second * kernelElements;
  const rows = groups * first;
  const perChunk = Math.min(rows, Math.max(1, Math.floor(CHUNK / length)));
  const chunk = new Float32Array(perChunk * length);

  for (let start = 0; start < rows; start += perChunk) {
    const count = Math.min(perChunk, rows - start);
    values.read(start * length, chunk.subarray(0, count * length));
    for (let at = 0; at < count; at++) {
      const row = chunk.subarray(at * length, (at + 1) * length);
      const channel = start + at;
      if (own !== null || other !== null) {
        const group = Math.floor(channel / first);
        scaleRow(row, kernelElements, {
          own: own?.[channel] ?? 1,
          others: other?.subarray(group * second, (group + 1) * second) ?? null,
        });
      }
      visit(channel, row);
    }
  }
}

function scaleRow(
  row: Float32Array,
  kernelElements: number,
  {own, others}: {own: number; others: Float64Array | null},
): void {
  for (let channel = 0, at = 0; at < row.length; channel++) {
    const factor = own * (others?.[channel] ?? 1);
    for (let element = 0; element < kernelElements; element++, at++) row[at]! *= factor;
  }
}

/** All weights, scaled, in ONNX order. */
export function allWeights(weights: Weights, shape: WeightShape): Float32Array {
  const all = new Float32Array(weights.values.length);
  let at = 0;
  forEachRow(weights, shape, (_, row) => {
    all.set(row, at);
    at += row.length;
  });
  return all;
}
