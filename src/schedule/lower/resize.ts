// Separable resampling, two axes per step.

import type {Node, Operation, ResizeAxis} from '../../graph/graph.js';
import type {View} from '../steps.js';
import {
  channelsLast,
  elementCount,
  identityOrder,
  type Order,
  permuteView,
  reshapeView,
} from '../view-math.js';
import {denseCopy, emit, emitCopy, type Lowering} from './lowering.js';

type ResizeOperation = Extract<Operation, {op: 'resize'}>;

/** The two axes of one step; the second may be absent. */
type Pair = readonly [number, number | null];

/** Shrinks and grows axis pair after axis pair; a map's height and width are one pair. */
export function lowerResize(node: Node, operation: ResizeOperation, lowering: Lowering): void {
  const y = lowering.target(node.output);
  const passes = axisPairs(operation.axes);
  let x = lowering.view(node.inputs[0]!, lowering.orders.get(node.output));
  if (passes.length === 0) {
    emitCopy(lowering, node.name, {x, y});
    return;
  }
  passes.forEach((pair, index) => {
    const shape = x.shape.map((size, axis) => (pair.includes(axis) ? y.shape[axis]! : size));
    const isLast = index === passes.length - 1;
    x = resizePair(node, operation, {
      lowering,
      pair,
      x,
      y: isLast ? y : lowering.buffers.arena(shape, passOrder(pair, shape.length)),
    });
  });
}

/** Height and width together when only they change; otherwise the changed axes two by two. */
function axisPairs(axes: readonly ResizeAxis[]): Pair[] {
  const changed = identityOrder(axes.length).filter(axis => axes[axis]!.taps > 0);
  if (axes.length === 4 && changed.length === 1 && changed[0]! >= 2) return [[2, 3]];
  const pairs: Pair[] = [];
  for (let i = 0; i < changed.length; i += 2) pairs.push([changed[i]!, changed[i + 1] ?? null]);
  return pairs;
}

/** Memory order of a pass: the resized pair before the innermost of the other axes (channels when they are one). */
function passOrder(pair: Pair, rank: number): Order {
  const rest = channelsLast(rank).filter(axis => !pair.includes(axis));
  const resized = pair.filter(axis => axis !== null);
  return [...rest.slice(0, -1), ...resized, ...rest.slice(-1)];
}

interface Pass {
  readonly lowering: Lowering;
  readonly pair: Pair;
  readonly x: View;
  readonly y: View;
}

function resizePair(node: Node, operation: ResizeOperation, {lowering, pair, x, y}: Pass): View {
  const order = passOrder(pair, x.shape.length);
  const mapX =
    toPassMap(x, {pair, order}) ??
    toPassMap(denseCopy(lowering, node.name, {view: x, order}), {pair, order})!;
  const mapY = toPassMap(y, {pair, order});
  const place = mapY === null ? lowering.buffers.arena(y.shape, order) : y;
  const [rows, columns] = pair;
  const axisY = axisTable(operation.axes[rows], x.shape[rows]!);
  const axisX =
    columns === null
      ? axisTable(undefined, 1)
      : axisTable(operation.axes[columns], x.shape[columns]!);

  emit(lowering, {
    op: 'resize',
    name: node.name,
    schedule: '',
    x: mapX,
    y: mapY ?? toPassMap(place, {pair, order})!,
    tapsY: axisY.taps,
    tapsX: axisX.taps,
    indicesY: axisY.indices,
    indicesX: axisX.indices,
    weightsY: lowering.buffers.constant(axisY.weights),
    weightsX: lowering.buffers.constant(axisX.weights),
  });
  emitCopy(lowering, node.name, {x: place, y});
  return y;
}

/** [others merged, rows, columns, innermost other] with channel stride 1; null when strides do not allow it. */
function toPassMap(view: View, {pair, order}: {pair: Pair; order: Order}): View | null {
  const size = (axis: number | null) => (axis === null ? 1 : view.shape[axis]!);
  const channels = order.filter(axis => !pair.includes(axis)).at(-1) ?? null;
  const resized = size(pair[0]) * size(pair[1]) * size(channels);
  const map = reshapeView(permuteView(view, order), [
    elementCount(view.shape) / resized,
    size(pair[0]),
    size(pair[1]),
    size(channels),
  ]);
  if (map === null) return null;
  if (map.shape[3] === 1) return {...map, strides: [...map.strides.slice(0, 3), 1]};
  return map.strides[3] === 1 ? map : null;
}

/** An axis that keeps its size reads each index once, with weight 1. */
function axisTable(axis: ResizeAxis | undefined, size: number): ResizeAxis {
  if (axis !== undefined && axis.taps > 0) return axis;
  return {
    taps: 1,
    indices: Int32Array.from({length: size}, (_, i) => i),
    weights: new Float32Array(size).fill(1),
  };
}
