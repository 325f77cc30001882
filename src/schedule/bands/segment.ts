// A run of nodes computed band by band: which rows of which value at which time, and the memory that takes.
//
// Every row is computed once. A value that is needed again for the next band (the halo of a convolution, the other side of
// a residual sum) keeps those rows in its window: the rows kept from before, followed by the new ones.

import type {BandGraph} from './band-graph.js';
import type {Rows} from './rows.js';

/** Nodes start..end-1, computed in bands of `height` rows of the last one's result. */
export interface Segment {
  readonly start: number;
  readonly end: number;
  readonly height: number;
}

/** One value in one band. */
export interface BandRows {
  /** Rows computed in this band; none when start = end. */
  readonly rows: Rows;
  /** Rows within reach of this band's readers: ends with `rows`. */
  readonly window: Rows;
}

/** Values used after the segment, which are therefore put together whole. */
export function segmentTargets({nodes}: BandGraph, {start, end}: Segment): number[] {
  const isTarget = (index: number) => nodes[index]!.lastUse >= end;
  return Array.from({length: end - start}, (_, offset) => start + offset).filter(isTarget);
}

/** Whether the nodes can be computed band by band: none needs all of what another one makes. */
export function canBand({nodes}: BandGraph, start: number, end: number): boolean {
  for (let index = start; index < end; index++) {
    const {needs, producers} = nodes[index]!;
    if (needs === null) return false;
    if (producers.some((producer, input) => producer >= start && needs[input] === 'all'))
      return false;
  }
  return true;
}

/** The number of bands. */
export function bandCount({nodes}: BandGraph, {end, height}: Segment): number {
  return Math.ceil(nodes[end - 1]!.height / height);
}

/** Every value of the segment in band `band`, by its place in the segment. */
export function bandRows(graph: BandGraph, segment: Segment, band: number): BandRows[] {
  const before = endsOf(graph, segment, band);
  const ends = endsOf(graph, segment, band + 1);
  return windowsOf(graph, segment, {before, ends});
}

/** Rows of each value that exist after `bands` bands. */
function endsOf({nodes}: BandGraph, {start, end, height}: Segment, bands: number): number[] {
  const whole = nodes[end - 1]!.height;
  const reached = Math.min(whole, bands * height);
  const ends = new Array<number>(end - start).fill(0);
  for (let index = end - 1; index >= start; index--) {
    const own = nodes[index]!;
    const readers = own.consumers.filter(consumer => consumer.index < end);
    const isTarget = own.lastUse >= end;
    let rows = 0;
    if (index === end - 1) rows = reached;
    else if (isTarget && (readers.length === 0 || reached === whole))
      rows = Math.ceil((own.height * reached) / whole);
    for (const {index: reader, input} of readers) {
      const reach = nodes[reader]!.reach[input];
      if (reach) rows = Math.max(rows, reach.ends[ends[reader - start]!]!);
    }
    ends[index - start] = Math.min(own.height, roundUp(rows, own.shape.rowAlign));
  }
  return ends;
}

function windowsOf(
  {nodes}: BandGraph,
  {start, end}: Segment,
  {before, ends}: {before: readonly number[]; ends: readonly number[]},
): BandRows[] {
  return ends.map((last, offset) => {
    const own = nodes[start + offset]!;
    const first = before[offset]!;
    let keep = first;
    for (const {index: reader, input} of own.consumers) {
      if (reader >= end) continue;
      const reach = nodes[reader]!.reach[input];
      if (reach) keep = Math.min(keep, reach.starts[before[reader - start]!]!);
    }
    return {rows: {start: first, end: last}, window: {start: keep, end: last}};
  });
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** What a segment holds while it runs, and what it costs beside the same nodes computed whole. */
export interface SegmentPrice {
  /** Bytes of windows, parts and scratch at the fullest moment of a band in the middle. */
  readonly bandBytes: number;
  /** Bytes copied and read again: halos, and the weights for every band. */
  readonly movedBytes: number;
  readonly commands: number;
}

/** Prices a segment by a band in its middle, where windows are as large as they get. */
export function priceSegment(graph: BandGraph, segment: Segment): SegmentPrice {
  const {nodes} = graph;
  const {start, end} = segment;
  const count = bandCount(graph, segment);
  const middle = Math.min(count - 1, Math.max(1, count >> 1));
  const band = bandRows(graph, segment, middle);
  const next = middle + 1 < count ? bandRows(graph, segment, middle + 1) : band;
  const live = new Array<number>(end - start).fill(0);
  let [kept, halo, weights] = [0, 0, 0];
  band.forEach(({rows, window}, offset) => {
    const own = nodes[start + offset]!;
    const fraction = (rows.end - rows.start) / Math.max(1, own.height);
    live[offset]! += own.shape.scratchBytes * Math.min(1, fraction);
    weights += own.shape.weightBytes;
    if (own.isView) return;
    const windowBytes = (window.end - window.start) * own.rowBytes;
    const keeps = window.start < rows.start || next[offset]!.window.start < rows.end;
    const isTarget = own.lastUse >= end;
    if (keeps) {
      kept += windowBytes;
      live[offset]! += windowBytes;
      halo += (rows.start - window.start) * own.rowBytes;
    } else if (!isTarget) {
      const last = lastReader(graph, segment, start + offset);
      for (let at = offset; at <= last - start; at++) live[at]! += windowBytes;
    }
  });
  return {
    bandBytes: kept + Math.max(...live),
    movedBytes: count * (2 * halo + weights) - weights,
    commands: count * (end - start),
  };
}

/** The last node of the segment that reads a result, through views as well. */
function lastReader({nodes}: BandGraph, {end}: Segment, index: number): number {
  return Math.min(end - 1, nodes[index]!.lastUse);
}
