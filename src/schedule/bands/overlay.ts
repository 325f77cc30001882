// Results that lie over what dies while they are computed: the sum of a residual block over the block's input.
//
// In bands both exist at once, and every row of the sum takes the place of the input's row that nothing needs any more.

import type {Node} from '../../graph/graph.js';
import {shapeOf} from '../layout.js';
import type {BandGraph, BandNode, Reach} from './band-graph.js';
import {ROW_AXIS} from './rows.js';

/** A result and the value in whose place it may be written, row by row. */
export interface Overlay {
  readonly target: number;
  readonly over: number;
  /** Where in that value the result begins, for each axis. */
  readonly starts: readonly number[];
  /** Other nodes that read the value, and how far. */
  readonly readers: readonly {readonly index: number; readonly reach: Reach}[];
}

type Nodes = Pick<BandGraph, 'graph' | 'nodes'>;

/** Nodes start..end-1. */
export interface Run {
  readonly start: number;
  readonly end: number;
}

/** Rows of the values of a segment before and after a band. */
export interface Progress {
  readonly before: readonly number[];
  readonly ends: readonly number[];
}

/** What each node may lie over; null where there is nothing. */
export function overlaysOf(bands: Nodes): (Overlay | null)[] {
  return bands.nodes.map((own, target) => {
    if (own.needs === null || own.isView || own.lastUse === bands.nodes.length) return null;
    for (const input of writtenOver(bands, own)) {
      const overlay = overlayOf(bands, target, input);
      if (overlay !== null) return overlay;
    }
    return null;
  });
}

/** The inputs that a node reads element by element just before it writes the same element. */
function writtenOver({graph}: Nodes, {node, shape}: BandNode): number[] {
  const {operation, inputs, output} = node;
  const isSame = (name: string) => String(shapeOf(graph, name)) === String(shapeOf(graph, output));
  switch (operation.op) {
    case 'chain':
      return inputs.flatMap((name, input) => (isSame(name) ? [input] : []));
    case 'instanceNorm':
      return operation.epilogue.residual === undefined ? [] : [inputs.length - 1];
    case 'conv':
      // A sweep tap by tap writes before it adds the residual.
      return operation.epilogue.residual === undefined || shape.isSwept ? [] : [inputs.length - 1];
    default:
      return [];
  }
}

function overlayOf(bands: Nodes, target: number, input: number): Overlay | null {
  const {nodes} = bands;
  const source = sourceOf(bands, target, input);
  if (source === null) return null;
  const {over, starts, views} = source;
  const {lastUse, bytes, needs, node} = nodes[over]!;
  if (needs === null || bytes === 0 || lastUse < target || node.operation.op === 'moments')
    return null;
  const readers: {index: number; reach: Reach}[] = [];
  for (const {index, input: at} of nodes[over]!.consumers) {
    if (index === views[0] || (views.length === 0 && index === target && at === input)) continue;
    const {isView, reach} = nodes[index]!;
    if (isView || index === target || !reach[at]) return null;
    readers.push({index, reach: reach[at]});
  }
  return {target, over, starts, readers};
}

/** The value that an input is a part of, cut out by views that nothing else reads. */
function sourceOf({nodes, graph}: Nodes, target: number, input: number) {
  let at = nodes[target]!.producers[input]!;
  let starts = shapeOf(graph, nodes[target]!.node.output).map(() => 0);
  const views: number[] = [];
  while (at >= 0 && nodes[at]!.isView) {
    const {node, producers, consumers} = nodes[at]!;
    const cut = cutOf(node);
    if (cut === null || consumers.length > 1) return null;
    starts = starts.map((start, axis) => start + cut[axis]!);
    views.unshift(at);
    at = producers[0]!;
  }
  return at < 0 ? null : {over: at, starts, views};
}

/** Where a slice without steps begins; null for other views. */
function cutOf({operation}: Node): readonly number[] | null {
  if (operation.op !== 'slice' || operation.steps.some(step => step !== 1)) return null;
  return operation.starts;
}

/** The overlays of a run: of results over the same value, the first. */
export function overlaysWithin(graph: BandGraph, run: Run): Overlay[] {
  const taken = new Map<number, Overlay>();
  for (const overlay of graph.overlays.slice(run.start, run.end))
    if (overlay !== null && isWithin(graph, run, overlay) && !taken.has(overlay.over))
      taken.set(overlay.over, overlay);
  return [...taken.values()];
}

/** Whether an overlay belongs to a segment: the value is there before, and dies in it, the result outlives it. */
function isWithin({nodes}: BandGraph, {start, end}: Run, {target, over}: Overlay): boolean {
  const isLasting = nodes[target]!.lastUse >= end && target >= start && target < end;
  return isLasting && over < start && nodes[over]!.lastUse < end;
}

/** The overlays that can be in all bands of a segment. */
export function freeOverlays(
  graph: BandGraph,
  start: number,
  overlays: readonly Overlay[],
  bands: readonly Progress[],
): Overlay[] {
  return overlays.filter(each => bands.every(band => isFree(graph, start, each, band)));
}

/** Whether no row is overwritten in a band that this band or a later one still reads. */
function isFree(
  {nodes}: BandGraph,
  start: number,
  {target, starts, readers}: Overlay,
  {before, ends}: Progress,
): boolean {
  const rows = ends[target - start]!;
  if (rows === 0) return true;
  const written = rows + starts[ROW_AXIS]!;
  return readers.every(({index, reach}) => {
    if (index < start) return true;
    const [first, last] = [before[index - start]!, ends[index - start]!];
    const isLater = index > target && last > first;
    const next = isLater ? first : last;
    return next === nodes[index]!.height || reach.starts[next]! >= written;
  });
}
