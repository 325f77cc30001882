// Recognises a normalisation that a model spells out: (x - mean) / sqrt(mean((x - mean)^2) + epsilon).
//
// One node reads x twice; the eight operations it replaces read and write it a dozen times. Over the spatial axes it
// is an instance normalisation, whose scale, bias and activation go into it afterwards.

import type {BinaryFunction, UnaryFunction} from './functions.js';
import {IDENTITY} from './functions.js';
import {channelConstant, type OperationOf, scalarConstant, singleStep} from './fuse-match.js';
import type {Graph, Node, Operation} from './graph.js';
import {type Links, linksOf, shapeOf} from './rewrite.js';
import {sameShape} from './shapes.js';

/** Replaces every division that ends such a chain; what led to it is dead unless something else reads it. */
export function fuseNormalization(graph: Graph): Graph {
  const links = linksOf(graph);
  const nodes = graph.nodes.map(node => normalized(links, node) ?? node);
  return nodes.some((node, index) => node !== graph.nodes[index]) ? {...graph, nodes} : graph;
}

/** Scale and bias are written out for every channel. */
const MAX_CHANNELS = 2 ** 16;

function normalized(links: Links, node: Node): Node | null {
  for (const {centred, variance} of quotients(links, node)) {
    const raised = unary(links, variance, 'affine');
    if (raised === null || raised.alpha !== 1) continue;
    const squares = reduction(links, raised.input);
    if (squares === null) continue;
    const deviation = squareRoots(links, squares);
    const x = deviation.map(name => centredValue(links, name, squares.axes));
    const origin = centredValue(links, centred, squares.axes);
    if (origin === null || x[0] !== origin) continue;
    const shape = shapeOf(links.graph, origin);
    if (!sameShape(shape, shapeOf(links.graph, node.output))) continue;
    const {axes} = squares;
    const epsilon = raised.beta;
    const isNorm = isOverSpace(links, node, axes) && shape[1]! <= MAX_CHANNELS;
    const operation: Operation = isNorm
      ? instanceNormOperation(shape[1]!, epsilon)
      : {op: 'standardize', axes, epsilon};
    return {...node, operation, inputs: [origin]};
  }
  return null;
}

/**
 * Whether `axes` are those behind the channels of a map. The last of three axes may as well be the features of a
 * list of tokens: only a scale or shift per channel tells.
 */
function isOverSpace({graph, consumers}: Links, {output}: Node, axes: readonly number[]): boolean {
  const shape = shapeOf(graph, output);
  const rank = shape.length;
  const isMap = (rank === 3 || rank === 4) && axes[0] === 2 && axes.length === rank - 2;
  if (!isMap || rank === 4) return isMap;
  return [...(consumers.get(output) ?? [])].some(user => {
    const step = singleStep(graph, user, user.inputs.indexOf(output));
    if (step?.kind !== 'binary' || scalarConstant(graph, step.other) !== null) return false;
    return channelConstant(graph, step.other, shape, 1) !== null;
  });
}

function instanceNormOperation(channels: number, epsilon: number): Operation {
  return {
    op: 'instanceNorm',
    epsilon,
    scale: new Float32Array(channels).fill(1),
    bias: new Float32Array(channels),
    epilogue: {activation: IDENTITY},
  };
}

/** What `node` divides by the square root of what, in each way it can be read. */
function quotients(links: Links, node: Node): {centred: string; variance: string}[] {
  const division = binaryStep(node, 'div');
  if (division !== null) {
    const root = rootOf(links, division[1]);
    return root === null ? [] : [{centred: division[0], variance: root}];
  }
  const product = binaryStep(node, 'mul');
  if (product === null) return [];
  return [product, [product[1], product[0]] as const].flatMap(([centred, factor]) => {
    const inverse = unary(links, factor, 'reciprocal');
    const root = inverse === null ? null : rootOf(links, inverse.input);
    const variance = root ?? power(links, factor, -0.5);
    return variance === null ? [] : [{centred, variance}];
  });
}

function rootOf(links: Links, name: string): string | null {
  return unary(links, name, 'sqrt')?.input ?? power(links, name, 0.5);
}

/** The base of name = base ^ exponent. */
function power(links: Links, name: string, exponent: number): string | null {
  const step = producedBy(links, name, 'pow');
  return step !== null && scalarConstant(links.graph, step[1]) === exponent ? step[0] : null;
}

/** The values whose square `squares` averages: one, or none. */
function squareRoots(links: Links, {input}: Reduction): string[] {
  const product = producedBy(links, input, 'mul');
  if (product !== null && product[0] === product[1]) return [product[0]];
  const base = power(links, input, 2);
  return base === null ? [] : [base];
}

/** The x of name = x - mean(x), where the mean is over `axes` and keeps them. */
function centredValue(links: Links, name: string, axes: readonly number[]): string | null {
  const difference = producedBy(links, name, 'sub');
  if (difference === null) return null;
  const [x, mean] = difference;
  const average = reduction(links, mean);
  const isMean =
    average !== null &&
    average.input === x &&
    sameShape(average.axes, axes) &&
    shapeOf(links.graph, mean).length === shapeOf(links.graph, x).length;
  return isMean ? x : null;
}

interface Reduction {
  readonly input: string;
  readonly axes: readonly number[];
}

function reduction(links: Links, name: string): Reduction | null {
  const node = links.producers.get(name);
  if (node?.operation.op !== 'reduce' || node.operation.fn !== 'mean') return null;
  return {input: node.inputs[0]!, axes: node.operation.axes};
}

function unary(
  links: Links,
  name: string,
  fn: UnaryFunction,
): {input: string; alpha: number; beta: number} | null {
  const node = links.producers.get(name);
  const step = node && onlyStep(node.operation);
  if (node === undefined || step?.fn.kind !== 'unary' || step.fn.activation.fn !== fn) return null;
  const {alpha, beta} = step.fn.activation;
  return {input: node.inputs[step.a]!, alpha, beta};
}

function producedBy(
  links: Links,
  name: string,
  fn: BinaryFunction,
): readonly [string, string] | null {
  const node = links.producers.get(name);
  return node === undefined ? null : binaryStep(node, fn);
}

/** The operands of a node that is this one function. */
function binaryStep(
  {operation, inputs}: Node,
  fn: BinaryFunction,
): readonly [string, string] | null {
  const step = onlyStep(operation);
  if (step?.fn.kind !== 'binary' || step.fn.fn !== fn) return null;
  return [inputs[step.a]!, inputs[step.b]!];
}

function onlyStep(operation: Operation): OperationOf<'chain'>['ops'][number] | null {
  return operation.op === 'chain' && operation.ops.length === 1 ? operation.ops[0]! : null;
}
