// Which pixels of x and y a region touches, as products of rows and columns.

import {tapRange} from '../untangle/borders.js';
import {
  countPixels,
  firstIndices,
  type IndexSet,
  type PixelProduct,
  type Progression,
} from './pixels.js';
import type {Region, RegionTap, View} from './steps.js';

/** Phases side by side in one step; 1 and 1 normally. */
export interface Fused {
  readonly fusedY: number;
  readonly fusedX: number;
}

/** Elements of a map at a union of pixels: a dimension of stride 0 holds its elements once. */
export function mapElements(view: View, products: readonly PixelProduct[]): number {
  const [batchStride, rowStride, columnStride, channelStride] = view.strides;
  const distinct = products.map(({rows, columns}) => ({
    rows: rowStride === 0 ? once(rows) : rows,
    columns: columnStride === 0 ? once(columns) : columns,
  }));
  return (
    (batchStride === 0 ? 1 : view.shape[0]!) *
    (channelStride === 0 ? 1 : view.shape[3]!) *
    countPixels(distinct)
  );
}

/** One index where there is any. */
function once(indices: IndexSet): IndexSet {
  return firstIndices(indices.some(({count}) => count > 0) ? 1 : 0);
}

/** Some pixels of a map, with all their channels. */
export interface MapPixels {
  readonly view: View;
  readonly pixels: readonly PixelProduct[];
}

/**
 * Elements that two maps have in common at the given pixels: a block that adds its own input reads them once.
 *
 * Only views with the same strides into one buffer are compared; others of one value do not occur.
 */
export function sharedElements(one: MapPixels, other: MapPixels): number {
  const [a, b] = [one.view, other.view];
  if (a.buffer !== b.buffer || a.strides.some((stride, dim) => stride !== b.strides[dim])) return 0;
  const [from, to] = [originOf(a), originOf(b)];
  if (from.image !== to.image) return 0;

  const firstChannel = Math.max(from.channel, to.channel);
  const channels = Math.min(from.channel + a.shape[3]!, to.channel + b.shape[3]!) - firstChannel;
  if (channels <= 0) return 0;

  const ones = shift(one.pixels, from);
  const others = shift(other.pixels, to);
  const common = countPixels(ones) + countPixels(others) - countPixels([...ones, ...others]);
  return a.shape[0]! * channels * common;
}

interface Origin {
  readonly image: number;
  readonly row: number;
  readonly column: number;
  readonly channel: number;
}

/** Where in its buffer, a dense stack of maps, a view of a map begins. */
function originOf({offset, strides}: View): Origin {
  const at = [0, 0, 0, 0];
  const descending = strides.map((_, dim) => dim).sort((a, b) => strides[b]! - strides[a]!);
  let rest = offset;
  for (const dim of descending) {
    const stride = strides[dim]!;
    if (stride <= 0) continue;
    at[dim] = Math.floor(rest / stride);
    rest %= stride;
  }
  const [image, row, column, channel] = at as [number, number, number, number];
  return {image, row, column, channel};
}

function shift(products: readonly PixelProduct[], {row, column}: Origin): PixelProduct[] {
  const moved = (set: IndexSet, by: number) =>
    set.map(({first, ...rest}) => ({...rest, first: first + by}));
  return products.map(({rows, columns}) => ({
    rows: moved(rows, row),
    columns: moved(columns, column),
  }));
}

/** The pixels of x that a region reads; a tap reads `run` adjacent ones. Taps that share their dx make one product. */
export function touchedPixels(region: Region, x: View, run: number): PixelProduct[] {
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

/** The indices first + q * step + offset inside [0, size). */
function touched(
  first: number,
  step: number,
  count: number,
  offsets: readonly number[],
  size: number,
): IndexSet {
  return offsets.flatMap(offset => within({first: first + offset, step, count}, size));
}

/** The part of a progression inside [0, size): none or one. */
export function within({first, step, count}: Progression, size: number): IndexSet {
  const {start, end} = tapRange({start: first, step, count, size});
  return end > start ? [{first: first + start * step, step, count: end - start}] : [];
}

/** The pixels of y that a region writes; what lies outside y is dropped. */
export function writtenPixels(region: Region, y: View, fused: Fused): PixelProduct {
  const residues = (count: number): number[] => Array.from({length: count}, (_, r) => r);
  return {
    rows: touched(region.outY, region.outStepY, region.countY, residues(fused.fusedY), y.shape[1]!),
    columns: touched(
      region.outX,
      region.outStepX,
      region.countX,
      residues(fused.fusedX),
      y.shape[2]!,
    ),
  };
}

/** The part of a region for which one tap lies inside the input, with that tap only. */
export function clipToTap(region: Region, tap: RegionTap, x: View): Region {
  const {inStepY, inStepX, outStepY, outStepX} = region;
  const rows = tapRange({
    start: region.inY + tap.dy,
    step: inStepY,
    count: region.countY,
    size: x.shape[1]!,
  });
  const cols = tapRange({
    start: region.inX + tap.dx,
    step: inStepX,
    count: region.countX,
    size: x.shape[2]!,
  });
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
