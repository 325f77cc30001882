// Matrix products of two computed values.

import type {Node} from '../../graph/graph.js';
import {shapeOf} from '../layout.js';
import type {View} from '../steps.js';
import {broadcastView, elementCount, identityOrder, reshapeView} from '../view-math.js';
import {denseCopy, emit, type Lowering} from './lowering.js';

/** Batch dimensions are broadcast and merged into one; an operand that cannot be seen like that is copied. */
export function lowerMatmul(node: Node, lowering: Lowering): void {
  const [nameA, nameB] = node.inputs as [string, string];
  const y = lowering.target(node.output);
  const [rankA, rankB] = [
    shapeOf(lowering.graph, nameA).length,
    shapeOf(lowering.graph, nameB).length,
  ];
  const [rows, columns] = [
    rankA === 1 ? 1 : shapeOf(lowering.graph, nameA).at(-2)!,
    rankB === 1 ? 1 : shapeOf(lowering.graph, nameB).at(-1)!,
  ];
  const depth = shapeOf(lowering.graph, nameA).at(-1)!;
  const vectors = (rankA === 1 ? 1 : 0) + (rankB === 1 ? 1 : 0);
  const batch = y.shape.slice(0, y.shape.length - 2 + vectors);

  emit(lowering, {
    op: 'matmul',
    name: node.name,
    schedule: '',
    a: batched(node, lowering, {view: asMatrix(lowering.view(nameA), [rows, depth]), batch}),
    b: batched(node, lowering, {view: asMatrix(lowering.view(nameB), [depth, columns]), batch}),
    y: reshapeView(y, [elementCount(batch), rows, columns])!,
  });
}

/** A vector as a matrix of one row or column. */
function asMatrix(view: View, matrix: readonly [number, number]): View {
  return view.shape.length === 1 ? reshapeView(view, matrix)! : view;
}

function batched(
  node: Node,
  lowering: Lowering,
  {view, batch}: {view: View; batch: readonly number[]},
): View {
  const matrix = view.shape.slice(-2);
  const wide = broadcastView(view, [...batch, ...matrix]);
  const flat = [elementCount(batch), ...matrix];
  return (
    reshapeView(wide, flat) ??
    reshapeView(
      denseCopy(lowering, node.name, {view: wide, order: identityOrder(wide.shape.length)}),
      flat,
    )!
  );
}
