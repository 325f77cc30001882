// Gathers and scatters whose indices are computed at run time: one view of the table over loops and indexed axes.

import type {IndexMap, Node, Operation} from '../../graph/graph.js';
import {MAX_RANK, type View} from '../steps.js';
import {collapseByLast, collapseViews, identityOrder} from '../view-math.js';
import {denseCopy, emit, emitCopy, type Lowering} from './lowering.js';

/** A table [loops.., axes..], indices [loops.., K] and what runs along the loops: the output, or the updates. */
interface Indexed {
  readonly table: View;
  readonly indices: View;
  readonly loops: View;
}

export function lowerGatherIndexed(node: Node, map: IndexMap, lowering: Lowering): void {
  const y = lowering.target(node.output);
  const [table, indices] = node.inputs.map(name => lowering.view(name)) as [View, View];
  const dense = (view: View) => densely(lowering, node, view);
  const views =
    indexedViews({table, indices, loops: y}, map, collapseByLast) ??
    indexedViews({table: dense(table), indices: dense(indices), loops: y}, map, collapseByLast)!;
  emit(lowering, {
    op: 'gatherIndexed',
    name: node.name,
    schedule: '',
    x: views.table,
    y: views.loops,
    indices: views.indices,
  });
}

/** Copies the input to the output first; updates are applied in their row-major order. */
export function lowerScatterIndexed(
  node: Node,
  {map, fn}: Extract<Operation, {op: 'scatterIndexed'}>,
  lowering: Lowering,
): void {
  const table = lowering.target(node.output);
  const [x, indices, loops] = node.inputs.map(name => lowering.view(name)) as [View, View, View];
  emitCopy(lowering, node.name, {x, y: table});
  const dense = (view: View) => densely(lowering, node, view);
  const views =
    indexedViews({table, indices, loops}, map, collapseViews) ??
    indexedViews({table, indices: dense(indices), loops: dense(loops)}, map, collapseViews)!;
  emit(lowering, {
    op: 'scatterIndexed',
    name: node.name,
    schedule: '',
    x: views.loops,
    y: views.table,
    indices: views.indices,
    fn,
  });
}

function densely(lowering: Lowering, {name}: Node, view: View): View {
  return denseCopy(lowering, name, {view, order: identityOrder(view.shape.length)});
}

/** The three views over common loops, as few as strides allow; null when they are too many for a view. */
function indexedViews(
  {table, indices, loops}: Indexed,
  map: IndexMap,
  collapse: (views: readonly View[]) => View[],
): Indexed | null {
  const along = (view: View, axes: readonly (number | null)[]): View => ({
    ...view,
    shape: loops.shape,
    strides: axes.map(axis => (axis === null ? 0 : view.strides[axis]!)),
  });
  const collapsed = collapse([along(table, map.data), along(indices, map.indices), loops]);
  const [tableLoops, indexLoops, loopView] = collapsed as [View, View, View];
  if (loopView.shape.length + map.axes.length > MAX_RANK) return null;
  return {
    table: {
      ...tableLoops,
      shape: [...tableLoops.shape, ...map.axes.map(axis => table.shape[axis]!)],
      strides: [...tableLoops.strides, ...map.axes.map(axis => table.strides[axis]!)],
    },
    indices: {
      ...indexLoops,
      shape: [...indexLoops.shape, map.axes.length],
      strides: [...indexLoops.strides, indices.strides.at(-1)!],
    },
    loops: loopView,
  };
}
