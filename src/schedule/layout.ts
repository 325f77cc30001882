// The order in which every value should lie in memory, before anything is placed.
//
// Convolution-like operations want and produce channels last. A wish travels backwards through operations that
// keep the shape; where nobody wishes, a value lies like the largest input of its node.

import type {Graph, Node} from '../graph/graph.js';
import {
  broadcastView,
  channelsLast,
  denseView,
  elementCount,
  identityOrder,
  type Order,
  reshapeOrder,
  reshapeView,
  viewOrder,
} from './view-math.js';

/** A node's inputs and, when the node does not list it among them, its residual. */
export function nodeReads(node: Node): string[] {
  const {operation} = node;
  const residual = 'epilogue' in operation ? operation.epilogue.residual : undefined;
  return residual === undefined || node.inputs.includes(residual)
    ? [...node.inputs]
    : [...node.inputs, residual];
}

/** The shape of any value, constants included. */
export function shapeOf(graph: Graph, name: string): readonly number[] {
  return graph.values.get(name)?.shape ?? graph.constants.get(name)!.dims;
}

/** Chooses the memory order of every value; the convolutions that compute `planar` take any. */
export function planOrders(graph: Graph, planar: ReadonlySet<string>): Map<string, Order> {
  const wishes = collectWishes(graph, planar);
  const orders = new Map<string, Order>();
  for (const name of [...graph.inputs, ...graph.constants.keys()])
    orders.set(name, identityOrder(shapeOf(graph, name).length));
  for (const node of graph.nodes)
    orders.set(
      node.output,
      outputOrder(graph, node, {orders, planar, wish: wishes.get(node.output)}),
    );
  return orders;
}

/** What the consumers of each value would like; those that need it beat those that only pass a wish on. */
function collectWishes(graph: Graph, planar: ReadonlySet<string>): Map<string, Order> {
  const needs = new Map<string, Order>();
  const hopes = new Map<string, Order>();
  for (const node of [...graph.nodes].reverse()) {
    if (planar.has(node.output)) continue;
    const need = neededOrder(graph, node);
    for (const name of mapReads(node)) {
      if (need !== null) {
        needs.set(name, need);
        continue;
      }
      const hope = inputWish(graph, {
        node,
        name,
        wish: needs.get(node.output) ?? hopes.get(node.output),
      });
      if (hope !== null) hopes.set(name, hope);
    }
  }
  return new Map([...hopes, ...needs]);
}

/** What a node reads as its output lies; weights computed at run time are copied from any order, grids read from any. */
function mapReads(node: Node): string[] {
  const {op} = node.operation;
  if (op === 'gridSample' || op === 'moments') return [node.inputs[0]!];
  if (op === 'instanceNorm' && node.operation.rows !== undefined)
    return nodeReads(node).filter((_, input) => input !== 1);
  if (node.operation.op !== 'dynamicConv') return nodeReads(node);
  const {residual} = node.operation.epilogue;
  return [node.inputs[0]!, ...(residual === undefined ? [] : [residual])];
}

/** The order an operation cannot do without, for all of its maps; null when any will do. */
function neededOrder(graph: Graph, node: Node): Order | null {
  const rank = shapeOf(graph, node.output).length;
  switch (node.operation.op) {
    case 'conv':
    case 'dynamicConv':
    case 'pool':
    case 'resize':
    case 'gridSample':
    case 'instanceNorm':
      return channelsLast(rank);
    case 'moments':
      return channelsLast(4);
    case 'gemm':
      return identityOrder(rank);
    default:
      return null;
  }
}

function inputWish(
  graph: Graph,
  {node, name, wish}: {node: Node; name: string; wish: Order | undefined},
): Order | null {
  const shape = shapeOf(graph, name);
  if (node.operation.op === 'matmul') return identityOrder(shape.length);
  if (wish === undefined) return null;

  switch (node.operation.op) {
    case 'transpose': {
      const {perm} = node.operation;
      return wish.map(dim => perm[dim]!);
    }
    case 'reshape': {
      const view = reshapeView(denseView(0, shapeOf(graph, node.output), wish), shape);
      return view === null ? null : viewOrder(view);
    }
    case 'reduce':
    case 'gatherIndexed':
    case 'scatterIndexed':
    case 'argReduce':
      return null;
    default:
      return shape.length === wish.length ? wish : null;
  }
}

function outputOrder(
  graph: Graph,
  node: Node,
  known: {
    orders: ReadonlyMap<string, Order>;
    planar: ReadonlySet<string>;
    wish: Order | undefined;
  },
): Order {
  const {orders, planar, wish} = known;
  const shape = shapeOf(graph, node.output);
  if (planar.has(node.output)) {
    const rank = shape.length;
    return wish ?? residualOrder(node, {orders, rank}) ?? identityOrder(rank);
  }
  const input =
    node.operation.op === 'chain' || node.operation.op === 'concat'
      ? largestInput(graph, node)
      : node.inputs[0]!;
  const inputShape = shapeOf(graph, input);
  const inputOrder = orders.get(input)!;

  switch (node.operation.op) {
    case 'transpose': {
      const {perm} = node.operation;
      return inputOrder.map(dim => perm.indexOf(dim));
    }
    case 'reshape': {
      const source = denseView(0, inputShape, inputOrder);
      const view = reshapeView(source, shape);
      return view === null ? (wish ?? reshapeOrder(source, shape)) : viewOrder(view);
    }
    case 'slice':
      return inputOrder;
    case 'expand':
      return viewOrder(broadcastView(denseView(0, inputShape, inputOrder), shape));
    case 'reduce':
      return reducedOrder(inputOrder, {axes: node.operation.axes, rank: shape.length});
    case 'argReduce':
      return reducedOrder(inputOrder, {axes: [node.operation.axis], rank: shape.length});
    case 'matmul':
    case 'gatherIndexed':
    case 'scatterIndexed':
    case 'moments':
      return identityOrder(shape.length);
    case 'conv':
    case 'dynamicConv':
    case 'pool':
    case 'resize':
    case 'gridSample':
    case 'instanceNorm':
    case 'gemm':
      return neededOrder(graph, node)!;
    default:
      return wish ?? alignOrder(inputOrder, shape.length);
  }
}

/** The order of what the epilogue adds, so that the sum can overwrite it; undefined when there is none. */
function residualOrder(
  {operation}: Node,
  {orders, rank}: {orders: ReadonlyMap<string, Order>; rank: number},
): Order | undefined {
  const isConv = operation.op === 'conv' || operation.op === 'dynamicConv';
  const residual = isConv ? operation.epilogue.residual : undefined;
  const order = residual === undefined ? undefined : orders.get(residual);
  return order?.length === rank ? order : undefined;
}

/** Kept dimensions stay in the order they have in the input. */
function reducedOrder(
  inputOrder: Order,
  {axes, rank}: {axes: readonly number[]; rank: number},
): Order {
  if (rank === inputOrder.length) return inputOrder;
  const kept = identityOrder(inputOrder.length).filter(dim => !axes.includes(dim));
  return inputOrder.filter(dim => kept.includes(dim)).map(dim => kept.indexOf(dim));
}

/** The order of a value that gained leading dimensions. */
function alignOrder(order: Order, rank: number): Order {
  const lead = rank - order.length;
  return [...identityOrder(lead), ...order.map(dim => dim + lead)];
}

/** The input with the most elements; constants only when there is nothing else. */
function largestInput(graph: Graph, node: Node): string {
  const variable = node.inputs.filter(name => !graph.constants.has(name));
  const candidates = variable.length > 0 ? variable : node.inputs;
  const size = (name: string) => elementCount(shapeOf(graph, name));
  return candidates.reduce((best, name) => (size(name) > size(best) ? name : best));
}
