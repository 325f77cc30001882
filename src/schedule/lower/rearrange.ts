// Operations that only move data: views of every kind, concat, pad, gather.

import type {Node, Operation} from '../../graph/graph.js';
import {shapeOf} from '../layout.js';
import type {View} from '../steps.js';
import {
  broadcastView,
  collapseByLast,
  denseView,
  elementCount,
  identityOrder,
  type Order,
  permuteView,
  reshapeOrder,
  reshapeView,
  sliceView,
  viewOrder,
} from '../view-math.js';
import {concatParts, padInterior} from '../views.js';
import {denseCopy, emit, emitCopy, type Lowering} from './lowering.js';

type OperationOf<Op extends Operation['op']> = Extract<Operation, {op: Op}>;

/** Another look at the same elements. */
export function lowerView(node: Node, lowering: Lowering): void {
  const {operation} = node;
  const x = lowering.view(node.inputs[0]!);
  const shape = shapeOf(lowering.graph, node.output);
  const look = (): View => {
    switch (operation.op) {
      case 'transpose':
        return permuteView(x, operation.perm);
      case 'expand':
        return broadcastView(x, shape);
      case 'slice':
        return sliceView(x, {starts: operation.starts, steps: operation.steps, shape});
      case 'gather':
        return gatherView(operation, {x, shape});
      case 'pad':
        return padInterior(node, {x, y: x}).x;
      default:
        return reshapeView(x, shape) ?? reshapeByCopy(node, lowering, {x, shape});
    }
  };
  lowering.setView(node.output, look());
}

/** Indices in an arithmetic row are a slice. */
function gatherView(
  operation: OperationOf<'gather'>,
  {x, shape}: {x: View; shape: readonly number[]},
): View {
  const {axis, indices} = operation;
  const on = (value: number, other: number) =>
    shape.map((_, dim) => (dim === axis ? value : other));
  const step = indices.length > 1 ? indices[1]! - indices[0]! : 1;
  return sliceView(x, {starts: on(indices[0]!, 0), steps: on(step, 1), shape});
}

/** Copies x to where its reshaped form lies as the output wants to lie. */
function reshapeByCopy(
  node: Node,
  lowering: Lowering,
  {x, shape}: {x: View; shape: readonly number[]},
): View {
  const proposed = lowering.proposed(node.output);
  const source = proposed && reshapeView(proposed, x.shape);
  if (proposed && source) {
    emitCopy(lowering, node.name, {x, y: source});
    return proposed;
  }
  for (const order of [lowering.orders.get(node.output)!, reshapeOrder(x, shape)]) {
    const sourceOrder = reshapeView(denseView(0, shape, order), x.shape);
    if (sourceOrder === null) continue;
    const copy = denseCopy(lowering, node.name, {view: x, order: viewOrder(sourceOrder)});
    return reshapeView(copy, shape)!;
  }
  return reshapeView(
    denseCopy(lowering, node.name, {view: x, order: identityOrder(x.shape.length)}),
    shape,
  )!;
}

/** Parts that were not written in place are copied there; bands are there already. */
export function lowerConcat(
  node: Node,
  {isBanded}: OperationOf<'concat'>,
  lowering: Lowering,
): void {
  if (isBanded) return;
  const whole = lowering.target(node.output);
  for (const part of concatParts(lowering.graph, node, whole)) {
    emitCopy(lowering, node.name, {x: lowering.view(part.name, viewOrder(whole)), y: part.view});
  }
}

/** Gathers irregular rows: [outer, axis, inner] in the memory order of y, which is dense. */
export function lowerGather(
  node: Node,
  operation: OperationOf<'gather'>,
  lowering: Lowering,
): void {
  const {axis} = operation;
  const y = lowering.target(node.output);
  const order = lowering.orders.get(node.output)!;
  const position = order.indexOf(axis);
  const source = lowering.view(node.inputs[0]!, order);
  const x = toRows(source, {order, position})
    ? source
    : denseCopy(lowering, node.name, {view: source, order});
  const [rowsX, rowsY] = [toRows(x, {order, position})!, toRows(y, {order, position})!];
  emit(lowering, {
    op: 'gather',
    name: node.name,
    schedule: '',
    x: rowsX,
    y: rowsY,
    indices: Int32Array.from(operation.indices),
  });
}

/** [dims before, axis, dims after] of `order`, each merged into one; null when strides do not allow it. */
function toRows(view: View, {order, position}: {order: Order; position: number}): View | null {
  const sorted = permuteView(view, order);
  const count = (from: number, to: number) => elementCount(sorted.shape.slice(from, to));
  return reshapeView(sorted, [
    count(0, position),
    sorted.shape[position]!,
    count(position + 1, order.length),
  ]);
}

/** Fills or mirrors the border; the interior is copied only when its producer did not write it there. */
export function lowerPad(node: Node, operation: OperationOf<'pad'>, lowering: Lowering): void {
  const y = lowering.target(node.output);
  const interior = padInterior(node, {x: lowering.view(node.inputs[0]!, viewOrder(y)), y});
  // A band may lie in the border altogether.
  if (elementCount(interior.y.shape) > 0) emitCopy(lowering, node.name, interior);
  if (operation.mode === 'constant') fillBorder(node, operation, {lowering, y});
  else extendBorder(node, operation, {lowering, y});
}

/** Indices [start, start + count) of one axis. */
interface Range {
  readonly start: number;
  readonly count: number;
}

function window(y: View, ranges: readonly Range[]): View {
  return sliceView(y, {
    starts: ranges.map(range => range.start),
    shape: ranges.map(range => range.count),
  });
}

/** The part of each axis that the input covers. */
function interiorRanges(operation: OperationOf<'pad'>, y: View): Range[] {
  return y.shape.map((size, dim) => {
    const begin = Math.max(operation.begin[dim]!, 0);
    return {start: begin, count: size - begin - Math.max(operation.end[dim]!, 0)};
  });
}

/** Disjoint strips: the outermost padded axis in memory takes its full width, later ones what is left. */
function fillBorder(
  node: Node,
  operation: OperationOf<'pad'>,
  {lowering, y}: {lowering: Lowering; y: View},
): void {
  const ranges: Range[] = y.shape.map(count => ({start: 0, count}));
  const interior = interiorRanges(operation, y);
  for (const axis of viewOrder(y)) {
    const {start, count} = interior[axis]!;
    const end = start + count;
    for (const strip of [
      {start: 0, count: start},
      {start: end, count: y.shape[axis]! - end},
    ]) {
      const view = window(y, ranges.with(axis, strip));
      if (elementCount(view.shape) === 0) continue;
      emit(lowering, {
        op: 'fill',
        name: node.name,
        schedule: '',
        y: collapseByLast([view])[0]!,
        value: operation.value,
      });
    }
    ranges[axis] = interior[axis]!;
  }
}

/** Axis after axis, so that corners copy borders that are already there. */
function extendBorder(
  node: Node,
  operation: OperationOf<'pad'>,
  {lowering, y}: {lowering: Lowering; y: View},
): void {
  const ranges = interiorRanges(operation, y);
  for (const axis of viewOrder(y)) {
    for (const strip of borderStrips(operation.mode, {
      known: ranges[axis]!,
      size: y.shape[axis]!,
    })) {
      const target = window(y, ranges.with(axis, strip.target));
      const steps = y.shape.map((_, dim) => (dim === axis ? strip.step : 1));
      const starts = ranges.with(axis, {start: strip.source, count: 0}).map(range => range.start);
      const source = sliceView(y, {starts, steps, shape: target.shape});
      emitCopy(lowering, node.name, {x: source, y: target});
    }
    ranges[axis] = {start: 0, count: y.shape[axis]!};
  }
}

/** Target rows and where they come from: row i of the target is row source + i*step. */
interface Strip {
  readonly target: Range;
  readonly source: number;
  readonly step: number;
}

/** Borders wider than the input are extended in several strips, each from what is already there. */
function borderStrips(
  mode: 'reflect' | 'edge' | 'wrap' | 'constant',
  {known, size}: {known: Range; size: number},
): Strip[] {
  const period = known.count;
  const isEdge = mode === 'edge' || period === 1;
  const strips: Strip[] = [];
  let [first, end] = [known.start, known.start + known.count];
  while (first > 0 || end < size) {
    const reach = isEdge
      ? size
      : mode === 'wrap'
        ? Math.floor((end - first) / period) * period
        : end - first - 1;
    const before = Math.min(first, reach);
    const after = Math.min(size - end, reach);
    const [targetBefore, targetAfter] = [
      {start: first - before, count: before},
      {start: end, count: after},
    ];
    if (isEdge) {
      strips.push(
        {target: targetBefore, source: first, step: 0},
        {target: targetAfter, source: end - 1, step: 0},
      );
    } else if (mode === 'wrap') {
      strips.push(
        {target: targetBefore, source: first - before + reach, step: 1},
        {target: targetAfter, source: end - reach, step: 1},
      );
    } else {
      strips.push(
        {target: targetBefore, source: first + before, step: -1},
        {target: targetAfter, source: end - 2, step: -1},
      );
    }
    [first, end] = [first - before, end + after];
  }
  return strips.filter(strip => strip.target.count > 0);
}
