// Values that are computed again where they are needed, instead of being kept: a skip connection over a whole network, a
// map between the moments of its normalisation and their use.

import type {Graph, Node, Value} from '../../graph/graph.js';
import {renameInputs} from '../../graph/rewrite.js';
import {shapeOf} from '../layout.js';
import type {BandGraph} from './band-graph.js';
import type {BandPlan} from './search.js';
import {canJoin} from './segment.js';

/** A graph some of whose values are computed more than once, and what the copies are copies of. */
export interface Recomputing {
  readonly graph: Graph;
  readonly origins: ReadonlyMap<string, string>;
}

/** Most nodes that are computed again for one value. */
const MOST_NODES = 8;

/** Nodes between a value and a reader that may share its bands. */
const NEAR = 6;

/** What is this many times smaller than a value may be kept to compute it: first little of it, then more. */
const SHARES = [8, 2];

/** Values looked at in the fullest run of a plan, largest first. */
const MOST_CANDIDATES = 6;

/** The graphs in which one of the values that fill the fullest run of `plan` is not kept, the largest first. */
export function* recomputations(
  bands: BandGraph,
  plan: BandPlan,
  origins: ReadonlyMap<string, string>,
): Generator<Recomputing> {
  if (plan.runs.length === 0) return;
  const fullest = plan.runs.reduce((most, run) => (run.bytes > most.bytes ? run : most));
  const held = bands.nodes
    .map((_, index) => index)
    .filter(index => index < fullest.end && bands.nodes[index]!.lastUse >= fullest.start)
    .filter(index => index < fullest.start || bands.nodes[index]!.lastUse >= fullest.end)
    .filter(index => bands.heldBytes[index]! > 0);
  const values = [...new Set(held.flatMap(index => lineage(bands, index)))];
  values.sort((a, b) => bands.nodes[b]!.bytes - bands.nodes[a]!.bytes || a - b);
  for (const index of values.slice(0, MOST_CANDIDATES)) {
    const reading = farReaders(bands, index, plan);
    if (reading === null) continue;
    const known = new Set<string>();
    for (const share of SHARES) {
      const needed = neededNodes(bands, {index, share}, Math.max(...reading.far));
      if (needed === null || known.has(needed.join())) continue;
      known.add(needed.join());
      yield recompute(bands, {...reading, needed}, origins);
    }
  }
}

/** A value and what it replaces: a normalisation is no smaller than the map that it was made of. */
function lineage({nodes}: BandGraph, index: number): number[] {
  const {producers, node} = nodes[index]!;
  const source = producers[0] ?? -1;
  const isReplaced =
    node.operation.op === 'instanceNorm' && source >= 0 && nodes[source]!.lastUse === index;
  return isReplaced ? [index, source] : [index];
}

/** Readers of a value that would have to compute it again, and views that they see it through. */
interface Reading {
  readonly far: readonly number[];
  readonly views: readonly number[];
}

/** Null where nothing is far, or the value is handed out. */
function farReaders(bands: BandGraph, index: number, plan: BandPlan): Reading | null {
  const {nodes} = bands;
  if (nodes[index]!.lastUse === nodes.length) return null;
  const {views, readers} = readersOf(bands, index);
  const isElsewhere = apartIn(plan, readers[0]);
  const far = readers.filter(reader => isElsewhere(reader) || !isNear(bands, index, reader));
  return far.length === 0 ? null : {far, views};
}

/** Lets readers that are far from a value compute it again. */
function recompute(
  bands: BandGraph,
  {far, views, needed}: Reading & {readonly needed: readonly number[]},
  origins: ReadonlyMap<string, string>,
): Recomputing {
  const {graph, nodes} = bands;
  const source = [...needed, ...views].sort((a, b) => a - b).map(at => nodes[at]!.node);
  const out: CopyState = {graph, values: new Map(graph.values), origins: new Map(origins)};
  const result = [...graph.nodes];
  // From the last readers on, so that numbers of earlier nodes stay.
  for (const group of groupsOf(bands, far).reverse()) {
    const {copies, names} = copyNodes(out, source);
    for (const reader of group)
      result[reader] = renameInputs(result[reader]!, name => names.get(name) ?? name);
    result.splice(group[0]!, 0, ...copies);
  }
  return {graph: {...graph, nodes: result, values: out.values}, origins: out.origins};
}

/** Who reads a value, directly or through views. */
function readersOf({nodes}: BandGraph, index: number): {views: number[]; readers: number[]} {
  const [views, readers]: [number[], number[]] = [[], []];
  const visit = (at: number) => {
    for (const {index: reader} of nodes[at]!.consumers) {
      if (!nodes[reader]!.isView) readers.push(reader);
      else if (!views.includes(reader)) {
        views.push(reader);
        visit(reader);
      }
    }
  };
  visit(index);
  return {views, readers: [...new Set(readers)].sort((a, b) => a - b)};
}

/** Whether a plan computes a reader in bands of its own, not together with the first one. */
function apartIn({runs}: BandPlan, first: number | undefined): (reader: number) => boolean {
  const runOf = (index: number) => runs.find(({start, end}) => start <= index && index < end)!;
  return reader => runOf(reader).height > 0 && runOf(reader) !== runOf(first!);
}

/** Whether a node can be computed in the same bands as one before it, not too many nodes apart. */
function isNear(bands: BandGraph, from: number, to: number): boolean {
  if (to - from > NEAR) return false;
  for (let at = from + 1; at <= to; at++) if (!canJoin(bands, from, at)) return false;
  return true;
}

/** Readers in order, those near one another together. */
function groupsOf(bands: BandGraph, readers: readonly number[]): number[][] {
  const groups: number[][] = [];
  for (const reader of readers) {
    const group = groups.at(-1);
    if (group !== undefined && isNear(bands, group[0]!, reader)) group.push(reader);
    else groups.push([reader]);
  }
  return groups;
}

/** The nodes that compute a value from what is there until `last` anyway, or small; null when they are many. */
function neededNodes(
  {nodes}: BandGraph,
  {index, share}: {readonly index: number; readonly share: number},
  last: number,
): number[] | null {
  const isKept = (at: number): boolean =>
    at < 0 ||
    (nodes[at]!.isView && isKept(nodes[at]!.producers[0]!)) ||
    nodes[at]!.lastUse >= last ||
    (!nodes[at]!.isView && nodes[at]!.bytes * share <= nodes[index]!.bytes);
  const needed = new Set<number>();
  const collect = (at: number): boolean => {
    if (needed.has(at)) return true;
    const {needs, producers} = nodes[at]!;
    if (needs === null || needed.size === MOST_NODES) return false;
    needed.add(at);
    return producers.every(producer => isKept(producer) || collect(producer));
  };
  return collect(index) ? [...needed].sort((a, b) => a - b) : null;
}

interface CopyState {
  readonly graph: Graph;
  readonly values: Map<string, Value>;
  readonly origins: Map<string, string>;
}

function copyNodes(out: CopyState, source: readonly Node[]) {
  const names = new Map<string, string>();
  const copies = source.map(node => {
    const output = freeName(out, node.output);
    const like = out.graph.values.get(node.output)!;
    out.values.set(output, {...like, name: output, shape: shapeOf(out.graph, node.output)});
    out.origins.set(output, out.origins.get(node.output) ?? node.output);
    const copy = {...renameInputs(node, name => names.get(name) ?? name), output};
    names.set(node.output, output);
    return copy;
  });
  return {copies, names};
}

function freeName({values}: CopyState, origin: string): string {
  let count = 2;
  while (values.has(`${origin}/again${count}`)) count++;
  return `${origin}/again${count}`;
}
