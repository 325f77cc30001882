// Resize and Upsample, every axis by its own weights.

import type {Call, RefOps} from './call.js';
import {roundHalfEven} from './cast.js';
import {at, fill, type RefTensor, resolveAxis} from './tensor.js';

interface Axis {
  readonly inputSize: number;
  readonly outputSize: number;
  readonly scale: number;
  readonly roi: readonly [number, number];
}

interface Tap {
  readonly index: number;
  readonly weight: number;
}

/** The input coordinate of output element `i`. */
function coordinate(mode: string, i: number, axis: Axis): number {
  const {inputSize, outputSize, scale, roi} = axis;
  switch (mode) {
    case 'half_pixel':
      return (i + 0.5) / scale - 0.5;
    case 'pytorch_half_pixel':
      return outputSize > 1 ? (i + 0.5) / scale - 0.5 : 0;
    case 'align_corners':
      return outputSize === 1 ? 0 : (i * (inputSize - 1)) / (scale * inputSize - 1);
    case 'asymmetric':
      return i / scale;
    case 'tf_half_pixel_for_nn':
      return (i + 0.5) / scale;
    case 'half_pixel_symmetric': {
      const adjustment = outputSize / (scale * inputSize);
      const offset = (inputSize / 2) * (1 - adjustment);
      return offset + (i + 0.5) / scale - 0.5;
    }
    case 'tf_crop_and_resize': {
      const span = (inputSize - 1) * (roi[1] - roi[0]);
      return outputSize > 1
        ? roi[0] * (inputSize - 1) + (i * span) / (outputSize - 1)
        : 0.5 * (roi[0] + roi[1]) * (inputSize - 1);
    }
    default:
      throw new Error(`coordinates ${mode}`);
  }
}

function nearestIndex(mode: string, x: number): number {
  switch (mode) {
    case 'round_prefer_floor':
      return x === Math.floor(x) + 0.5 ? Math.floor(x) : Math.round(x);
    case 'round_prefer_ceil':
      return Math.round(x);
    case 'floor':
      return Math.floor(x);
    case 'ceil':
      return Math.ceil(x);
    default:
      throw new Error(`nearest ${mode}`);
  }
}

export function triangle(distance: number): number {
  return Math.max(0, 1 - Math.abs(distance));
}

/** Keys' cubic with parameter `a`. */
export function cubic(distance: number, a: number): number {
  const d = Math.abs(distance);
  if (d <= 1) return (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1;
  return d < 2 ? a * d ** 3 - 5 * a * d ** 2 + 8 * a * d - 4 * a : 0;
}

/** What one output element reads along one axis. */
function tapsOf(call: Call, x: number, axis: Axis): Tap[] {
  const mode = call.string('mode', 'nearest');
  const last = axis.inputSize - 1;
  const inside = (index: number) => Math.max(0, Math.min(last, index));
  if (mode === 'nearest') {
    const rounding = call.string('nearest_mode', call.opset < 11 ? 'floor' : 'round_prefer_floor');
    return [{index: inside(nearestIndex(rounding, x)), weight: 1}];
  }
  const a = call.float('cubic_coeff_a', -0.75);
  const kernel = mode === 'cubic' ? (d: number) => cubic(d, a) : triangle;
  const support = mode === 'cubic' ? 2 : 1;
  // Antialiasing widens the kernel by the shrinking.
  const stretch = call.int('antialias', 0) === 1 ? Math.min(1, axis.scale) : 1;
  const taps: Tap[] = [];
  const reach = support / stretch;
  for (let index = Math.ceil(x - reach); index <= Math.floor(x + reach); index++)
    taps.push({index, weight: kernel((index - x) * stretch)});
  const excludes = call.int('exclude_outside', 0) === 1;
  const used = excludes ? taps.filter(({index}) => index >= 0 && index <= last) : taps;
  const sum = used.reduce((total, {weight}) => total + weight, 0);
  return used.map(({index, weight}) => ({index: inside(index), weight: weight / sum}));
}

/** Scales and sizes of every axis, as the inputs give them. */
function readAxes(call: Call): Axis[] {
  const x = call.input(0);
  const rank = x.dims.length;
  const axes = call.ints('axes')?.map(axis => resolveAxis(axis, rank)) ?? x.dims.map((_, i) => i);
  const roi = call.opset < 11 ? null : call.optional(1);
  const scales =
    call.floats('scales') ?? Array.from(call.optional(call.opset < 11 ? 1 : 2)?.data ?? []);
  const sizes = Array.from(call.optional(3)?.data ?? []);
  const kept = sizes.length > 0 ? keptScale(call, axes, sizes) : null;
  return x.dims.map((inputSize, axis) => {
    const own = axes.indexOf(axis);
    const region: [number, number] =
      roi !== null && own >= 0 && roi.data.length > 0
        ? [roi.data[own]!, roi.data[own + axes.length]!]
        : [0, 1];
    if (own < 0) return {inputSize, outputSize: inputSize, scale: 1, roi: region};
    if (sizes.length > 0) {
      const outputSize = kept === null ? sizes[own]! : Math.round(inputSize * kept);
      return {inputSize, outputSize, scale: kept ?? outputSize / inputSize, roi: region};
    }
    const scale = scales[own]!;
    const isCropped = call.string('coordinate_transformation_mode', '') === 'tf_crop_and_resize';
    const length = isCropped ? inputSize * (region[1] - region[0]) : inputSize;
    return {inputSize, outputSize: Math.floor(length * scale), scale, roi: region};
  });
}

/** The one scale of all axes when the aspect ratio is kept, or null. */
function keptScale(call: Call, axes: readonly number[], sizes: readonly number[]): number | null {
  const policy = call.string('keep_aspect_ratio_policy', 'stretch');
  const scales = axes.map((axis, i) => sizes[i]! / call.input(0).dims[axis]!);
  if (policy === 'not_larger') return Math.min(...scales);
  return policy === 'not_smaller' ? Math.max(...scales) : null;
}

function resize(call: Call): RefTensor {
  const x = call.input(0);
  const axes = readAxes(call);
  const fallback = call.opset < 11 ? 'asymmetric' : 'half_pixel';
  const mode = call.string('coordinate_transformation_mode', fallback);
  const outside = call.float('extrapolation_value', 0);
  const coordinates = axes.map(axis =>
    Array.from({length: axis.outputSize}, (_, i) => coordinate(mode, i, axis)),
  );
  const taps = axes.map((axis, own) =>
    coordinates[own]!.map(c =>
      axis.inputSize === axis.outputSize && axis.scale === 1 && mode !== 'tf_crop_and_resize'
        ? [{index: roundHalfEven(c), weight: 1}]
        : tapsOf(call, c, axis),
    ),
  );
  const dims = axes.map(({outputSize}) => outputSize);
  return fill(x.dtype, dims, index => {
    if (mode === 'tf_crop_and_resize') {
      const places = index.map((i, own) => coordinates[own]![i]!);
      if (places.some((c, own) => c < 0 || c > x.dims[own]! - 1)) return outside;
    }
    return weighted(
      x,
      index.map((i, own) => taps[own]![i]!),
    );
  });
}

/** The sum over the product of all axes' taps. */
function weighted(x: RefTensor, taps: readonly (readonly Tap[])[], read: number[] = []): number {
  const [own, ...rest] = taps;
  if (own === undefined) return at(x, read);
  let sum = 0;
  for (const {index, weight} of own)
    if (weight !== 0) sum += weight * weighted(x, rest, [...read, index]);
  return sum;
}

export const RESIZE_OPS: RefOps = {Resize: resize, Upsample: resize};
