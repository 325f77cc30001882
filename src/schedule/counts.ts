// Exact counts of convolution steps, in closed form: multiply-accumulates and bytes at arena level.
//
// The rules are those of docs/01-architecture.md, Counting: in one pass every distinct element counts once. The
// interpreter recounts them with bitmaps while it executes, and a test demands equality.

import {SCALE_BYTES, WEIGHT_BYTES, type WeightType} from '../untangle/stored-weights.js';
import type {PixelProduct} from './pixels.js';
import {
  clipToTap,
  type Fused,
  mapElements,
  sharedElements,
  touchedPixels,
  writtenPixels,
} from './region-pixels.js';
import {type ConvStep, type Counts, PANEL, planarRows, type Region, type View} from './steps.js';

/** The operands of a convolution step, as far as counting needs them. Maps are [N, H, W, C]. */
export interface ConvOperands {
  readonly x: View;
  readonly y: View;
  readonly residual: View | null;
  readonly hasBias: boolean;
  readonly hasSlope: boolean;
  /** The activation is not the identity. */
  readonly hasActivation: boolean;
  /** What the weights are stored as where they are read; default: fp32. */
  readonly weightType?: WeightType | undefined;
}

/** Steps that run regions over taps. */
type TapsOp = Exclude<ConvStep['op'], 'winograd'>;

/** What a convolution step does, without its operands. */
export interface ConvWork extends Fused {
  readonly op: TapsOp;
  readonly regions: readonly Region[];
  readonly groups: number;
}

const F32_BYTES = 4;

/** Counts one step: a single pass over all plain regions, and several over each region that is swept per tap. */
export function countConv(work: ConvWork, operands: ConvOperands): Counts {
  const plain = work.regions.filter(region => !region.perTap);
  const swept = work.regions.filter(region => region.perTap);
  return addCounts([
    ...(plain.length > 0 ? [countPass(work, operands, plain)] : []),
    ...swept.map(region => countSweep(work, operands, region)),
  ]);
}

/** Exact counts and lists of thousands of regions take longer than their price, and most candidates are not taken. */
export function once<T>(make: () => T): () => T {
  let made: {readonly value: T} | undefined;
  return () => {
    made ??= {value: make()};
    return made.value;
  };
}

/** The sum of counts. */
export function addCounts(counts: readonly Counts[]): Counts {
  return {
    macs: counts.reduce((sum, {macs}) => sum + macs, 0),
    readBytes: counts.reduce((sum, {readBytes}) => sum + readBytes, 0),
    writtenBytes: counts.reduce((sum, {writtenBytes}) => sum + writtenBytes, 0),
  };
}

/** One pass over `regions`: every operand once. */
function countPass(work: ConvWork, operands: ConvOperands, regions: readonly Region[]): Counts {
  const {y, residual, hasBias, hasSlope} = operands;
  const columns = biasElements(work, y);
  const written = regions.map(region => writtenPixels(region, y, work));
  const read = {view: operands.x, pixels: touchedByAll(work, operands.x, regions)};
  const added = residual
    ? mapElements(residual, written) - sharedElements(read, {view: residual, pixels: written})
    : 0;
  const epilogue = (hasBias ? columns : 0) + (hasSlope ? columns : 0) + added;

  return {
    macs: countMacs(work, y, regions),
    readBytes: operandBytes(work, operands, regions) + epilogue * F32_BYTES,
    writtenBytes: mapElements(y, written) * F32_BYTES,
  };
}

/** HUGE2's sweep of one region: bias into all outputs, then tap by tap, then residual and activation. */
function countSweep(work: ConvWork, operands: ConvOperands, region: Region): Counts {
  const {y, residual, hasBias, hasSlope, hasActivation} = operands;
  const columns = biasElements(work, y);
  const written = [writtenPixels(region, y, work)];
  const outputBytes = mapElements(y, written) * F32_BYTES;
  const start: Counts = {
    macs: 0,
    readBytes: hasBias ? columns * F32_BYTES : 0,
    writtenBytes: outputBytes,
  };
  const taps = region.taps.map((tap, index) =>
    countTap(work, operands, clipToTap(region, tap, operands.x), index > 0),
  );

  if (!residual && !hasActivation) return addCounts([start, ...taps]);

  const read = (residual ? mapElements(residual, written) : 0) + (hasSlope ? columns : 0);
  const end: Counts = {
    macs: 0,
    readBytes: outputBytes + read * F32_BYTES,
    writtenBytes: outputBytes,
  };
  return addCounts([start, ...taps, end]);
}

/** The pass of one tap of a sweep; the first tap of a region finds no sum to read. */
function countTap(
  work: ConvWork,
  operands: ConvOperands,
  clipped: Region,
  accumulates: boolean,
): Counts {
  const outputs = mapElements(operands.y, [writtenPixels(clipped, operands.y, work)]);
  if (outputs === 0) return {macs: 0, readBytes: 0, writtenBytes: 0};

  return {
    macs: countMacs(work, operands.y, [clipped]),
    readBytes: operandBytes(work, operands, [clipped]) + (accumulates ? outputs : 0) * F32_BYTES,
    writtenBytes: outputs * F32_BYTES,
  };
}

/** Outputs computed times taps multiplied times channels; columns that only pad a panel do not count. */
function countMacs(work: ConvWork, y: View, regions: readonly Region[]): number {
  const perDepth = work.op === 'depthwise' ? y.shape[3]! : work.fusedY * work.fusedX * y.shape[3]!;
  return regions.reduce((sum, region) => {
    const outputs = y.shape[0]! * region.countY * region.countX;
    return sum + outputs * region.taps.length * region.kc * perDepth;
  }, 0);
}

/** Bytes of distinct elements of x and of the packed weights that `regions` read. */
function operandBytes(
  work: ConvWork,
  {x, y, weightType}: ConvOperands,
  regions: readonly Region[],
): number {
  const weights = {type: readType(work.op, weightType), columns: columnElements(work, y)};
  return (
    mapElements(x, touchedByAll(work, x, regions)) * F32_BYTES +
    weightBytes(weights, weightRows(regions))
  );
}

/** What a step finds its weights as: those for other kernels than the GEMM's are widened before. */
export function readType(op: ConvStep['op'], type: WeightType = 'fp32'): WeightType {
  return op === 'gemmTaps' || op === 'winograd' ? type : 'fp32';
}

/** Bytes of `rows` rows of packed weights and of their scales. */
export function weightBytes(
  {type = 'fp32', columns}: {readonly type?: WeightType | undefined; readonly columns: number},
  rows: number,
): number {
  return rows > 0 ? columns * (rows * WEIGHT_BYTES[type] + SCALE_BYTES[type]) : 0;
}

/** The pixels of x that `regions` read. */
function touchedByAll(work: ConvWork, x: View, regions: readonly Region[]): PixelProduct[] {
  const channels = work.op === 'depthwise' ? 1 : x.shape[3]! / work.groups;
  return regions.flatMap(region => touchedPixels(region, x, region.kc / channels));
}

/** Elements of the packed bias, and of the packed slopes. */
function biasElements(work: ConvWork, y: View): number {
  return work.op === 'gemmTaps' ? columnElements(work, y) : y.shape[3]!;
}

/** Elements of one row of the packed weights. */
function columnElements(work: ConvWork, y: View): number {
  const channels = y.shape[3]!;
  if (work.op === 'depthwise') return channels;
  if (work.op === 'planarTaps') {
    const width = planarRows(channels);
    return Math.ceil(channels / width) * width;
  }
  const columns = (work.fusedY * work.fusedX * y.shape[3]!) / work.groups;
  return work.groups * Math.ceil(columns / PANEL) * PANEL;
}

/** Rows of the packed weights that some tap uses. */
export function weightRows(regions: readonly Region[]): number {
  const ends = new Map<number, number>();
  for (const {taps, kc} of regions) {
    for (const {k} of taps) ends.set(k, Math.max(ends.get(k) ?? 0, k + kc));
  }

  let rows = 0;
  let counted = 0;
  for (const [start, end] of [...ends].sort((a, b) => a[0] - b[0])) {
    rows += Math.max(0, end - Math.max(start, counted));
    counted = Math.max(counted, end);
  }
  return rows;
}
