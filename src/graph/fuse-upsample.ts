// Nearest upsampling and the convolution after it become one transposed convolution.
//
// A convolution of a map that repeats every pixel s times reads the same pixel with several kernel elements; their
// weights can be added beforehand. What is left is a transposed convolution of stride s with K + s - 1 elements: for s = 2
// and K = 3 four phases of 2x2 taps instead of nine taps, and no upsampled map.

import type {OperationOf} from './fuse-match.js';
import type {ConvGeometry, Graph, ResizeAxis} from './graph.js';
import {fusePairs, type Pair, type Replacement, shapeOf} from './rewrite.js';
import {elementCount} from './shapes.js';
import {convWeightShape, forEachRow, plainWeights, type Weights} from './weights.js';

/** Fuses an upsampling with the convolution that is its only user, where that costs less. */
export function fuseUpsample(graph: Graph): Graph {
  return fusePairs(graph, fusePair);
}

/** Multiply-accumulates that take as long as reading a byte of weights; `schedule/cost.ts` reckons alike. */
const MACS_PER_BYTE = 2;

/** Every phase is untangled, and weighed by the scheduler, on its own: with more of them loading takes longer than runs save. */
const MAX_PHASES = 64;

function fusePair({producer, consumer, input, links}: Pair): Replacement | null {
  const [resize, conv] = [producer.operation, consumer.operation];
  if (resize.op !== 'resize' || conv.op !== 'conv' || input !== 0) return null;
  // What the epilogue adds may be the upsampled map too.
  if (consumer.inputs.slice(1).includes(producer.output)) return null;
  const {graph} = links;
  const source = shapeOf(graph, producer.inputs[0]!);
  const scales = repeatsOf(resize, source);
  if (scales === null || !canFuse(conv.geometry, scales)) return null;
  const sizes = {source, output: shapeOf(graph, consumer.output)};
  if (!pays(conv, scales, sizes)) return null;

  const geometry = transposedGeometry(conv.geometry, scales);
  const weights = summedWeights(conv, geometry, {scales, outChannels: sizes.output[1]!});
  const inputs = [producer.inputs[0]!, ...consumer.inputs.slice(1)];
  return {nodes: [{...consumer, operation: {...conv, geometry, weights}, inputs}]};
}

/** How often each spatial axis repeats its elements; null when something else happens. */
function repeatsOf({axes}: OperationOf<'resize'>, source: readonly number[]): number[] | null {
  const scales = axes.map((axis, dim) => repeatOf(axis, source[dim]!));
  const isSpatial = scales[0] === 1 && scales[1] === 1;
  return isSpatial && scales.every(scale => scale !== null) ? scales.slice(2) : null;
}

function repeatOf({taps, indices, weights}: ResizeAxis, size: number): number | null {
  if (taps === 0) return 1;
  const scale = indices.length / size;
  const isRepeating =
    taps === 1 &&
    Number.isInteger(scale) &&
    indices.every((index, at) => index === Math.floor(at / scale)) &&
    weights.every(weight => weight === 1);
  return isRepeating ? scale : null;
}

/** Elements further apart than the repeats of a pixel would leave holes in the kernel. */
function canFuse(geometry: ConvGeometry, scales: readonly number[]): boolean {
  return (
    !geometry.transposed &&
    elementCount(scales) <= MAX_PHASES &&
    geometry.strides.every(stride => stride === 1) &&
    scales.every((scale, axis) => scale === 1 || geometry.dilations[axis] === 1)
  );
}

/** Whether the multiplications and the map that are saved outweigh the additional weights. */
function pays(
  {geometry, weights}: OperationOf<'conv'>,
  scales: readonly number[],
  {source, output}: {source: readonly number[]; output: readonly number[]},
): boolean {
  const elements = elementCount(geometry.kernel);
  const fused = geometry.kernel.map((size, axis) => size + scales[axis]! - 1);
  const repeated = elementCount(scales);
  const taps = elementCount(fused) / repeated;
  const macsPerElement =
    (weights.values.length / elements) * output[0]! * elementCount(output.slice(2));
  const savedMacs = (elements - taps) * macsPerElement;
  // The upsampled map is written once and read once.
  const savedBytes = 2 * 4 * elementCount(source) * repeated;
  const addedBytes = 4 * (weights.values.length / elements) * (elementCount(fused) - elements);
  return savedMacs > 0 && savedMacs / MACS_PER_BYTE + savedBytes > addedBytes;
}

/** Kernel element k of output o reads repeat (o - pad + k*D): so element (K-1-k)*D + repeat of the transposed kernel. */
function transposedGeometry(geometry: ConvGeometry, scales: readonly number[]): ConvGeometry {
  const {kernel, dilations, padBegin} = geometry;
  return {
    ...geometry,
    transposed: true,
    kernel: kernel.map((size, axis) => size + scales[axis]! - 1),
    strides: scales,
    padBegin: kernel.map((size, axis) => (size - 1) * dilations[axis]! - padBegin[axis]!),
  };
}

/** Weights [Cout, Cin/g, K..] to [Cin, Cout/g, K'..], each element added to those of all repeats. */
function summedWeights(
  conv: OperationOf<'conv'>,
  fused: ConvGeometry,
  {scales, outChannels}: {scales: readonly number[]; outChannels: number},
): Weights {
  const {kernel, groups} = conv.geometry;
  const elements = elementCount(kernel);
  const fusedElements = elementCount(fused.kernel);
  const outPerGroup = outChannels / groups;
  const shape = convWeightShape(conv.geometry, conv.weights.values.length, outChannels);
  const inPerGroup = shape.inChannels;
  const targets = positions(kernel).map(k =>
    positions(scales).map(repeat =>
      flatIndex(
        fused.kernel,
        k.map((element, axis) => kernel[axis]! - 1 - element + repeat[axis]!),
      ),
    ),
  );

  const sums = new Float64Array(groups * inPerGroup * outPerGroup * fusedElements);
  forEachRow(conv.weights, shape, (output, row) => {
    const group = Math.floor(output / outPerGroup);
    for (let channel = 0; channel < inPerGroup; channel++) {
      const from = channel * elements;
      const pair = (group * inPerGroup + channel) * outPerGroup + (output % outPerGroup);
      for (const [element, repeats] of targets.entries()) {
        const weight = row[from + element]!;
        for (const target of repeats) sums[pair * fusedElements + target]! += weight;
      }
    }
  });
  return plainWeights(Float32Array.from(sums));
}

function positions(sizes: readonly number[]): number[][] {
  return sizes.reduce<number[][]>(
    (all, size) => all.flatMap(at => Array.from({length: size}, (_, i) => [...at, i])),
    [[]],
  );
}

function flatIndex(sizes: readonly number[], position: readonly number[]): number {
  return sizes.reduce((at, size, axis) => at * size + position[axis]!, 0);
}
