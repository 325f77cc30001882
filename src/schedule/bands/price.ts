// What a segment holds while it runs, and what it costs beside the same nodes computed whole.

import type {BandGraph, BandNode} from './band-graph.js';
import {type Flow, guessSharedBytes, sharedBytes} from './flow.js';
import {freeOverlays, type Overlay} from './overlay.js';
import type {Rows} from './rows.js';
import {
  type BandRows,
  bandCount,
  endsOf,
  progressOf,
  type Segment,
  segmentBands,
  windowsOf,
} from './segment.js';

/** What a segment holds while it runs, and what it costs beside the same nodes computed whole. */
export interface SegmentPrice {
  /** Bytes of windows, parts and scratch at the fullest moment. */
  readonly bandBytes: number;
  /** Of the overlays asked for, those that can be. */
  readonly overlays: readonly Overlay[];
  /** Bytes that may be shared by what is used up and what fills meanwhile. */
  readonly flowBytes: number;
  /** Bytes copied and read again: halos, and the weights for every band. */
  readonly movedBytes: number;
  readonly commands: number;
}

/** Memory that values of a segment may have in common. */
export interface Sharing {
  readonly overlays: readonly Overlay[];
  readonly flow: Flow | null;
}

/**
 * A band in the middle, in which every value grows by as much as it does in any: where rows are computed in blocks, by a block
 * of each.
 */
function middleBand(graph: BandGraph, segment: Segment) {
  const {nodes} = graph;
  const count = bandCount(graph, segment);
  const first = Math.max(0, (count >> 1) - 4);
  const last = Math.min(count, first + 8);
  const [start, ends] = [first, last].map(bands => endsOf(graph, segment, bands)) as [
    number[],
    number[],
  ];
  const before = ends.map((end, offset) => {
    const growth = Math.ceil((end - start[offset]!) / (last - first));
    return Math.max(0, end - roundUp(growth, nodes[segment.start + offset]!.shape.rowAlign));
  });
  return {before, ends, band: windowsOf(graph, segment, {before, ends})};
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** Prices a segment by a band in its middle. */
export function guessPrice(
  graph: BandGraph,
  segment: Segment,
  {overlays, flow}: Sharing,
): SegmentPrice {
  const {before, ends, band} = middleBand(graph, segment);
  const count = bandCount(graph, segment);
  const {bytes, moved, commands} = priceBand(graph, segment, {band, next: band});
  const flowBytes =
    flow === null ? 0 : guessSharedBytes(graph, segment.start, flow, {before, ends});
  return {
    bandBytes: bytes,
    overlays: freeOverlays(graph, segment.start, overlays, [{before, ends}]),
    flowBytes,
    movedBytes: count * moved,
    commands: count * commands,
  };
}

/** Prices a segment by all of its bands. */
export function exactPrice(
  graph: BandGraph,
  segment: Segment,
  {overlays, flow}: Sharing,
): SegmentPrice {
  const bands = segmentBands(graph, segment);
  const progress = bands.map(progressOf);
  let [bandBytes, movedBytes, commands] = [0, 0, 0];
  bands.forEach((band, index) => {
    const price = priceBand(graph, segment, {band, next: bands[index + 1] ?? band});
    bandBytes = Math.max(bandBytes, price.bytes);
    movedBytes += price.moved;
    commands += price.commands;
  });
  return {
    bandBytes,
    overlays: freeOverlays(graph, segment.start, overlays, progress),
    flowBytes: flow === null ? 0 : sharedBytes(graph, segment.start, flow, progress),
    movedBytes,
    commands,
  };
}

function priceBand(
  {nodes, successors}: BandGraph,
  {start, end}: Segment,
  {band, next}: {band: readonly BandRows[]; next: readonly BandRows[]},
) {
  const live = new Array<number>(end - start).fill(0);
  let [kept, moved, commands] = [0, 0, 0];
  band.forEach(({rows, window}, offset) => {
    const own = nodes[start + offset]!;
    const isNew = rows.end > rows.start;
    if (isNew) {
      live[offset]! += own.shape.scratchBytes + copiedBytes(own, rows);
      moved += own.shape.weightBytes;
      commands++;
    }
    if (own.isView) return;
    const windowBytes = (window.end - window.start) * own.rowBytes;
    const after = next[offset]!;
    const isKept = window.start < rows.start || after.window.start < after.rows.start;
    if (isKept) {
      kept += windowBytes;
      if (!isNew || window.start >= rows.start) return;
      // Rows move to the start of their window; where they would move onto each other or other maps, into another one.
      const keptRows = rows.start - window.start;
      const isApart = own.batch === 1 && 2 * keptRows <= window.end - window.start;
      if (!isApart) live[offset]! += windowBytes;
      moved += 2 * keptRows * own.rowBytes;
      commands++;
    } else if (own.lastUse < end && !isSameRows(band[successors[start + offset]! - start], rows)) {
      const last = Math.min(end - 1, own.lastUse);
      for (let at = offset; at <= last - start; at++) live[at]! += windowBytes;
    }
  });
  return {bytes: kept + Math.max(...live), moved, commands};
}

function isSameRows(other: BandRows | undefined, rows: Rows): boolean {
  return other !== undefined && other.rows.start === rows.start && other.rows.end === rows.end;
}

/** Bytes of the rows of an input of the graph that are copied for `rows` of the result. */
function copiedBytes({copiedRowBytes, reach: [first]}: BandNode, rows: Rows): number {
  return first ? copiedRowBytes * (first.ends[rows.end]! - first.starts[rows.start]!) : 0;
}
