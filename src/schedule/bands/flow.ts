// Values that are used up while a result fills: where they may share bytes, only the fullest moment of both counts.
//
// Placement lets them (`lifetimes.ts`) where it can bring them beside each other; prices that count on it say so.

import type {BandGraph, BandNode} from './band-graph.js';
import type {Overlay, Progress, Run} from './overlay.js';

/** What is there before a segment and dies in it, and a result that outlives it. */
export interface Flow {
  readonly source: number;
  readonly target: number;
}

/** The largest such pair of a run, those aside that lie over each other anyway; null where there is none. */
export function flowWithin(
  graph: BandGraph,
  {start, end}: Run,
  overlays: readonly Overlay[],
): Flow | null {
  const {nodes, heldBytes} = graph;
  const largest = (indices: readonly number[]) =>
    indices.reduce(
      (most, index) => (heldBytes[index]! > (heldBytes[most] ?? 0) ? index : most),
      -1,
    );
  const isRows = ({batch, rowBytes, height, bytes}: BandNode) =>
    batch === 1 && bytes > 0 && bytes === rowBytes * height;
  const dying = new Set<number>();
  const results: number[] = [];
  for (let index = start; index < end; index++) {
    const {producers, lastUse} = nodes[index]!;
    for (const producer of producers)
      if (producer >= 0 && producer < start && nodes[producer]!.lastUse < end) dying.add(producer);
    if (lastUse >= end && isRows(nodes[index]!)) results.push(index);
  }
  const isApart = (index: number) =>
    !overlays.some(({target, over}) => target === index || over === index);
  const sources = [...dying].filter(index => isRows(nodes[index]!) && isRead(graph, index, start));
  const source = largest(sources.filter(isApart));
  const target = largest(results.filter(isApart));
  return source < 0 || target < 0 ? null : {source, target};
}

/** Whether it is known of every reader from `start` on which rows it reads. */
function isRead({nodes}: BandGraph, source: number, start: number): boolean {
  return nodes[source]!.consumers.every(
    ({index, input}) => index < start || (!nodes[index]!.isView && nodes[index]!.reach[input]),
  );
}

/** Bytes that both need not have at once, by what they have in each band. */
export function sharedBytes(
  graph: BandGraph,
  start: number,
  flow: Flow,
  bands: readonly Progress[],
): number {
  const held = bands.map(band => bytesOfBoth(graph, start, flow, band));
  return beside(graph, flow, Math.max(...held));
}

/** The same, when both go on evenly and are as far apart as in one band of the middle. */
export function guessSharedBytes(
  graph: BandGraph,
  start: number,
  flow: Flow,
  band: Progress,
): number {
  const [from, to] = [graph.nodes[flow.source]!, graph.nodes[flow.target]!];
  const done = band.ends[flow.target - start]! / to.height;
  const even = from.bytes * (1 - done) + to.bytes * done;
  const lag = Math.max(0, bytesOfBoth(graph, start, flow, band) - even);
  return beside(graph, flow, Math.max(from.bytes, to.bytes) + lag);
}

/** Bytes that are left of the source at the beginning of a band, and there of the result at its end. */
function bytesOfBoth(
  {nodes}: BandGraph,
  start: number,
  {source, target}: Flow,
  {before, ends}: Progress,
): number {
  const [from, to] = [nodes[source]!, nodes[target]!];
  let first = from.height;
  for (const {index, input} of from.consumers) {
    if (index < start) continue;
    first = Math.min(first, nodes[index]!.reach[input]!.starts[before[index - start]!]!);
  }
  return (from.height - first) * from.rowBytes + ends[target - start]! * to.rowBytes;
}

/** What is saved of both when they never have more than `most` bytes. */
function beside({nodes}: BandGraph, {source, target}: Flow, most: number): number {
  const [from, to] = [nodes[source]!.bytes, nodes[target]!.bytes];
  return Math.max(0, from + to - Math.max(most, from, to));
}
