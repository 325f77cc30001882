// Turns functions of a value and a scalar constant into functions of the value, and composes these.

import {type Activation, type BinaryFunction, IDENTITY} from './functions.js';
import {scalarConstant, singleStep, unaryOperation} from './fuse-match.js';
import type {Graph, Node} from './graph.js';
import {fusePairs, type Pair, type Replacement} from './rewrite.js';

/** x*2, x+1, 3-x and x/4 become affine, min and max clip, a PRelu of one slope leakyRelu. */
export function foldScalars(graph: Graph): Graph {
  const nodes = graph.nodes.map(node => foldScalar(graph, node));
  const isChanged = nodes.some((node, index) => node !== graph.nodes[index]);
  return composeUnary(isChanged ? {...graph, nodes} : graph);
}

function foldScalar(graph: Graph, node: Node): Node {
  for (const [index, input] of node.inputs.entries()) {
    const step = singleStep(graph, node, index);
    if (step?.kind !== 'binary') continue;
    const scalar = scalarConstant(graph, step.other);
    if (scalar === null) continue;
    const activation = scalarFunction(step.fn, step.isLeft, scalar);
    if (activation === null) continue;
    return {...node, operation: unaryOperation(activation), inputs: [input]};
  }
  return node;
}

/** fn(x, scalar), or fn(scalar, x) when x is not the left operand; null when there is no such function. */
function scalarFunction(fn: BinaryFunction, isLeft: boolean, scalar: number): Activation | null {
  switch (fn) {
    case 'add':
      return affine(1, scalar);
    case 'sub':
      return isLeft ? affine(1, -scalar) : affine(-1, scalar);
    case 'mul':
      return affine(scalar, 0);
    case 'div':
      return isLeft && scalar !== 0 ? affine(1 / scalar, 0) : null;
    case 'min':
      return {fn: 'clip', alpha: Number.NEGATIVE_INFINITY, beta: scalar};
    case 'max':
      return {fn: 'clip', alpha: scalar, beta: Number.POSITIVE_INFINITY};
    case 'prelu':
      return isLeft ? {fn: 'leakyRelu', alpha: scalar, beta: 0} : null;
    case 'pow':
      return isLeft && scalar === 1 ? IDENTITY : null;
    default:
      return null;
  }
}

/** Joins neighbouring affine functions, and neighbouring clips. */
function composeUnary(graph: Graph): Graph {
  return fusePairs(graph, composePair);
}

function composePair({producer, consumer, input, links}: Pair): Replacement | null {
  const inner = singleStep(links.graph, producer, 0);
  const outer = singleStep(links.graph, consumer, input);
  if (inner?.kind !== 'unary' || outer?.kind !== 'unary') return null;
  const activation = compose(inner.activation, outer.activation);
  if (activation === null) return null;
  return {nodes: [{...consumer, operation: unaryOperation(activation), inputs: producer.inputs}]};
}

function compose(inner: Activation, outer: Activation): Activation | null {
  if (inner.fn === 'affine' && outer.fn === 'affine') {
    return affine(inner.alpha * outer.alpha, inner.beta * outer.alpha + outer.beta);
  }
  const [first, second] = [clipBounds(inner), clipBounds(outer)];
  if (first === null || second === null) return null;
  const [low, high] = first.map(bound => Math.min(Math.max(bound, second[0]), second[1]));
  return {fn: 'clip', alpha: low!, beta: high!};
}

/** Bounds of a relu or a clip that are in order. */
function clipBounds({fn, alpha, beta}: Activation): readonly [number, number] | null {
  if (fn === 'relu') return [0, Number.POSITIVE_INFINITY];
  return fn === 'clip' && alpha <= beta ? [alpha, beta] : null;
}

function affine(alpha: number, beta: number): Activation {
  return {fn: 'affine', alpha, beta};
}
