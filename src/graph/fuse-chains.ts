// Joins neighbouring elementwise nodes into chains, so that nothing in between is written.

import {gateOf} from './fuse-gates.js';
import {unaryOperation} from './fuse-match.js';
import {type ChainOp, type Graph, MAX_CHAIN_INPUTS, MAX_CHAIN_OPS, type Node} from './graph.js';
import {fusePairs, type Pair, type Replacement, shapeOf} from './rewrite.js';
import {sameShape} from './shapes.js';

/** Joins chains over one value, as x * clip(x + 3), and names the functions these spell out. */
export function fuseGates(graph: Graph): Graph {
  const joined = fusePairs(graph, pair => joinPair(pair, 1));
  const nodes = joined.nodes.map(nameGate);
  return nodes.some((node, index) => node !== joined.nodes[index]) ? {...joined, nodes} : joined;
}

/** Joins every chain with the chain that is its only user. */
export function fuseChains(graph: Graph): Graph {
  return fusePairs(graph, pair => joinPair(pair, MAX_CHAIN_INPUTS));
}

/** Only values of one shape: a smaller intermediate would be computed again for every repetition. */
function joinPair({producer, consumer, links}: Pair, maxInputs: number): Replacement | null {
  if (producer.operation.op !== 'chain' || consumer.operation.op !== 'chain') return null;
  const {graph} = links;
  if (!sameShape(shapeOf(graph, producer.output), shapeOf(graph, consumer.output))) return null;
  const rest = consumer.inputs.filter(name => name !== producer.output);
  const inputs = [...new Set([...producer.inputs, ...rest])];
  const first = producer.operation.ops;
  const second = consumer.operation.ops;
  if (inputs.length > maxInputs || first.length + second.length > MAX_CHAIN_OPS) return null;

  const results = new Map([[producer.output, inputs.length + first.length - 1]]);
  const ops = [
    ...renumber(first, producer.inputs, {inputs, results: new Map(), start: 0}),
    ...renumber(second, consumer.inputs, {inputs, results, start: first.length}),
  ];
  return {nodes: [{...consumer, operation: {op: 'chain', ops}, inputs}]};
}

interface Joined {
  readonly inputs: readonly string[];
  /** Operands that are results of the joined chain by now. */
  readonly results: ReadonlyMap<string, number>;
  /** Position of the first operation in the joined chain. */
  readonly start: number;
}

/** The operations of a chain over `names` as part of a longer one. */
function renumber(ops: readonly ChainOp[], names: readonly string[], joined: Joined): ChainOp[] {
  const {inputs, results, start} = joined;
  const operand = (index: number): number => {
    const name = names[index];
    if (name === undefined) return inputs.length + start + index - names.length;
    return results.get(name) ?? inputs.indexOf(name);
  };
  return ops.map(({fn, a, b, c}) => ({
    fn,
    a: operand(a),
    b: fn.kind === 'unary' ? 0 : operand(b),
    ...(c === undefined ? {} : {c: operand(c)}),
  }));
}

function nameGate(node: Node): Node {
  const {operation, inputs} = node;
  if (operation.op !== 'chain' || inputs.length !== 1) return node;
  const activation = gateOf(operation.ops);
  return activation === null ? node : {...node, operation: unaryOperation(activation)};
}
