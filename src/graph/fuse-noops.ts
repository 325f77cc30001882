// Takes out what nobody asks for and what does nothing.

import type {Graph, Node} from './graph.js';
import {renameUses, shapeOf} from './rewrite.js';
import {sameShape} from './shapes.js';

/** Drops nodes, values and constants that no output depends on; inputs stay. */
export function removeDead(graph: Graph): Graph {
  const needed = new Set(graph.outputs.map(output => output.value));
  const nodes: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!needed.has(node.output)) continue;
    nodes.push(node);
    for (const name of node.inputs) needed.add(name);
  }
  const constants = new Map([...graph.constants].filter(([name]) => needed.has(name)));
  for (const name of graph.inputs) needed.add(name);
  const values = new Map([...graph.values].filter(([name]) => needed.has(name)));
  const isSame =
    nodes.length === graph.nodes.length &&
    values.size === graph.values.size &&
    constants.size === graph.constants.size;
  if (isSame) return graph;
  return {...graph, nodes: nodes.reverse(), values, constants};
}

/** Reads through nodes whose result is their input, element for element; they become dead. */
export function removeNoops(graph: Graph): Graph {
  const names = new Map<string, string>();
  for (const node of graph.nodes) {
    const [input] = node.inputs;
    if (input === undefined || !isNoop(graph, node)) continue;
    names.set(node.output, names.get(input) ?? input);
  }
  return names.size === 0 ? graph : removeDead(renameUses(graph, names));
}

function isNoop(graph: Graph, {operation, inputs, output}: Node): boolean {
  const shape = shapeOf(graph, output);
  if (!sameShape(shapeOf(graph, inputs[0]!), shape)) return false;
  switch (operation.op) {
    case 'reshape':
    case 'expand':
      return true;
    case 'transpose':
      return operation.perm.every((from, axis) => from === axis);
    case 'slice':
      return operation.steps.every((step, axis) => step === 1 || shape[axis] === 1);
    case 'pad':
      return [...operation.begin, ...operation.end].every(size => size === 0);
    case 'concat':
      return inputs.length === 1;
    case 'resize':
      return operation.axes.every(axis => axis.taps === 0);
    case 'chain': {
      const [step, ...rest] = operation.ops;
      return rest.length === 0 && step?.fn.kind === 'unary' && step.fn.activation.fn === 'identity';
    }
    default:
      return false;
  }
}

/** Reads a transpose of a transpose, or a reshape of a reshape, from the first one's input. */
export function composeRearranging(graph: Graph): Graph {
  const nodes: Node[] = [];
  const producers = new Map(graph.nodes.map(node => [node.output, node]));
  for (const node of graph.nodes) {
    const inner = producers.get(node.inputs[0] ?? '');
    const composed = inner === undefined ? node : compose(node, inner);
    nodes.push(composed);
    producers.set(node.output, composed);
  }
  const isChanged = nodes.some((node, index) => node !== graph.nodes[index]);
  return isChanged ? removeDead({...graph, nodes}) : graph;
}

function compose(outer: Node, inner: Node): Node {
  const [first, second] = [inner.operation, outer.operation];
  if (first.op === 'reshape' && second.op === 'reshape') return {...outer, inputs: inner.inputs};
  if (first.op !== 'transpose' || second.op !== 'transpose') return outer;
  const perm = second.perm.map(axis => first.perm[axis]!);
  return {...outer, inputs: inner.inputs, operation: {op: 'transpose', perm}};
}
