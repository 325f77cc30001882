// Operations along one axis: softmax, the index of an extreme, running sums.

import type {Node, Operation} from '../../graph/graph.js';
import type {View} from '../steps.js';
import {
  collapseByLast,
  collapseViews,
  identityOrder,
  permuteView,
  viewOrder,
} from '../view-math.js';
import {checkRank} from './elementwise.js';
import {emit, type Lowering} from './lowering.js';

type OperationOf<Op extends Operation['op']> = Extract<Operation, {op: Op}>;

export function lowerSoftmax(
  node: Node,
  operation: OperationOf<'softmax'>,
  lowering: Lowering,
): void {
  const {x, y} = axisLast(node, operation.axis, lowering);
  emit(lowering, {op: 'softmax', name: node.name, schedule: '', x, y, log: operation.log});
}

/** Running backwards is running forwards over reversed views. */
export function lowerCumulative(
  node: Node,
  operation: OperationOf<'cumulative'>,
  lowering: Lowering,
): void {
  const {axis, fn, exclusive, reverse} = operation;
  const {x, y} = axisLast(node, axis, lowering);
  emit(lowering, {
    op: 'cumulative',
    name: node.name,
    schedule: '',
    x: reverse ? reverseLast(x) : x,
    y: reverse ? reverseLast(y) : y,
    fn,
    exclusive,
  });
}

/** The axis goes last; the others are sorted by the memory order of y and merged. */
function axisLast(node: Node, axis: number, lowering: Lowering): {x: View; y: View} {
  const y = lowering.target(node.output);
  const x = lowering.view(node.inputs[0]!, viewOrder(y));
  const outer = viewOrder(y).filter(dim => dim !== axis);
  const [outerX, outerY] = collapseViews([permuteView(x, outer), permuteView(y, outer)]) as [
    View,
    View,
  ];
  const step = {x: withLast(outerX, x, axis), y: withLast(outerY, y, axis)};
  checkRank(node, step.y);
  return step;
}

function withLast(outer: View, view: View, axis: number): View {
  return {
    ...outer,
    shape: [...outer.shape, view.shape[axis]!],
    strides: [...outer.strides, view.strides[axis]!],
  };
}

function reverseLast(view: View): View {
  const stride = view.strides.at(-1)!;
  return {
    ...view,
    offset: view.offset + (view.shape.at(-1)! - 1) * stride,
    strides: view.strides.with(-1, -stride),
  };
}

/** x becomes the dims of y, in y's memory order, then the one searched. */
export function lowerArgReduce(
  node: Node,
  operation: OperationOf<'argReduce'>,
  lowering: Lowering,
): void {
  const {axis, fn, last} = operation;
  const y = lowering.target(node.output);
  const x = lowering.view(node.inputs[0]!);
  const rank = x.shape.length;
  const kept = identityOrder(rank).filter(dim => dim !== axis);
  const keptY = y.shape.length === rank ? permuteView(y, kept) : y;
  const [outerX, stepY] = collapseByLast([permuteView(x, kept), keptY]) as [View, View];
  const stepX = withLast(outerX, x, axis);
  checkRank(node, stepX);
  emit(lowering, {op: 'argReduce', name: node.name, schedule: '', x: stepX, y: stepY, fn, last});
}
