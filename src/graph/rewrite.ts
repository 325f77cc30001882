// How passes rewrite a graph: who makes and who uses a value, and replacing nodes by others.
//
// Graphs are never changed in place. A pass that finds nothing returns the graph it was given.

import type {Tensor} from '../onnx/model.js';
import type {Graph, Node, Value} from './graph.js';

/** Who makes and who uses each value of a graph. */
export interface Links {
  readonly graph: Graph;
  /** Uses by nodes and as outputs of the graph; the same operand twice counts twice. */
  readonly uses: ReadonlyMap<string, number>;
  readonly producers: ReadonlyMap<string, Node>;
  readonly consumers: ReadonlyMap<string, readonly Node[]>;
  readonly positions: ReadonlyMap<Node, number>;
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

export function linksOf(graph: Graph): Links {
  const uses = new Map<string, number>();
  const producers = new Map<string, Node>();
  const consumers = new Map<string, Node[]>();
  const positions = new Map<Node, number>();
  for (const [position, node] of graph.nodes.entries()) {
    positions.set(node, position);
    producers.set(node.output, node);
    for (const name of node.inputs) uses.set(name, (uses.get(name) ?? 0) + 1);
    for (const name of new Set(node.inputs))
      consumers.set(name, [...(consumers.get(name) ?? []), node]);
  }
  for (const {value} of graph.outputs) uses.set(value, (uses.get(value) ?? 0) + 1);
  return {graph, uses, producers, consumers, positions};
}

export function shapeOf(graph: Graph, name: string): readonly number[] {
  return graph.values.get(name)?.shape ?? graph.constants.get(name)?.dims ?? [];
}

/** `base` with the first free suffix. */
export function freshName(graph: Graph, base: string): string {
  let suffix = 1;
  while (graph.values.has(`${base}/fused${suffix}`)) suffix++;
  return `${base}/fused${suffix}`;
}

/** Applies `rule` to every node and the only user of its result, until nothing changes. */
export function fusePairs(graph: Graph, rule: PairRule): Graph {
  let links = linksOf(graph);
  let index = 0;
  while (index < links.graph.nodes.length) {
    const found = findPair(links, index, rule);
    if (found === null) {
      index++;
      continue;
    }
    const {pair, replacement} = found;
    links = linksOf(replacePair(pair, replacement));
    index = pair.links.positions.get(pair.producer)!;
  }
  return links.graph;
}

function findPair(
  links: Links,
  index: number,
  rule: PairRule,
): {pair: Pair; replacement: Replacement} | null {
  const consumer = links.graph.nodes[index]!;
  const candidates = consumer.inputs
    .map((name, input) => ({producer: links.producers.get(name), input}))
    .filter(({input}) => isOnlyUser(links, consumer, consumer.inputs[input]!));
  // The later producer first: then the others are already there when the fused node runs.
  candidates.sort((a, b) => positionOf(links, b.producer) - positionOf(links, a.producer));
  for (const {producer, input} of candidates) {
    if (producer === undefined) continue;
    const pair = {producer, consumer, input, links};
    const replacement = rule(pair);
    if (replacement !== null) return {pair, replacement};
  }
  return null;
}

/** Whether all uses of `name` are operands of `consumer`; one value may be several. */
function isOnlyUser(links: Links, consumer: Node, name: string): boolean {
  const operands = consumer.inputs.filter(input => input === name);
  return links.uses.get(name) === operands.length;
}

/** -1 for inputs of the graph and constants: they are there from the start. */
function positionOf(links: Links, node: Node | undefined): number {
  return node === undefined ? -1 : links.positions.get(node)!;
}

/** The new nodes stand where the producer stood, or the consumer when they need something in between. */
function replacePair({producer, consumer, links}: Pair, replacement: Replacement): Graph {
  const start = links.positions.get(producer)!;
  const isEarly = replacement.nodes.every(node =>
    node.inputs.every(name => positionOf(links, links.producers.get(name)) < start),
  );
  return replaceNodes(links.graph, [producer, consumer], {
    ...replacement,
    at: isEarly ? producer : consumer,
  });
}

/** Puts `nodes` where `at` stands and takes `removed` out. */
export function replaceNodes(
  graph: Graph,
  removed: readonly Node[],
  replacement: Replacement & {readonly at: Node},
): Graph {
  const {at, nodes, values = [], constants = new Map<string, Tensor>()} = replacement;
  const constantValues = [...constants].map(([name, {dtype, dims}]): [string, Value] => [
    name,
    {name, dtype, shape: dims},
  ]);
  return {
    ...graph,
    nodes: graph.nodes.flatMap(node =>
      node === at ? nodes : removed.includes(node) ? [] : [node],
    ),
    values: new Map([
      ...graph.values,
      ...values.map((value): [string, Value] => [value.name, value]),
      ...constantValues,
    ]),
    constants: new Map([...graph.constants, ...constants]),
  };
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

function renameInputs(node: Node, rename: (name: string) => string): Node {
  const inputs = node.inputs.map(rename);
  if (inputs.every((name, index) => name === node.inputs[index])) return node;
  const {operation} = node;
  if (!('epilogue' in operation) || operation.epilogue.residual === undefined)
    return {...node, inputs};
  const epilogue = {...operation.epilogue, residual: rename(operation.epilogue.residual)};
  return {...node, inputs, operation: {...operation, epilogue}};
}
