// What a segment holds while it runs, and what it costs beside the same nodes computed whole.

import type {BandGraph, BandNode} from './band-graph.js';
import {type Flow, guessSharedBytes, sharedBytes} from './flow.js';
import {freeOverlays, type Overlay} from './overlay.js';
import {type Band, bandCount, bandOf, endsOf, type Segment, segmentBands} from './segment.js';

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
function middleBand(graph: BandGraph, segment: Segment): Band {
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
  return bandOf(graph, segment, {before, ends});
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
  const band = middleBand(graph, segment);
  const count = bandCount(graph, segment);
  const {bytes, moved, commands} = priceBand(graph, segment, {band, next: band});
  const flowBytes = flow === null ? 0 : guessSharedBytes(graph, segment.start, flow, band);
  return {
    bandBytes: bytes,
    overlays: freeOverlays(graph, segment.start, overlays, [band]),
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
  let [bandBytes, movedBytes, commands] = [0, 0, 0];
  bands.forEach((band, index) => {
    const price = priceBand(graph, segment, {band, next: bands[index + 1] ?? band});
    bandBytes = Math.max(bandBytes, price.bytes);
    movedBytes += price.moved;
    commands += price.commands;
  });
  return {
    bandBytes,
    overlays: freeOverlays(graph, segment.start, overlays, bands),
    flowBytes: flow === null ? 0 : sharedBytes(graph, segment.start, flow, bands),
    movedBytes,
    commands,
  };
}

function priceBand(
  {nodes, successors}: BandGraph,
  {start, end}: Segment,
  {band, next}: {band: Band; next: Band},
) {
  const {before, ends, windows} = band;
  const live = new Array<number>(end - start).fill(0);
  let [kept, moved, commands] = [0, 0, 0];
  for (let offset = 0; offset < live.length; offset++) {
    const own = nodes[start + offset]!;
    const [first, last, window] = [before[offset]!, ends[offset]!, windows[offset]!];
    const isNew = last > first;
    if (isNew) {
      live[offset]! += own.shape.scratchBytes + copiedBytes(own, first, last);
      moved += own.shape.weightBytes;
      commands++;
    }
    if (own.isView) continue;
    const windowBytes = (last - window) * own.rowBytes;
    if (window < first || next.windows[offset]! < next.before[offset]!) {
      kept += windowBytes;
      if (!isNew || window >= first) continue;
      // Rows move to the start of their window; where they would move onto each other or other maps, into another one.
      const keptRows = first - window;
      const isApart = own.batch === 1 && 2 * keptRows <= last - window;
      if (!isApart) live[offset]! += windowBytes;
      moved += 2 * keptRows * own.rowBytes;
      commands++;
      continue;
    }
    const successor = successors[start + offset]! - start;
    const isReplaced = successor >= 0 && before[successor] === first && ends[successor] === last;
    if (own.lastUse >= end || isReplaced) continue;
    for (let at = offset; at <= own.lastUse - start; at++) live[at]! += windowBytes;
  }
  return {bytes: kept + Math.max(...live), moved, commands};
}

/** Bytes of the rows of an input of the graph that are copied for rows first..end-1 of the result. */
function copiedBytes(
  {copiedRowBytes, reach: [input]}: BandNode,
  first: number,
  end: number,
): number {
  return input ? copiedRowBytes * (input.ends[end]! - input.starts[first]!) : 0;
}
