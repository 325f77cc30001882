// Where to cut a network into segments and how high their bands are: a shortest path over the nodes.
//
// Every run of nodes is an edge, computed whole (one node) or in bands of some height. An edge has the bytes alive while
// it runs and a cost in bytes moved. The path whose largest edge is smallest says how far memory can go down; under a
// limit the cheapest path is taken. Both are exact for these prices, and equal graphs give equal plans.

import type {BandGraph, BandNode} from './band-graph.js';
import {flowWithin} from './flow.js';
import {aliveBytes, wholeBytes} from './memory.js';
import {type Overlay, overlaysWithin} from './overlay.js';
import {exactPrice, guessPrice, type SegmentPrice, type Sharing} from './price.js';
import {bandCount, canJoin, type Segment} from './segment.js';

/** A run of nodes: start..end-1, whole when `height` is 0. */
interface Edge extends Segment, Sharing {
  /** Bytes alive beside the bands: what comes from before, and results that are put together whole. */
  readonly heldBytes: number;
  bytes: number;
  /** Fewer, where what is used up and what fills share memory. */
  flowing: number;
  cost: number;
  /** Guessed until the edge is on a path. */
  isExact: boolean;
}

/** A run of nodes of a plan, and the bytes alive while it goes on. */
export interface PlannedRun extends Segment {
  readonly bytes: number;
}

export interface BandPlan {
  /** All nodes, in order. */
  readonly runs: readonly PlannedRun[];
  /** The runs that are computed in bands. */
  readonly segments: readonly Segment[];
  /** The most bytes alive at once, as the prices see it. */
  readonly bytes: number;
  /** Results of all bands. */
  readonly commands: number;
}

/** Bands tried: parts of the last result's rows. */
const PARTS = [2, 3, 4, 6, 8, 12, 16, 32, 64, 128];

/** Those among which the ones that need least are. */
const LOW_PARTS = [32, 128];

/** Steps of pricing (nodes of all edges) that planning may take. */
const MOST_WORK = 150_000;

/** Commands of one segment. */
const MOST_COMMANDS = 4096;

/** What counts as less. */
const CLEARLY = 0.97;

/** Segments of which all bands may be priced. */
const MOST_EXACT = 300;

/** What starting a command costs, as bytes that could be moved meanwhile. */
const COMMAND_BYTES = 32 * 1024;

/** What an edge costs more where its bytes count on sharing, which placement may not find room for. */
const FLOW_COST = 2 ** 40;

export interface FlowOptions {
  /** Whether what is used up and what fills meanwhile may share memory. */
  readonly flows?: boolean;
}

export interface SmallestOptions extends FlowOptions {
  /** How much larger than the smallest a plan may be. */
  readonly slack?: number;
}

export interface SearchOptions {
  /** Concats whose parts wait where they are computed. */
  readonly copied: ReadonlySet<string>;
  /** Bands that need more are left out. */
  readonly mostBytes: number;
  /** Only low bands are looked at, and nothing counts on sharing: enough to see how far memory goes down, not for what it costs. */
  readonly isLow?: boolean;
  readonly checkTime?: (() => void) | undefined;
}

/** All edges of a graph, to be searched for several limits. */
export class BandSearch {
  readonly #graph: BandGraph;
  readonly #edges: readonly (readonly Edge[])[];
  #exactLeft = MOST_EXACT;

  constructor(graph: BandGraph, options: SearchOptions) {
    const {copied, mostBytes, isLow = false, checkTime = () => {}} = options;
    this.#graph = graph;
    const alive = aliveBytes(graph);
    const count = graph.nodes.length;
    const longest = Math.max(4, Math.floor(Math.sqrt((2 * MOST_WORK) / Math.max(1, count))));
    this.#edges = graph.nodes.map((_, start) => {
      checkTime();
      const last = Math.min(count, start + longest);
      return edgesFrom(graph, {start, last, before: alive[start]!, copied, mostBytes, isLow});
    });
  }

  /** The plan whose fullest moment is smallest; with `slack`, the cheapest of those that are nearly as small. */
  smallest({slack = 1, flows = false}: SmallestOptions = {}): BandPlan {
    const bytes = this.#best((edge, rest) => Math.max(flows ? edge.flowing : edge.bytes, rest));
    return this.within(bytes.values[0]! * slack, {flows})!;
  }

  /** Whether some plan may need no more than `bytes`, as guesses go. */
  mayFit(bytes: number): boolean {
    return this.#bestNow((edge, rest) => Math.max(edge.bytes, rest)).values[0]! <= bytes;
  }

  /** Nodes for which no edge needs clearly less than `bytes`: what keeps the smallest plan from being smaller. */
  tightNodes(bytes: number): number {
    const least = this.#edges.map(() => Number.POSITIVE_INFINITY);
    for (const edges of this.#edges)
      for (const {start, end, bytes: own} of edges)
        for (let at = start; at < end; at++) if (own < least[at]!) least[at] = own;
    return least.filter(each => each > bytes * CLEARLY).length;
  }

  /** The cheapest plan of at most `limit` bytes; null when there is none. */
  within(limit: number, {flows = false}: FlowOptions = {}): BandPlan | null {
    const {values, taken} = this.#best((edge, rest) => {
      if (edge.bytes <= limit) return edge.cost + rest;
      return flows && edge.flowing <= limit ? edge.cost + FLOW_COST + rest : Infinity;
    });
    if (values[0] === Number.POSITIVE_INFINITY) return null;
    const runs: PlannedRun[] = [];
    for (let at = 0; at < this.#edges.length; at = taken[at]!.end) {
      const {start, end, height, bytes, flowing} = taken[at]!;
      runs.push({start, end, height, bytes: bytes <= limit ? bytes : flowing});
    }
    const segments = runs.filter(({height}) => height > 0);
    return {
      runs,
      segments,
      bytes: Math.max(0, ...runs.map(run => run.bytes)),
      commands: segments.reduce((sum, each) => sum + commandCount(this.#graph, each), 0),
    };
  }

  /** The best value from each node on, and the edge taken there, for exact prices. */
  #best(join: (edge: Edge, rest: number) => number) {
    for (;;) {
      const found = this.#bestNow(join);
      let isExact = true;
      for (let at = 0; at < this.#edges.length && found.taken[at] !== undefined; ) {
        const edge = found.taken[at]!;
        if (!edge.isExact && this.#exactLeft > 0) {
          setPrice(this.#graph, edge, exactPrice(this.#graph, edge, edge));
          this.#exactLeft--;
          isExact = false;
        }
        edge.isExact = true;
        at = edge.end;
      }
      if (isExact) return found;
    }
  }

  /** The first of equals. */
  #bestNow(join: (edge: Edge, rest: number) => number) {
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

interface EdgeParts {
  readonly start: number;
  /** The end of the longest run. */
  readonly last: number;
  /** Bytes alive before. */
  readonly before: number;
  readonly copied: ReadonlySet<string>;
  readonly mostBytes: number;
  readonly isLow: boolean;
}

function edgesFrom(graph: BandGraph, parts: EdgeParts): Edge[] {
  const {start, last, before, copied, mostBytes, isLow} = parts;
  const tried = isLow ? LOW_PARTS : PARTS;
  const {nodes} = graph;
  const bytes = before + wholeBytes(graph, start, copied.has(nodes[start]!.node.output));
  const edges: Edge[] = [
    {
      start,
      end: start + 1,
      height: 0,
      heldBytes: before,
      overlays: [],
      flow: null,
      bytes,
      flowing: bytes,
      cost: 0,
      isExact: true,
    },
  ];
  let [targets, coarsest] = [0, 0];
  for (let end = start + 1; end <= last && canJoin(graph, start, end - 1); end++) {
    targets = 0;
    for (let index = start; index < end; index++) targets += targetBytes(graph, index, end);
    coarsest = Math.max(coarsest, blockShare(nodes[end - 1]!));
    const overlays = overlaysWithin(graph, {start, end});
    const flow = isLow ? null : flowWithin(graph, {start, end}, overlays);
    if (before + targets - overlaidBytes(graph, overlays) > mostBytes) continue;
    const fitting: Edge[] = [];
    // Higher bands than the first that do not fit need more.
    for (const height of heightsOf(nodes[end - 1]!, coarsest, tried).reverse()) {
      if (commandCount(graph, {start, end, height}) > MOST_COMMANDS) continue;
      const edge = {
        start,
        end,
        height,
        heldBytes: before + targets,
        overlays,
        flow,
        bytes: 0,
        flowing: 0,
        cost: 0,
        isExact: false,
      };
      setPrice(graph, edge, guessPrice(graph, edge, edge));
      if (edge.flowing > mostBytes) break;
      fitting.unshift(edge);
    }
    edges.push(...fitting);
  }
  return edges;
}

/** Bytes of results that need none of their own. */
function overlaidBytes({heldBytes}: BandGraph, overlays: readonly Overlay[]): number {
  return overlays.reduce((sum, {target}) => sum + heldBytes[target]!, 0);
}

function setPrice(
  graph: BandGraph,
  edge: Edge,
  {bandBytes, overlays, flowBytes, movedBytes, commands}: SegmentPrice,
): void {
  edge.bytes = edge.heldBytes - overlaidBytes(graph, overlays) + bandBytes;
  edge.flowing = edge.bytes - flowBytes;
  edge.cost = movedBytes + commands * COMMAND_BYTES;
}

/** Nodes of all bands. */
function commandCount(graph: BandGraph, segment: Segment): number {
  return bandCount(graph, segment) * (segment.end - segment.start);
}

/** The share of a map that is computed at once at least. */
function blockShare({height, shape}: BandNode): number {
  return shape.rowAlign / height;
}

/** Heights of a segment whose coarsest node computes `share` of its rows at once: lower bands than half of that gain nothing. */
function heightsOf({height, shape}: BandNode, share: number, parts: readonly number[]): number[] {
  const least = (share * height) / 2;
  const heights = parts
    .map(part => Math.max(least, height / part))
    .map(rows => Math.ceil(rows / shape.rowAlign) * shape.rowAlign);
  return [...new Set(heights)].filter(each => each < height);
}

/** Bytes of a result that is used from node `end` on. */
function targetBytes({nodes, heldBytes}: BandGraph, index: number, end: number): number {
  return nodes[index]!.lastUse >= end ? heldBytes[index]! : 0;
}
