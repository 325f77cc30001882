// Resampling tables: for one axis, which input elements each output element sums, and how much of each.

import type {ResizeAxis} from '../graph.js';

/** One axis to resample, in the words of ONNX Resize. */
export interface AxisRequest {
  readonly inputSize: number;
  readonly outputSize: number;
  /** As given, or outputSize / inputSize when sizes were given. */
  readonly scale: number;
  /** scale * inputSize before it was rounded down to outputSize. */
  readonly length: number;
  readonly mode: 'nearest' | 'linear' | 'cubic';
  readonly coordinates: string;
  /** 'simple' is Upsample's and Resize 10's: floor, but ceil when shrinking. */
  readonly nearest: string;
  readonly cubicA: number;
  readonly excludeOutside: boolean;
  /** Widens the filter of linear and cubic when shrinking, so that every input element counts. */
  readonly antialias: boolean;
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

/** Input elements on either side that the filters of linear and cubic reach. */
const REACH = {linear: 1, cubic: 2} as const;

/** How far apart the filter sees input elements: less than 1 when it is widened. */
function filterStep({antialias, scale}: AxisRequest): number {
  return antialias ? Math.min(scale, 1) : 1;
}

/** First input element under the filter, counted from the one at or before the coordinate. */
function filterStart(request: AxisRequest, mode: keyof typeof REACH): number {
  return Math.floor(-REACH[mode] / filterStep(request)) + 1;
}

/** Input elements per output element. */
export function tapsOf(request: AxisRequest): number {
  const {mode} = request;
  return mode === 'nearest' ? 1 : 2 - 2 * filterStart(request, mode);
}

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

  const taps = tapsOf(request);
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

/** Which output elements lie outside the region and read nothing. */
export function emptyRows({taps, weights}: ResizeAxis): boolean[] {
  const count = taps === 0 ? 0 : weights.length / taps;
  return Array.from({length: count}, (_, row) =>
    weights.subarray(row * taps, (row + 1) * taps).every(weight => weight === 0),
  );
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
  // Outside the input the result is the extrapolation value, which is added later.
  const isOutside = coordinates === 'tf_crop_and_resize' && (x < 0 || x > last);
  if (mode === 'nearest')
    return {indices: [clamp(nearestIndex(request, x))], weights: [isOutside ? 0 : 1]};

  const step = filterStep(request);
  const low = Math.floor(x);
  const first = low + filterStart(request, mode);
  const indices = Array.from({length: tapsOf(request)}, (_, tap) => first + tap);
  const filter = mode === 'linear' ? linearWeight : cubicWeight(request.cubicA);
  const weights = indices.map(position => filter(Math.abs(position - x) * step));
  const isBeyond = (position: number) => position < 0 || position > last;
  const kept = request.excludeOutside
    ? weights.map((weight, tap) => (isBeyond(indices[tap]!) ? 0 : weight))
    : weights;
  const isPartial = step < 1 || request.excludeOutside;
  return {
    indices: indices.map(clamp),
    weights: isOutside ? kept.map(() => 0) : isPartial ? normalize(kept) : kept,
  };
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
      return outputSize === 1 ? 0 : f32((index * (inputSize - 1)) / (request.length - 1));
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

function linearWeight(distance: number): number {
  return Math.max(0, 1 - distance);
}

/** Keys' cubic convolution, equation (4) of "Cubic convolution interpolation" (1981). */
function cubicWeight(a: number): (distance: number) => number {
  return d => {
    if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
  };
}

function normalize(weights: readonly number[]): number[] {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map(weight => weight / sum);
}
