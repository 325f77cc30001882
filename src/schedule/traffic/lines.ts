// How many bytes of cache lines an access pattern touches.

import type {View} from '../steps.js';
import {distinctElements} from '../view-math.js';

export const LINE_BYTES = 64;
const F32_BYTES = 4;

/**
 * Lines of `count` runs of `runBytes` each that begin `stepBytes` apart, as bytes.
 *
 * Their first bytes fall on all multiples of g = gcd(step, line) in a line alike, so that a run of r bytes, a multiple of g, lies
 * in (r + line - g) / line lines on average; neighbours share what is more than a step.
 */
export function lineBytes(count: number, runBytes: number, stepBytes: number): number {
  if (count <= 0 || runBytes <= 0) return 0;
  const grain = greatestCommonDivisor(stepBytes, LINE_BYTES);
  const spread = roundUp(runBytes, grain) + LINE_BYTES - grain;
  return (count - 1) * Math.min(stepBytes, spread) + roundUp(runBytes, LINE_BYTES);
}

function roundUp(bytes: number, to: number): number {
  return Math.ceil(bytes / to) * to;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** Pixels of a map [N, H, W, C]: `rows` of `columns` that are `step` apart, `channels` of each. */
export function pixelBytes(map: View, {rows, columns, channels, step = 1}: PixelBlock): number {
  const [, , columnStride, channelStride] = map.strides as [number, number, number, number];
  if (rows <= 0 || columns <= 0) return 0;
  const apart = Math.abs(columnStride) * F32_BYTES * step;
  if (Math.abs(channelStride) <= 1 || channels === 1)
    return rows * lineBytes(columns, channels * F32_BYTES, apart);
  return rows * channels * lineBytes(columns, F32_BYTES, apart);
}

export interface PixelBlock {
  readonly rows: number;
  readonly columns: number;
  readonly channels: number;
  readonly step?: number;
}

/** All that a view names. */
export function viewBytes(view: View): number {
  const elements = distinctElements(view);
  const steps = view.strides
    .map((stride, dim) => ({stride: Math.abs(stride), size: view.shape[dim]!}))
    .filter(({stride, size}) => stride > 0 && size > 1)
    .sort((a, b) => a.stride - b.stride);
  // Runs of elements that follow one another, and how far apart the runs lie.
  let run = 1;
  while (steps.length > 0 && steps[0]!.stride <= run) run *= steps.shift()!.size;
  const apart = (steps[0]?.stride ?? run) * F32_BYTES;
  return lineBytes(elements / run, run * F32_BYTES, Math.max(apart, run * F32_BYTES));
}

/** How many indices q * step + offset there are, 0 <= q < count, at most `size`. */
export function distinctIndices(
  count: number,
  step: number,
  offsets: readonly number[],
  size: number,
): number {
  if (count <= 0 || offsets.length === 0) return 0;
  const distinct = [...new Set(offsets)];
  const all = count * distinct.length;
  if (step <= 0) return Math.min(size, distinct.length);
  const span = Math.max(...distinct) - Math.min(...distinct);
  if (all > EXACT_INDICES) return Math.min(size, all, (count - 1) * step + span + 1);
  const indices = new Set<number>();
  for (let q = 0; q < count; q++) for (const offset of distinct) indices.add(q * step + offset);
  return Math.min(size, indices.size);
}

/** Up to here indices are listed; beyond, their range is taken. */
const EXACT_INDICES = 4096;
