// Resampling tables: for one axis, which input elements each output element sums, and how much of each.

import type {ResizeAxis} from '../graph.js';

/** One axis to resample, in the words of ONNX Resize. */
export interface AxisRequest {
  readonly inputSize: number;
  readonly outputSize: number;
  /** As given, or outputSize / inputSize when sizes were given. */
  readonly scale: number;
  readonly mode: 'nearest' | 'linear' | 'cubic';
  readonly coordinates: string;
  /** 'simple' is Upsample's and Resize 10's: floor, but ceil when shrinking. */
  readonly nearest: string;
  readonly cubicA: number;
  readonly excludeOutside: boolean;
  /** Start and end of the region for tf_crop_and_resize, as fractions of the axis. */
  readonly region: readonly [number, number];
}

/** An axis that is copied as it is. */
export const COPY_AXIS: ResizeAxis = {
  taps: 0,
  indices: new Int32Array(0),
  weights: new Float32Array(0),
};

interface Contribution {
  readonly indices: readonly number[];
  readonly weights: readonly number[];
}

/** Input elements per output element in each mode. */
const TAPS = {nearest: 1, linear: 2, cubic: 4} as const;

/**
 * Builds the table of one axis; an axis that would only be copied has taps 0.
 *
 * Rows outside the region of tf_crop_and_resize have only zero weights.
 */
export function resampleAxis(request: AxisRequest): ResizeAxis {
  const {inputSize, outputSize, coordinates} = request;
  const isWhole = coordinates !== 'tf_crop_and_resize';
  // Without a region, scale 1 copies in every mode, as onnxruntime does.
  if (isWhole && inputSize === outputSize && request.scale === 1) return COPY_AXIS;

  const taps = TAPS[request.mode];
  const indices = new Int32Array(outputSize * taps);
  const weights = new Float32Array(outputSize * taps);
  let isCopy = inputSize === outputSize;
  for (let index = 0; index < outputSize; index++) {
    const row = contribution(request, index);
    indices.set(row.indices, index * taps);
    weights.set(row.weights, index * taps);
    isCopy &&= isIdentityAt(row, index);
  }
  return isCopy ? COPY_AXIS : {taps, indices, weights};
}

/** Whether some output element lies outside the region and reads nothing. */
export function hasEmptyRow({taps, weights}: ResizeAxis): boolean {
  for (let at = 0; at < weights.length; at += taps) {
    if (weights.subarray(at, at + taps).every(weight => weight === 0)) return true;
  }
  return false;
}

function isIdentityAt({indices, weights}: Contribution, at: number): boolean {
  const own = indices.reduce((sum, index, tap) => sum + (index === at ? weights[tap]! : 0), 0);
  return own === 1 && indices.every((index, tap) => index === at || weights[tap] === 0);
}

function contribution(request: AxisRequest, index: number): Contribution {
  const {inputSize, mode, coordinates} = request;
  const x = originalCoordinate(request, index);
  const last = inputSize - 1;
  const clamp = (position: number) => Math.min(Math.max(position, 0), last);
  // Outside the input the result is the extrapolation value, which is 0 here.
  const isOutside = coordinates === 'tf_crop_and_resize' && (x < 0 || x > last);

  if (mode === 'nearest') {
    return {indices: [clamp(nearestIndex(request, x))], weights: [isOutside ? 0 : 1]};
  }
  if (mode === 'linear') {
    const inside = clamp(x);
    const low = Math.floor(inside);
    const high = Math.min(low + 1, last);
    return {indices: [low, high], weights: isOutside ? [0, 0] : [1 - (inside - low), inside - low]};
  }

  const low = Math.floor(x);
  const indices = [low - 1, low, low + 1, low + 2];
  const weights = cubicWeights(request.cubicA, x - low);
  const kept = request.excludeOutside
    ? normalize(
        weights.map((weight, tap) => (indices[tap]! < 0 || indices[tap]! > last ? 0 : weight)),
      )
    : weights;
  return {indices: indices.map(clamp), weights: isOutside ? [0, 0, 0, 0] : kept};
}

/**
 * Input coordinate of output `index`; the formulas of ONNX Resize, coordinate_transformation_mode.
 * In single precision, as onnxruntime computes them: floor and ceil of the result depend on it.
 */
function originalCoordinate(request: AxisRequest, index: number): number {
  const {inputSize, outputSize, coordinates, region} = request;
  const f32 = Math.fround;
  const scale = f32(request.scale);
  const halfPixel = () => f32(f32(f32(index + 0.5) / scale) - 0.5);

  switch (coordinates) {
    case 'asymmetric':
      return f32(index / scale);
    case 'pytorch_half_pixel':
      return outputSize > 1 ? halfPixel() : 0;
    case 'align_corners':
      return outputSize === 1 ? 0 : f32((index * (inputSize - 1)) / (outputSize - 1));
    case 'tf_half_pixel_for_nn':
      return f32(f32(index + 0.5) / scale);
    case 'half_pixel_symmetric': {
      const adjustment = f32(outputSize / f32(scale * inputSize));
      const offset = f32((inputSize / 2) * f32(1 - adjustment));
      return f32(f32(offset + f32(f32(index + 0.5) / scale)) - 0.5);
    }
    case 'tf_crop_and_resize': {
      const [start, end] = region;
      const last = inputSize - 1;
      if (outputSize === 1) return f32(0.5 * (start + end) * last);
      const travelled = f32(f32(index * f32(end - start)) * last);
      return f32(f32(start * last) + f32(travelled / (outputSize - 1)));
    }
    default:
      return halfPixel();
  }
}

function nearestIndex(request: AxisRequest, x: number): number {
  switch (request.nearest) {
    case 'floor':
      return Math.floor(x);
    case 'ceil':
      return Math.ceil(x);
    case 'round_prefer_ceil':
      return Math.floor(x + 0.5);
    case 'simple':
      return request.scale < 1 ? Math.ceil(x) : Math.floor(x);
    default:
      return Math.ceil(x - 0.5);
  }
}

/** Keys' cubic convolution, equation (4) of "Cubic convolution interpolation" (1981), at distances 1+s, s, 1-s, 2-s. */
function cubicWeights(a: number, s: number): number[] {
  const near = (d: number) => ((a + 2) * d - (a + 3)) * d * d + 1;
  const far = (d: number) => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return [far(1 + s), near(s), near(1 - s), far(2 - s)];
}

function normalize(weights: readonly number[]): number[] {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map(weight => weight / sum);
}
