// A run of nodes computed band by band: which rows of which value at which time, and the memory that takes.
//
// Every row is computed once. A value that is needed again for the next band (the halo of a convolution, the other side of
// a residual sum) keeps those rows in its window: the rows kept from before, followed by the new ones.

import {type BandGraph, cutAfter, cutBefore} from './band-graph.js';
import type {Progress} from './overlay.js';

/** Nodes start..end-1, computed in bands of `height` rows of the last one's result. */
export interface Segment {
  readonly start: number;
  readonly end: number;
  readonly height: number;
}

/**
 * Rows of each value in one band, by its place in the segment.
 *
 * Rows before..ends-1 are computed in it, none where these are equal; rows windows..ends-1 are within reach of its readers.
 */
export interface Band extends Progress {
  readonly windows: readonly number[];
}

/** Values used after the segment, which are therefore put together whole. */
export function segmentTargets({nodes}: BandGraph, {start, end}: Segment): number[] {
  const isTarget = (index: number) => nodes[index]!.lastUse >= end;
  return Array.from({length: end - start}, (_, offset) => start + offset).filter(isTarget);
}

/** Whether a node can be computed band by band together with those from `start` on: it needs all of none of them. */
export function canJoin({nodes}: BandGraph, start: number, index: number): boolean {
  const {needs, producers} = nodes[index]!;
  if (needs === null) return false;
  return !producers.some((producer, input) => producer >= start && needs[input] === 'all');
}

/** The number of bands, those that only lead up to the first one left out. */
export function bandCount({nodes}: BandGraph, {end, height}: Segment): number {
  return Math.ceil(nodes[end - 1]!.height / height);
}

/** Bands after which none lead up to others: a border of thousands of rows would be led up to by as many. */
const MOST_BANDS = 1024;

/** All bands of a segment, in order. */
export function segmentBands(graph: BandGraph, segment: Segment): Band[] {
  const all = progress(graph, segment);
  return all.slice(1).map((ends, band) => bandOf(graph, segment, {before: all[band]!, ends}));
}

/**
 * Rows of each value that exist before the first band, and after each.
 *
 * The first rows of a deep segment may need most rows of its first values. They are led up to in bands of their own, in which
 * the first nodes go on as they do later and the others follow as far as their inputs are there.
 */
function progress(graph: BandGraph, segment: Segment): number[][] {
  const count = bandCount(graph, segment);
  const [middle, after] = [count >> 1, Math.min(count, (count >> 1) + 1)].map(bands =>
    endsOf(graph, segment, bands),
  ) as [number[], number[]];
  const steady = after.map((rows, offset) => Math.max(1, rows - middle[offset]!));
  const all = [endsOf(graph, segment, 0)];
  for (let band = 1; band <= count; band++) {
    const before = all.at(-1)!;
    const ends = endsOf(graph, segment, band);
    const leaps = ends.map((rows, offset) => (rows - before[offset]!) / steady[offset]!);
    const parts = Math.min(Math.round(Math.max(...leaps)), MOST_BANDS - all.length);
    for (let part = 1; part < parts; part++)
      all.push(
        follow(graph, segment, {before: all.at(-1)!, ends, share: part / parts, start: before}),
      );
    all.push(ends);
  }
  return all;
}

/** Rows of each value when those that read nothing of the segment have come `share` of the way to `ends`. */
function follow(
  {nodes}: BandGraph,
  segment: Segment,
  at: {
    readonly before: readonly number[];
    readonly start: readonly number[];
    readonly ends: readonly number[];
    readonly share: number;
  },
): number[] {
  const reached = at.before.slice();
  at.ends.forEach((end, offset) => {
    const own = nodes[segment.start + offset]!;
    const {reach, producers} = own;
    const start = at.start[offset]!;
    const isInside = producers.some(producer => producer >= segment.start);
    let rows = isInside ? end : start + Math.ceil((end - start) * at.share);
    for (let input = 0; input < producers.length; input++) {
      const [each, from] = [reach[input], producers[input]! - segment.start];
      if (each && from >= 0) rows = Math.min(rows, rowsWithin(each.ends, reached[from]!));
    }
    reached[offset] = Math.max(at.before[offset]!, rows >= end ? end : cutBefore(own, rows));
  });
  return reached;
}

/** The most rows of a result that need no more than `available` rows of an input. */
function rowsWithin(ends: Int32Array, available: number): number {
  let [low, high] = [0, ends.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (ends[middle]! <= available) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Rows of each value that exist after `bands` bands. */
export function endsOf({nodes}: BandGraph, {start, end, height}: Segment, bands: number): number[] {
  const whole = nodes[end - 1]!.height;
  const reached = Math.min(whole, bands * height);
  const ends = new Array<number>(end - start).fill(0);
  for (let index = end - 1; index >= start; index--) {
    const own = nodes[index]!;
    let isRead = false;
    let rows = 0;
    for (const {index: reader, input} of own.consumers) {
      if (reader >= end) continue;
      isRead = true;
      const reach = nodes[reader]!.reach[input];
      if (reach) rows = Math.max(rows, reach.ends[ends[reader - start]!]!);
    }
    if (index === end - 1) rows = reached;
    else if (own.lastUse >= end && (!isRead || reached === whole))
      rows = Math.max(rows, Math.ceil((own.height * reached) / whole));
    ends[index - start] = cutAfter(own, rows);
  }
  return ends;
}

/** A band with the windows that its readers need. */
export function bandOf({nodes}: BandGraph, {start, end}: Segment, {before, ends}: Progress): Band {
  const windows = before.slice();
  for (let offset = 0; offset < windows.length; offset++) {
    for (const {index: reader, input} of nodes[start + offset]!.consumers) {
      if (reader >= end) continue;
      const reach = nodes[reader]!.reach[input];
      if (reach)
        windows[offset] = Math.min(windows[offset]!, reach.starts[before[reader - start]!]!);
    }
  }
  return {before, ends, windows};
}
