// A graph as bands see it: nodes by number, rows and bytes of their results, and what each reads.

import type {Graph, Node} from '../../graph/graph.js';
import {nodeReads, shapeOf} from '../layout.js';
import {elementCount} from '../view-math.js';
import {isAlone, isViewNode, replacedBy} from '../views.js';
import {type Overlay, overlaysOf} from './overlay.js';
import {type InputRows, inputRows, ROW_AXIS} from './rows.js';

/** How a convolution is computed in the plan without bands; its bands do the same, so that they add the same numbers. */
export interface BandShape {
  /** Rows of the output that are computed together: bands are cut between them. */
  readonly rowAlign: number;
  /** Scratch in the arena for all rows, bytes. */
  readonly scratchBytes: number;
  /** Bytes of the packed weights. */
  readonly weightBytes: number;
  /** Whether outputs are written before all of their taps are summed. */
  readonly isSwept: boolean;
}

/** How far rows of a result reach into an input; mirrored borders make them come in any order. */
export interface Reach {
  /** The first row that row r of the result or a later one needs. */
  readonly starts: Int32Array;
  /** The end of the rows that the first r rows of the result need. */
  readonly ends: Int32Array;
}

/** Where rows of a result may be cut: at multiples of `align` from `first` to `last`. */
export interface Cuts {
  readonly align: number;
  readonly first: number;
  readonly last: number;
}

export interface BandNode {
  readonly node: Node;
  /** Rows of the result; 0 where it is no map. */
  readonly height: number;
  /** Maps of the result. */
  readonly batch: number;
  readonly rowBytes: number;
  /** Bytes of a row of the input of the graph that has to be copied for it, channels last; 0 where none has to. */
  readonly copiedRowBytes: number;
  /** Bytes of the result; 0 where it only is another look at the input. */
  readonly bytes: number;
  readonly isView: boolean;
  /** What it reads of each input; null when the node is computed whole. */
  readonly needs: readonly InputRows[] | null;
  readonly reach: readonly (Reach | null)[];
  /** The node that makes each input; -1 for inputs of the graph and constants. */
  readonly producers: readonly number[];
  /** The last node that reads the result, through views as well; the number of nodes when it is handed out. */
  readonly lastUse: number;
  /** Nodes that read the result, themselves. */
  readonly consumers: readonly {readonly index: number; readonly input: number}[];
  readonly shape: BandShape;
  readonly cuts: Cuts;
}

export interface BandGraph {
  readonly graph: Graph;
  readonly nodes: readonly BandNode[];
  /** Bytes and last use of each input of the graph. */
  readonly inputs: readonly {readonly bytes: number; readonly lastUse: number}[];
  /** What each node may lie over; null where there is nothing. */
  readonly overlays: readonly (Overlay | null)[];
  /** The node that computes its elements in the place of those of each node; -1 for none. */
  readonly successors: readonly number[];
  /** Bytes of each result while it waits for its readers: of what it may lie over, where that is more. */
  readonly heldBytes: readonly number[];
}

/** Rows of all maps that are looked at one by one; maps that come after stay whole. */
const MOST_ROWS = 2 ** 21;

const PLAIN: BandShape = {rowAlign: 1, scratchBytes: 0, weightBytes: 0, isSwept: false};

/** What nodes need of their inputs; nodes that several graphs share are looked at once. */
export type KnownNeeds = Map<Node, Pick<BandNode, 'needs' | 'reach'>>;

export interface BandOptions {
  readonly known?: KnownNeeds;
  /** Whether a value that could be another look at its input is copied, for how that lies. */
  readonly isCopied?: (value: string) => boolean;
}

/** Numbers the nodes of `graph`; `shapes` has its convolutions by the value they compute. */
export function bandGraph(
  graph: Graph,
  shapes: ReadonlyMap<string, BandShape>,
  {known = new Map(), isCopied = () => false}: BandOptions = {},
): BandGraph {
  const numbers = new Map(graph.nodes.map(({output}, index) => [output, index]));
  const consumers = graph.nodes.map((): {index: number; input: number}[] => []);
  const readers = new Map<string, number[]>();
  graph.nodes.forEach((node, index) => {
    node.inputs.forEach((name, input) => {
      consumers[numbers.get(name) ?? -1]?.push({index, input});
    });
    for (const name of nodeReads(node)) readers.set(name, [...(readers.get(name) ?? []), index]);
  });
  const isLook = (node: Node) => isViewNode(node) && !isCopied(node.output);
  const lastUses = lastUsesOf(graph, readers, isLook);
  let rowsLeft = MOST_ROWS;
  const nodes: BandNode[] = [];
  graph.nodes.forEach((node, index) => {
    const shape = shapeOf(graph, node.output);
    const bytes = elementCount(shape) * 4;
    const isMap = shape.length === 4 && node.operation.op !== 'moments';
    const height = rowsOf(graph, node);
    const isView = isLook(node);
    const bandShape = shapes.get(node.output) ?? PLAIN;
    const isCut = bytes > 0 && bandShape.rowAlign * 2 <= height;
    const {needs, reach} =
      isCut && height <= rowsLeft ? needsOf(graph, node, {height, known}) : NO_NEEDS;
    if (needs !== null) rowsLeft -= height;
    const producers = node.inputs.map(name => numbers.get(name) ?? -1);
    nodes.push({
      node,
      height,
      batch: isMap ? shape[0]! : 1,
      rowBytes: isMap ? bytes / shape[ROW_AXIS]! : 0,
      copiedRowBytes: copiedRowBytes(graph, node),
      bytes: isView ? 0 : bytes,
      isView,
      needs,
      reach,
      producers,
      lastUse: lastUses.get(node.output) ?? index,
      consumers: consumers[index]!,
      shape: bandShape,
      cuts: followedCuts(nodes, node, {producers, height}) ?? {
        align: bandShape.rowAlign,
        ...tapRows(graph, node, height),
      },
    });
  });
  const inputs = graph.inputs.map(name => ({
    bytes: elementCount(shapeOf(graph, name)) * 4,
    lastUse: lastUses.get(name) ?? 0,
  }));
  const overlays = overlaysOf({graph, nodes});
  // What lies over something else is written there only when that is no longer needed.
  const successors = successorsOf(graph, nodes).map(next => (overlays[next] ? -1 : next));
  return {graph, nodes, inputs, overlays, successors, heldBytes: heldBytesOf(nodes, overlays)};
}

const NO_NEEDS = {needs: null, reach: []};

function needsOf(
  graph: Graph,
  node: Node,
  {height, known}: {readonly height: number; readonly known: KnownNeeds},
): Pick<BandNode, 'needs' | 'reach'> {
  const found = known.get(node);
  if (found !== undefined) return found;
  const needs = inputRows(graph, node);
  const reach = (needs ?? []).map(need => (need === 'all' ? null : reachOf(need, height)));
  known.set(node, {needs, reach});
  return {needs, reach};
}

/** Convolutions want channels last, which inputs of the graph are not; a single channel is either. */
function copiedRowBytes(graph: Graph, {operation, inputs}: Node): number {
  const [first] = inputs;
  if (operation.op !== 'conv' || !graph.inputs.includes(first!)) return 0;
  const shape = shapeOf(graph, first!);
  return shape[1] === 1 ? 0 : (elementCount(shape) / (shape[ROW_AXIS] ?? 1)) * 4;
}

/** What works element by element is cut where its coarsest input is, so that nothing of that waits for the next band. */
function followedCuts(
  nodes: readonly BandNode[],
  {operation: {op}}: Node,
  {producers, height}: {readonly producers: readonly number[]; readonly height: number},
): Cuts | null {
  if (op !== 'chain' && op !== 'instanceNorm' && op !== 'moments') return null;
  return producers
    .flatMap(producer => nodes[producer] ?? [])
    .filter(producer => producer.height === height)
    .reduce<Cuts | null>(
      (coarsest, {cuts}) => (coarsest === null || cuts.align > coarsest.align ? cuts : coarsest),
      null,
    );
}

function successorsOf(graph: Graph, nodes: readonly BandNode[]): number[] {
  const successors = nodes.map(() => -1);
  nodes.forEach(({node, producers}, index) => {
    const producerOf = (name: string) => producers[node.inputs.indexOf(name)]!;
    const name = replacedBy(graph, node, each => {
      const producer = nodes[producerOf(each)];
      return producer?.consumers.length === 1 && isAlone(producer.node);
    });
    if (name !== null) successors[producerOf(name)] = index;
  });
  return successors;
}

/** What is handed out lies in memory of its own. */
function heldBytesOf(
  nodes: readonly BandNode[],
  overlays: readonly (Overlay | null)[],
): readonly number[] {
  const held: number[] = [];
  nodes.forEach(({bytes, lastUse}, index) => {
    const over = overlays[index]?.over;
    const place = over === undefined ? 0 : held[over]!;
    held.push(lastUse === nodes.length ? 0 : Math.max(bytes, place));
  });
  return held;
}

/**
 * Cuts that leave every tap some row inside the input, above and below: a band without would drop it, and compute and pack
 * its weights otherwise.
 */
function tapRows(
  graph: Graph,
  {operation, inputs}: Node,
  height: number,
): Pick<Cuts, 'first' | 'last'> {
  if (operation.op !== 'conv' || height === 0) return {first: 1, last: height - 1};
  const {transposed, kernel, strides, dilations, padBegin} = operation.geometry;
  const [stride, pad] = [strides[0]!, padBegin[0]!];
  const reach = (kernel[0]! - 1) * dilations[0]!;
  const inputHeight = shapeOf(graph, inputs[0]!)[ROW_AXIS]!;
  return transposed
    ? {
        first: Math.max(1, reach - pad + stride),
        last: (inputHeight - 1) * stride - pad - stride + 1,
      }
    : {
        first: Math.max(1, Math.ceil(pad / stride) + 1),
        last: Math.min(height - 1, Math.floor((inputHeight - 1 + pad - reach) / stride)),
      };
}

/** The nearest cut that has at least `rows` before it. */
export function cutAfter({cuts: {align, first, last}, height}: BandNode, rows: number): number {
  if (rows <= 0) return 0;
  const cut = Math.ceil(Math.max(rows, first) / align) * align;
  return cut > last ? height : cut;
}

/** The nearest cut that has at most `rows` before it. */
export function cutBefore({cuts: {align, first, last}, height}: BandNode, rows: number): number {
  if (rows >= height) return height;
  const cut = Math.floor(Math.min(rows, last) / align) * align;
  return cut < first ? 0 : cut;
}

function reachOf(need: Exclude<InputRows, 'all'>, height: number): Reach {
  const each = Array.from({length: height}, (_, row) => need({start: row, end: row + 1}));
  const starts = new Int32Array(height + 1).fill(2 ** 31 - 1);
  const ends = new Int32Array(height + 1);
  each.forEach(({end}, row) => {
    ends[row + 1] = Math.max(ends[row]!, end);
  });
  for (let row = height - 1; row >= 0; row--)
    starts[row] = Math.min(starts[row + 1]!, each[row]!.start);
  return {starts, ends};
}

/** Rows that a node goes through: those of its result, of a map whose moments it makes; 0 where there are none. */
function rowsOf(graph: Graph, {operation, inputs, output}: Node): number {
  const shape = shapeOf(graph, operation.op === 'moments' ? inputs[0]! : output);
  return shape.length === 4 ? shape[ROW_AXIS]! : 0;
}

/** The last reader of every value; who reads a view reads what it looks at. */
function lastUsesOf(
  graph: Graph,
  readers: ReadonlyMap<string, number[]>,
  isView: (node: Node) => boolean,
): Map<string, number> {
  const last = new Map<string, number>();
  for (const {value} of graph.outputs) last.set(value, graph.nodes.length);
  const extend = (name: string, index: number) => {
    if (index > (last.get(name) ?? -1)) last.set(name, index);
  };
  for (const [name, indices] of readers) extend(name, Math.max(...indices));
  for (const node of [...graph.nodes].reverse()) {
    const use = last.get(node.output);
    if (isView(node) && use !== undefined && use < graph.nodes.length) extend(node.inputs[0]!, use);
  }
  return last;
}
