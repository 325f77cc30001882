// Where to cut a network into segments and how high their bands are: a shortest path over the nodes.
//
// Every run of nodes is an edge, computed whole (one node) or in bands of some height. An edge has the bytes alive while
// it runs and a cost in bytes moved. The path whose largest edge is smallest says how far memory can go down; under a
// limit the cheapest path is taken. Both are exact for these prices, and equal graphs give equal plans.

import type {BandGraph, BandNode} from './band-graph.js';
import {canBand, priceSegment, type Segment} from './segment.js';

/** A run of nodes: start..end-1, whole when `height` is 0. */
interface Edge extends Segment {
  readonly bytes: number;
  readonly cost: number;
}

export interface BandPlan {
  readonly segments: readonly Segment[];
  /** The most bytes alive at once, as the prices see it. */
  readonly bytes: number;
}

/** Bands tried: parts of the last result's rows. */
const PARTS = [2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256];

/** Steps of pricing (nodes of all edges) that planning may take. */
const MOST_WORK = 250_000;

/** What starting a command costs, as bytes that could be moved meanwhile. */
const COMMAND_BYTES = 32 * 1024;

/** All edges of a graph, to be searched for several limits. */
export class BandSearch {
  readonly #edges: readonly (readonly Edge[])[];

  constructor(graph: BandGraph, checkTime: () => void = () => {}) {
    const count = graph.nodes.length;
    const longest = Math.max(4, Math.floor(Math.sqrt((2 * MOST_WORK) / Math.max(1, count))));
    this.#edges = graph.nodes.map((_, start) => {
      checkTime();
      return edgesFrom(graph, start, Math.min(count, start + longest));
    });
  }

  /** The plan whose fullest moment is smallest. */
  smallest(): BandPlan {
    const bytes = this.#best((edge, rest) => Math.max(edge.bytes, rest)).values[0]!;
    return this.within(bytes)!;
  }

  /** The cheapest plan of at most `limit` bytes; null when there is none. */
  within(limit: number): BandPlan | null {
    const {values, taken} = this.#best((edge, rest) =>
      edge.bytes > limit ? Number.POSITIVE_INFINITY : edge.cost + rest,
    );
    if (values[0] === Number.POSITIVE_INFINITY) return null;
    const segments: Segment[] = [];
    let bytes = 0;
    for (let at = 0; at < this.#edges.length; at = taken[at]!.end) {
      const edge = taken[at]!;
      bytes = Math.max(bytes, edge.bytes);
      if (edge.height > 0) segments.push({start: edge.start, end: edge.end, height: edge.height});
    }
    return {segments, bytes};
  }

  /** The best value from each node on, and the edge taken there; the first of equals. */
  #best(join: (edge: Edge, rest: number) => number) {
    const count = this.#edges.length;
    const values = new Array<number>(count + 1).fill(0);
    const taken = new Array<Edge | undefined>(count);
    for (let start = count - 1; start >= 0; start--) {
      values[start] = Number.POSITIVE_INFINITY;
      for (const edge of this.#edges[start]!) {
        const value = join(edge, values[edge.end]!);
        if (value >= values[start]! && taken[start] !== undefined) continue;
        values[start] = value;
        taken[start] = edge;
      }
    }
    return {values, taken};
  }
}

function edgesFrom(graph: BandGraph, start: number, last: number): Edge[] {
  const {nodes} = graph;
  const before = aliveBefore(graph, start);
  const edges: Edge[] = [{start, end: start + 1, height: 0, bytes: before + wholeBytes(graph, start), cost: 0}];
  let targets = 0;
  for (let end = start + 1; end <= last && canBand(graph, start, end); end++) {
    targets = 0;
    for (let index = start; index < end; index++) targets += targetBytes(graph, index, end);
    for (const height of heightsOf(nodes[end - 1]!)) {
      const segment = {start, end, height};
      const {bandBytes, movedBytes, commands} = priceSegment(graph, segment);
      const more = commands - (end - start);
      edges.push({
        ...segment,
        bytes: before + targets + bandBytes,
        cost: movedBytes + more * COMMAND_BYTES,
      });
    }
  }
  return edges;
}

function heightsOf({height, shape}: BandNode): number[] {
  const heights = PARTS.map(
    part => Math.ceil(Math.ceil(height / part) / shape.rowAlign) * shape.rowAlign,
  );
  return [...new Set(heights)].filter(each => each < height);
}

/** Bytes of inputs and earlier results that node `start` or a later one reads. */
function aliveBefore({nodes, inputs}: BandGraph, start: number): number {
  const waiting = inputs.filter(({lastUse}) => lastUse >= start);
  let bytes = waiting.reduce((sum, input) => sum + input.bytes, 0);
  for (let index = 0; index < start; index++)
    if (nodes[index]!.lastUse >= start) bytes += heldBytes(nodes, index);
  return bytes;
}

/** Bytes of a result that is used from node `end` on. */
function targetBytes({nodes}: BandGraph, index: number, end: number): number {
  return nodes[index]!.lastUse >= end ? heldBytes(nodes, index) : 0;
}

/** What is handed out lies in memory of its own. */
function heldBytes(nodes: readonly BandNode[], index: number): number {
  const {bytes, lastUse} = nodes[index]!;
  return lastUse === nodes.length ? 0 : bytes;
}

/** Bytes that a node takes when it is computed whole, beside what is alive before it. */
function wholeBytes({nodes, graph}: BandGraph, index: number): number {
  const {node, bytes, producers, shape} = nodes[index]!;
  const dying = producers
    .filter(producer => producer >= 0 && nodes[producer]!.lastUse === index)
    .map(producer => nodes[producer]!.bytes);
  const {op} = node.operation;
  // Parts lie in the whole, and sums may overwrite what dies with them.
  if (op === 'concat') return Math.max(0, bytes - dying.reduce((sum, part) => sum + part, 0));
  const isInPlace = op === 'chain' || op === 'instanceNorm' || (op === 'conv' && dying.length > 1);
  const added = isInPlace && dying.includes(bytes) ? 0 : bytes;
  const [first] = node.inputs;
  const isCopied = op === 'conv' && first !== undefined && graph.inputs.includes(first);
  const copied = isCopied ? graph.values.get(first)!.shape.reduce((a, b) => a * b, 4) : 0;
  return added + copied + shape.scratchBytes;
}

