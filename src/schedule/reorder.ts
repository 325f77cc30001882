// Independent branches in another order: one in which less is alive at a time.
//
// What is alive depends on which nodes were computed, not on their order: of all orders that lead to the same nodes the
// one with the smallest peak is kept, and of all sets of nodes, as they grow, the best few (Ahn et al., "Ordering Chaos: Memory-Aware
// Scheduling of Irregularly Wired Neural Networks for Edge Devices", MLSys 2020, section 3.1, with a beam instead of all sets).

import type {Graph} from '../graph/graph.js';
import {overwritableValues} from './in-place.js';
import {nodeReads, shapeOf} from './layout.js';
import {elementCount} from './view-math.js';
import {isViewNode} from './views.js';

/** Sets of computed nodes that are followed at a time. */
const BEAM = 32;

/** Nodes that may be next which are looked at, of each set: those that became ready last, and as many of the first. */
const MOST_NEXT = 6;

/** Nodes of a graph whose order is looked at. */
const MOST_NODES = 1024;

const F32_BYTES = 4;

/** The nodes of a graph, what they read and make, by numbers. */
interface Flow {
  /** Values that each node reads; it makes the value `given` + its own number. */
  readonly reads: readonly (readonly number[])[];
  /** Nodes that read each value. */
  readonly readers: readonly (readonly number[])[];
  /** The block that each value lies in: views in that of their input, parts of a concat in the whole. */
  readonly blocks: readonly number[];
  readonly bytes: readonly number[];
  /** Values that each node may write over where they die with it. */
  readonly overwritable: readonly (readonly number[])[];
  /** So many values are there before the first node: the first ones. */
  readonly given: number;
  /** A number for each node; sets are told apart by sums of them. */
  readonly codes: readonly number[];
}

/** What is alive once some nodes were computed, and the most there ever was. */
interface Alive {
  readonly aliveBytes: number;
  readonly peakBytes: number;
}

interface State extends Alive {
  /** Readers of each value that are still to come, and values of each node that are still to be made. */
  readonly wanted: Uint16Array;
  readonly missing: Uint16Array;
  /** Values alive in each block. */
  readonly held: Uint16Array;
  /** Nodes that may be next, in the order in which they came to be. */
  readonly ready: readonly number[];
  /** The sum of the codes of the nodes. */
  readonly key: number;
  readonly last: Computed | null;
}

interface Computed {
  readonly node: number;
  readonly before: Computed | null;
}

/** A state and what is alive once one more node was computed. */
interface Next extends Alive {
  readonly state: State;
  readonly node: number;
}

/**
 * The same graph with its nodes in an order in which fewer bytes are alive at its fullest moment, as far as can be said before it
 * is lowered; null where none was found.
 */
export function reorderBranches(graph: Graph, checkTime?: () => void): Graph | null {
  if (graph.nodes.length > MOST_NODES) return null;
  const flow = flowOf(graph);
  const start = startOf(flow);
  const natural = graph.nodes.reduce(
    (state, _, node) => take(flow, nextOf(flow, state, node)),
    start,
  );
  if (natural.peakBytes <= leastBytes(flow, start)) return null;

  let states = [start];
  for (const _ of graph.nodes) {
    checkTime?.();
    const next = states.flatMap(state => nextFrom(flow, state));
    states = best(flow, next, natural.peakBytes).map(each => take(flow, each));
  }
  const [found] = states;
  if (found === undefined) return null;
  return {...graph, nodes: orderOf(found).map(node => graph.nodes[node]!)};
}

function flowOf(graph: Graph): Flow {
  const {nodes} = graph;
  const given = graph.inputs.length;
  const names = [...graph.inputs, ...nodes.map(({output}) => output)];
  const numbers = new Map(names.map((name, index) => [name, index]));
  const known = (values: readonly string[]) =>
    [...new Set(values)].flatMap(name => numbers.get(name) ?? []);
  const reads = nodes.map(node => known(nodeReads(node)));
  const readers = names.map((): number[] => []);
  reads.forEach((values, node) => {
    for (const value of values) readers[value]!.push(node);
  });
  const blocks = names.map((_, value) => value);
  for (const {operation, inputs, output} of nodes.toReversed()) {
    const whole = blocks[numbers.get(output)!]!;
    if (operation.op !== 'concat') continue;
    for (const part of known(inputs)) if (part >= given) blocks[part] = whole;
  }
  nodes.forEach((node, index) => {
    const [source] = reads[index]!;
    const made = given + index;
    if (isViewNode(node) && source !== undefined && blocks[made] === made)
      blocks[made] = blocks[source]!;
  });
  const results = new Set(known(graph.outputs.map(({value}) => value)));
  return {
    reads,
    readers,
    blocks,
    // Outputs are arrays of their own.
    bytes: names.map((name, value) =>
      results.has(value) ? 0 : elementCount(shapeOf(graph, name)) * F32_BYTES,
    ),
    overwritable: nodes.map(node => known(overwritableValues(node))),
    given,
    codes: nodes.map((_, index) => mix(2 * index + 1) * 2 ** 20 + (mix(2 * index + 2) >>> 12)),
  };
}

/** 32 bits that look like chance. */
function mix(value: number): number {
  let bits = Math.imul(value, 0x9e3779b1);
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

function startOf({reads, readers, blocks, bytes, given}: Flow): State {
  const wanted = Uint16Array.from(readers, ({length}) => length);
  const missing = Uint16Array.from(reads, values => values.filter(value => value >= given).length);
  const held = new Uint16Array(readers.length);
  for (let input = 0; input < given; input++) held[blocks[input]!]!++;
  const aliveBytes = bytes.slice(0, given).reduce((sum, input) => sum + input, 0);
  const ready = reads.flatMap((_, node) => (missing[node] === 0 ? [node] : []));
  return {wanted, missing, held, ready, aliveBytes, peakBytes: aliveBytes, key: 0, last: null};
}

/** No order holds less: what a node reads and makes is there while it runs, and the inputs are at the start. */
function leastBytes(
  {reads, blocks, bytes, overwritable, given}: Flow,
  {aliveBytes}: State,
): number {
  const needs = reads.map((values, node) => {
    const own = new Set(values.map(value => blocks[value]!));
    const sources = [...own].reduce((sum, block) => sum + bytes[block]!, 0);
    const block = blocks[given + node]!;
    return overwritable[node]!.length > 0 || own.has(block) ? sources : sources + bytes[block]!;
  });
  return Math.max(aliveBytes, ...needs);
}

/** What computing a node that is ready does. */
function nextOf(flow: Flow, state: State, node: number): Next {
  const {reads, readers, blocks, bytes, overwritable, given} = flow;
  const {wanted, held} = state;
  const made = given + node;
  const block = blocks[made]!;
  const gone = reads[node]!.filter(value => wanted[value] === 1);
  const added = held[block] === 0 ? bytes[block]! : 0;
  // What nobody reads is an output, or gone.
  if (readers[made]!.length === 0) gone.push(made);
  const targets = new Set(overwritable[node]!.map(value => blocks[value]!));
  let freed = 0;
  let isWrittenOver = false;
  for (const own of new Set(gone.map(value => blocks[value]!))) {
    const left = held[own]! + (own === block ? 1 : 0);
    if (gone.filter(value => blocks[value] === own).length < left) continue;
    freed += bytes[own]!;
    isWrittenOver ||= targets.has(own) && own !== block && bytes[own] === bytes[block];
  }
  const during = state.aliveBytes + (isWrittenOver ? 0 : added);
  return {
    state,
    node,
    aliveBytes: state.aliveBytes + added - freed,
    peakBytes: Math.max(state.peakBytes, during),
  };
}

/** What may come next; only a node that costs nothing, where there is one: later it would be no better. */
function nextFrom(flow: Flow, state: State): Next[] {
  const {ready} = state;
  const next: Next[] = [];
  for (const [index, node] of ready.entries()) {
    if (index >= MOST_NEXT && index < ready.length - MOST_NEXT) continue;
    const after = nextOf(flow, state, node);
    if (after.peakBytes === state.peakBytes && after.aliveBytes <= state.aliveBytes) return [after];
    next.push(after);
  }
  return next;
}

/** The best of what stays below a peak, one for each set of nodes; the first of equals. */
function best(flow: Flow, next: readonly Next[], limitBytes: number): Next[] {
  const found = new Map<number, Next>();
  for (const each of next) {
    const key = keyAfter(flow, each);
    if (each.peakBytes < (found.get(key)?.peakBytes ?? limitBytes)) found.set(key, each);
  }
  return [...found.values()]
    .sort((a, b) => a.peakBytes - b.peakBytes || a.aliveBytes - b.aliveBytes)
    .slice(0, BEAM);
}

function keyAfter({codes}: Flow, {state, node}: Next): number {
  return (state.key + codes[node]!) % 2 ** 52;
}

/** The state once the node was computed. */
function take(flow: Flow, chosen: Next): State {
  const {reads, readers, blocks, given} = flow;
  const {state, node, aliveBytes, peakBytes} = chosen;
  const [wanted, missing, held] = [state.wanted.slice(), state.missing.slice(), state.held.slice()];
  const made = given + node;
  held[blocks[made]!]!++;
  for (const value of reads[node]!) if (--wanted[value]! === 0) held[blocks[value]!]!--;
  if (readers[made]!.length === 0) held[blocks[made]!]!--;
  const freed = readers[made]!.filter(reader => --missing[reader]! === 0);
  return {
    wanted,
    missing,
    held,
    ready: [...state.ready.filter(other => other !== node), ...freed],
    aliveBytes,
    peakBytes,
    key: keyAfter(flow, chosen),
    last: {node, before: state.last},
  };
}

function orderOf({last}: State): number[] {
  const nodes: number[] = [];
  for (let at = last; at !== null; at = at.before) nodes.push(at.node);
  return nodes.reverse();
}
