// How passes rewrite a graph: who makes and who uses a value, and replacing nodes by others.
//
// Graphs given to a pass are never changed. A pass that finds nothing returns the graph it was given.

import type {Tensor} from '../onnx/model.js';
import {GraphEditor} from './editor.js';
import type {Graph, Node, Value} from './graph.js';

/** Who makes and who uses each value of a graph; kept up to date while pairs are replaced. */
export interface Links {
  /** Values and constants as they are; `nodes` are those from before the first replacement. */
  readonly graph: Graph;
  /** Uses by nodes and as outputs of the graph; the same operand twice counts twice. */
  readonly uses: ReadonlyMap<string, number>;
  readonly producers: ReadonlyMap<string, Node>;
  readonly consumers: ReadonlyMap<string, ReadonlySet<Node>>;
}

/** What takes the place of some nodes; the last of `nodes` makes the value they were there for. */
export interface Replacement {
  readonly nodes: readonly Node[];
  readonly values?: readonly Value[];
  readonly constants?: ReadonlyMap<string, Tensor>;
}

/** A node and the only user of its result. */
export interface Pair {
  readonly producer: Node;
  readonly consumer: Node;
  /** Which input of the consumer is the producer's result. */
  readonly input: number;
  readonly links: Links;
}

/** What a pair becomes, or null to leave it; `nodes` ends with the maker of the consumer's output. */
export type PairRule = (pair: Pair) => Replacement | null;

/** The links of a graph that stays as it is. */
export function linksOf(graph: Graph): Links {
  return new GraphEditor(graph).links;
}

export function shapeOf(graph: Graph, name: string): readonly number[] {
  return graph.values.get(name)?.shape ?? graph.constants.get(name)?.dims ?? [];
}

/** The names made for a graph, found by its values. */
interface MadeNames {
  /** The last suffix given to each base. */
  readonly suffixes: Map<string, number>;
  /** What each name was made from. */
  readonly origins: Map<string, string>;
}

const madeNames = new WeakMap<Graph['values'], MadeNames>();

/** A name `origin/part` with a free suffix; `origin` is where it came from itself, so names do not grow. */
export function freshName(graph: Graph, origin: string, part: string): string {
  const made = madeNames.get(graph.values) ?? {suffixes: new Map(), origins: new Map()};
  madeNames.set(graph.values, made);
  const first = made.origins.get(origin) ?? origin;
  const base = `${first}/${part}`;
  let suffix = (made.suffixes.get(base) ?? 0) + 1;
  while (graph.values.has(`${base}/fused${suffix}`)) suffix++;
  made.suffixes.set(base, suffix);
  const name = `${base}/fused${suffix}`;
  made.origins.set(name, first);
  return name;
}

/** Replacements may make this many times the nodes there were: some rules copy a node for every operand. */
const MAX_GROWTH = 4;

/** Applies `rule` to every node and the only user of its result, until nothing changes. */
export function fusePairs(graph: Graph, rule: PairRule): Graph {
  const editor = new GraphEditor(graph);
  const maxNodes = MAX_GROWTH * (graph.nodes.length + 64);
  for (let node = editor.first; node !== undefined; ) {
    // Replacing changes what is possible for nodes already passed; those come first.
    const again: Node[] = [node];
    let next = editor.after(node);
    for (let current = again.pop(); current !== undefined; current = again.pop()) {
      if (editor.position(current) < 0) continue;
      const found = findPair(editor, current, rule);
      if (found === null || editor.size + found.replacement.nodes.length > maxNodes) continue;
      if (current === node) next = editor.after(node);
      editor.replacePair(found.pair, found.replacement);
      again.push(...changedBy(editor, found, next).reverse());
    }
    node = next;
  }
  return editor.result();
}

/** Applies `rule` once to every node. */
export function mapNodes(
  graph: Graph,
  rule: (graph: Graph, node: Node) => Replacement | null,
): Graph {
  const editor = new GraphEditor(graph);
  for (const node of graph.nodes) {
    const replacement = rule(editor.links.graph, node);
    if (replacement !== null) editor.replace([node], node, replacement);
  }
  return editor.result();
}

/** The new nodes, and those before `next` that are now the only users of what the old ones read. */
function changedBy(
  editor: GraphEditor,
  {pair, replacement}: {pair: Pair; replacement: Replacement},
  next: Node | undefined,
): Node[] {
  const end = next === undefined ? Number.POSITIVE_INFINITY : editor.position(next);
  const changed = new Set(replacement.nodes);
  for (const name of [...pair.producer.inputs, ...pair.consumer.inputs]) {
    const users = editor.links.consumers.get(name);
    if (users?.size !== 1) continue;
    for (const user of users) if (editor.position(user) < end) changed.add(user);
  }
  return [...changed].sort((a, b) => editor.position(a) - editor.position(b));
}

function findPair(
  editor: GraphEditor,
  consumer: Node,
  rule: PairRule,
): {pair: Pair; replacement: Replacement} | null {
  const {links} = editor;
  const operands = new Map<string, number>();
  for (const name of consumer.inputs) operands.set(name, (operands.get(name) ?? 0) + 1);
  const candidates: {readonly producer: Node; readonly input: number}[] = [];
  for (const [input, name] of consumer.inputs.entries()) {
    const producer = links.producers.get(name);
    // All uses of the value are operands of this node; one value may be several.
    if (producer !== undefined && links.uses.get(name) === operands.get(name))
      candidates.push({producer, input});
  }
  // The later producer first: then the others are already there when the fused node runs.
  candidates.sort((a, b) => editor.position(b.producer) - editor.position(a.producer));
  for (const {producer, input} of candidates) {
    const pair = {producer, consumer, input, links};
    const replacement = rule(pair);
    if (replacement !== null) return {pair, replacement};
  }
  return null;
}

/** The graph with every use of a key of `names` replaced by its value. */
export function renameUses(graph: Graph, names: ReadonlyMap<string, string>): Graph {
  const rename = (name: string) => names.get(name) ?? name;
  return {
    ...graph,
    nodes: graph.nodes.map(node => renameInputs(node, rename)),
    outputs: graph.outputs.map(output => ({...output, value: rename(output.value)})),
  };
}

/** The node with other inputs, its residual among them. */
export function renameInputs(node: Node, rename: (name: string) => string): Node {
  const inputs = node.inputs.map(rename);
  if (inputs.every((name, index) => name === node.inputs[index])) return node;
  const {operation} = node;
  if (!('epilogue' in operation) || operation.epilogue.residual === undefined)
    return {...node, inputs};
  const epilogue = {...operation.epilogue, residual: rename(operation.epilogue.residual)};
  return {...node, inputs, operation: {...operation, epilogue}};
}
