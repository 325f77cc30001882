// Fused chains of scalar functions, and reductions.

import {UntangleError} from '../../errors.js';
import {MAX_CHAIN_INPUTS, type Node, type Operation} from '../../graph/graph.js';
import type {View} from '../steps.js';
import {
  broadcastView,
  collapseByLast,
  identityOrder,
  type Order,
  permuteView,
  viewOrder,
} from '../view-math.js';
import {emit, type Lowering} from './lowering.js';

type OperationOf<Op extends Operation['op']> = Extract<Operation, {op: Op}>;

/** Views of more dimensions than this cannot be encoded. */
const MAX_RANK = 6;

export function lowerChain(node: Node, operation: OperationOf<'chain'>, lowering: Lowering): void {
  if (node.inputs.length > MAX_CHAIN_INPUTS)
    throw unsupported(node, `a chain of ${node.inputs.length} inputs`);
  const y = lowering.target(node.output);
  const order = viewOrder(y);
  const inputs = node.inputs.map(name => {
    const view = lowering.view(name, trailingOrder(lowering, name, order));
    return broadcastView(view, y.shape);
  });
  const views = collapseByLast([...inputs, y]);
  checkRank(node, views[0]!);
  emit(lowering, {
    op: 'elementwise',
    name: node.name,
    schedule: '',
    inputs: views.slice(0, -1),
    y: views.at(-1)!,
    ops: operation.ops,
  });
}

/** The order of y on the dimensions that a broadcast input has. */
function trailingOrder(lowering: Lowering, name: string, order: Order): Order {
  const constant = lowering.graph.constants.get(name);
  const rank = constant?.dims.length ?? order.length;
  const lead = order.length - rank;
  return order.filter(dim => dim >= lead).map(dim => dim - lead);
}

/** x becomes the dims of y, in y's memory order, then the reduced ones. */
export function lowerReduce(
  node: Node,
  operation: OperationOf<'reduce'>,
  lowering: Lowering,
): void {
  const y = lowering.target(node.output);
  const x = lowering.view(node.inputs[0]!);
  const rank = x.shape.length;
  const keptAxes = identityOrder(rank).filter(axis => !operation.axes.includes(axis));
  // y either keeps the reduced axes with size 1 or leaves them out.
  const keptY = y.shape.length === rank ? permuteView(y, keptAxes) : y;
  const [keptX, stepY] = collapseByLast([permuteView(x, keptAxes), keptY]) as [View, View];
  const reduced = collapseByLast([permuteView(x, operation.axes)])[0]!;
  const stepX = {
    ...keptX,
    shape: [...keptX.shape, ...reduced.shape],
    strides: [...keptX.strides, ...reduced.strides],
  };
  checkRank(node, stepX);
  emit(lowering, {
    op: 'reduce',
    name: node.name,
    schedule: '',
    x: stepX,
    y: stepY,
    fn: operation.fn,
  });
}

export function checkRank(node: Node, view: View): void {
  if (view.shape.length > MAX_RANK)
    throw unsupported(node, `a view of ${view.shape.length} dimensions`);
}

function unsupported(node: Node, what: string): UntangleError {
  return new UntangleError('ERR_INTERNAL', [
    `node "${node.name}" needs ${what}; at most ${MAX_RANK} are supported`,
  ]);
}
