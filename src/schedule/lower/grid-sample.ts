// Reading maps at positions computed at run time.

import type {Node, Operation} from '../../graph/graph.js';
import {toMap, toVolume} from '../map-view.js';
import type {View} from '../steps.js';
import {denseCopy, emit, type Lowering} from './lowering.js';

type GridSample = Extract<Operation, {op: 'gridSample'}>;

/** Maps become volumes of one plane; the grid is read as it lies. */
export function lowerGridSample(node: Node, operation: GridSample, lowering: Lowering): void {
  const [value, positions] = node.inputs as [string, string];
  const x = asVolume(lowering.view(value, lowering.orders.get(value)));
  const grid = lowering.view(positions);
  const {mode, padding, alignCorners} = operation;
  emit(lowering, {
    op: 'gridSample',
    name: node.name,
    schedule: '',
    x: x.strides[4] === 1 ? x : denseCopy(lowering, node.name, {view: x, order: [0, 1, 2, 3, 4]}),
    grid: grid.shape.length === 5 ? grid : withPlane(grid),
    y: asVolume(lowering.target(node.output)),
    mode,
    padding,
    alignCorners,
  });
}

/** A value [N, C, (D,) H, W] as [N, D, H, W, C]. */
function asVolume(view: View): View {
  return view.shape.length === 5 ? toVolume(view) : withPlane(toMap(view));
}

/** A second axis of size 1. */
function withPlane(view: View): View {
  return {
    ...view,
    shape: view.shape.toSpliced(1, 0, 1),
    strides: view.strides.toSpliced(1, 0, 0),
  };
}
