// Exact counts of convolution steps, in closed form: multiply-accumulates and bytes at arena level.
//
// The rules are those of docs/01-architecture.md, Counting: in one pass every distinct element counts once. The
// interpreter recounts them with bitmaps while it executes, and a test demands equality.

import {tapRange} from '../untangle/borders.js';
import {countPixels, type PixelProduct} from './pixels.js';
import {type Counts, PANEL, type Region, type RegionTap, type View} from './steps.js';

/** The operands of a convolution step, as far as counting needs them. Maps are [N, H, W, C]. */
export interface ConvOperands {
  readonly x: View;
  readonly y: View;
  readonly residual: View | null;
  readonly hasBias: boolean;
  readonly hasSlope: boolean;
  /** The activation is not the identity. */
  readonly hasActivation: boolean;
}

/** What a gemmTaps or depthwise step does, without its operands. */
export interface ConvWork {
  readonly op: 'gemmTaps' | 'depthwise';
  readonly regions: readonly Region[];
  readonly groups: number;
  readonly fusedY: number;
  readonly fusedX: number;
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
  const columns = columnElements(work, y);
  const written = regions.map(region => writtenPixels(work, region, y));
  const epilogue = (hasBias ? columns : 0) + (hasSlope ? columns : 0) + (residual ? mapElements(residual, written) : 0);

  return {
    macs: countMacs(work, y, regions),
    readBytes: (operandElements(work, operands, regions) + epilogue) * F32_BYTES,
    writtenBytes: mapElements(y, written) * F32_BYTES,
  };
}

/** HUGE2's sweep of one region: bias into all outputs, then tap by tap, then residual and activation. */
function countSweep(work: ConvWork, operands: ConvOperands, region: Region): Counts {
  const {y, residual, hasBias, hasSlope, hasActivation} = operands;
  const columns = columnElements(work, y);
  const written = [writtenPixels(work, region, y)];
  const outputBytes = mapElements(y, written) * F32_BYTES;
  const start: Counts = {macs: 0, readBytes: hasBias ? columns * F32_BYTES : 0, writtenBytes: outputBytes};
  const taps = region.taps.map((tap, index) => countTap(work, operands, clipToTap(region, tap, operands.x), index > 0));

  if (!residual && !hasActivation) return addCounts([start, ...taps]);

  const read = (residual ? mapElements(residual, written) : 0) + (hasSlope ? columns : 0);
  const end: Counts = {macs: 0, readBytes: outputBytes + read * F32_BYTES, writtenBytes: outputBytes};
  return addCounts([start, ...taps, end]);
}

/** The pass of one tap of a sweep; the first tap of a region finds no sum to read. */
function countTap(work: ConvWork, operands: ConvOperands, clipped: Region, accumulates: boolean): Counts {
  const outputs = mapElements(operands.y, [writtenPixels(work, clipped, operands.y)]);
  if (outputs === 0) return {macs: 0, readBytes: 0, writtenBytes: 0};

  return {
    macs: countMacs(work, operands.y, [clipped]),
    readBytes: (operandElements(work, operands, [clipped]) + (accumulates ? outputs : 0)) * F32_BYTES,
    writtenBytes: outputs * F32_BYTES,
  };
}

/** The part of a region for which one tap lies inside the input, with that tap only. */
export function clipToTap(region: Region, tap: RegionTap, x: View): Region {
  const {inStepY, inStepX, outStepY, outStepX} = region;
  const rows = tapRange({start: region.inY + tap.dy, step: inStepY, count: region.countY, size: x.shape[1]!});
  const cols = tapRange({start: region.inX + tap.dx, step: inStepX, count: region.countX, size: x.shape[2]!});
  return {
    ...region,
    outY: region.outY + rows.start * outStepY,
    outX: region.outX + cols.start * outStepX,
    countY: rows.end - rows.start,
    countX: cols.end - cols.start,
    inY: region.inY + rows.start * inStepY,
    inX: region.inX + cols.start * inStepX,
    taps: [tap],
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

/** Distinct elements of x and of the packed weights that `regions` read. */
function operandElements(work: ConvWork, {x, y}: ConvOperands, regions: readonly Region[]): number {
  const channels = work.op === 'depthwise' ? 1 : x.shape[3]! / work.groups;
  const touched = regions.flatMap(region => touchedPixels(region, x, region.kc / channels));
  return mapElements(x, touched) + weightRows(regions) * columnElements(work, y);
}

/** Elements of one row of the packed weights, and of the packed bias and slopes. */
function columnElements(work: ConvWork, y: View): number {
  if (work.op === 'depthwise') return y.shape[3]!;
  const columns = (work.fusedY * work.fusedX * y.shape[3]!) / work.groups;
  return work.groups * Math.ceil(columns / PANEL) * PANEL;
}

/** Rows of the packed weights that some tap uses. */
function weightRows(regions: readonly Region[]): number {
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

/** Elements of a map at a union of pixels: a dimension of stride 0 holds its elements once. */
function mapElements(view: View, products: readonly PixelProduct[]): number {
  const [batchStride, rowStride, columnStride, channelStride] = view.strides;
  const distinct = products.map(({rows, columns}) => ({
    rows: rowStride === 0 && rows.length > 0 ? [0] : rows,
    columns: columnStride === 0 && columns.length > 0 ? [0] : columns,
  }));
  return (batchStride === 0 ? 1 : view.shape[0]!) * (channelStride === 0 ? 1 : view.shape[3]!) * countPixels(distinct);
}

/** The pixels of x that a region reads; a tap reads `run` adjacent ones. Taps that share their dx make one product. */
function touchedPixels(region: Region, x: View, run: number): PixelProduct[] {
  const rowsOfColumns = new Map<string, {dys: number[]; dxs: number[]}>();
  for (const [dy, dxs] of tapRows(region.taps)) {
    const same = rowsOfColumns.get(dxs.join());
    if (same) same.dys.push(dy);
    else rowsOfColumns.set(dxs.join(), {dys: [dy], dxs});
  }

  return [...rowsOfColumns.values()].map(({dys, dxs}) => {
    const runs = dxs.flatMap(dx => Array.from({length: run}, (_, i) => dx + i));
    return {
      rows: touched(region.inY, region.inStepY, region.countY, dys, x.shape[1]!),
      columns: touched(region.inX, region.inStepX, region.countX, runs, x.shape[2]!),
    };
  });
}

/** dx lists by dy. */
function tapRows(taps: readonly RegionTap[]): Map<number, number[]> {
  const rows = new Map<number, number[]>();
  for (const {dy, dx} of taps) {
    const row = rows.get(dy);
    if (row) row.push(dx);
    else rows.set(dy, [dx]);
  }
  return rows;
}

/** Distinct indices first + q * step + offset inside [0, size). */
function touched(first: number, step: number, count: number, offsets: readonly number[], size: number): number[] {
  const indices = new Set<number>();
  for (const offset of offsets) {
    const {start, end} = tapRange({start: first + offset, step, count, size});
    for (let q = start; q < end; q++) indices.add(first + offset + q * step);
  }
  return [...indices];
}

/** The pixels of y that a region writes; what lies outside y is dropped. */
function writtenPixels(work: ConvWork, region: Region, y: View): PixelProduct {
  const residues = (fused: number): number[] => Array.from({length: fused}, (_, r) => r);
  return {
    rows: touched(region.outY, region.outStepY, region.countY, residues(work.fusedY), y.shape[1]!),
    columns: touched(region.outX, region.outStepX, region.countX, residues(work.fusedX), y.shape[2]!),
  };
}
