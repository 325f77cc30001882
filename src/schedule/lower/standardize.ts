// Standardisation over any axes, as the normalisation of a map whose channels are what is kept.

import {IDENTITY} from '../../graph/functions.js';
import type {Node, Operation} from '../../graph/graph.js';
import {NORMALIZE_CHUNKS, type View} from '../steps.js';
import {
  collapseViews,
  elementCount,
  identityOrder,
  type Order,
  permuteView,
  reshapeView,
  viewOrder,
} from '../view-math.js';
import {denseCopy, emit, emitCopy, type Lowering} from './lowering.js';

type OperationOf<Op extends Operation['op']> = Extract<Operation, {op: Op}>;

/** Dimensions that do not merge into two kept and two reduced ones are copied together first. */
export function lowerStandardize(
  node: Node,
  operation: OperationOf<'standardize'>,
  lowering: Lowering,
): void {
  const {axes, epsilon} = operation;
  const y = lowering.target(node.output);
  const x = lowering.view(node.inputs[0]!, viewOrder(y));
  const maps = asMaps([x, y], axes);
  if (maps !== null) {
    emitNormalize(node, lowering, {maps, epsilon});
    return;
  }
  const kept = identityOrder(y.shape.length).filter(axis => !axes.includes(axis));
  const order: Order = [...kept, ...axes];
  const result = lowering.buffers.arena(y.shape, order);
  const copy = denseCopy(lowering, node.name, {view: x, order});
  emitNormalize(node, lowering, {maps: asMaps([copy, result], axes)!, epsilon});
  emitCopy(lowering, node.name, {x: result, y});
}

/**
 * x and y as maps [N, H, W, C]: N and C are kept, H and W reduced; null when strides do not allow it.
 *
 * The longer of the reduced dimensions is W, so that an executor sees long rows of pixels.
 */
function asMaps(views: readonly [View, View], axes: readonly number[]): [View, View] | null {
  const order = viewOrder(views[1]);
  const merged = (dims: Order) => collapseViews(views.map(view => permuteView(view, dims)));
  const kept = merged(order.filter(dim => !axes.includes(dim)));
  const reduced = merged(order.filter(dim => axes.includes(dim)));
  if (kept[0]!.shape.length > 2 || reduced[0]!.shape.length > 2) return null;
  const toMap = (_: View, v: number): View => {
    const [n, c] = pair(kept[v]!);
    const pixels = pair(reduced[v]!);
    const [h, w] = pixels[0].size > pixels[1].size ? [pixels[1], pixels[0]] : pixels;
    const dims = [n, h, w, c.size === 1 ? {size: 1, stride: 1} : c];
    return {
      ...views[v]!,
      shape: dims.map(({size}) => size),
      strides: dims.map(({stride}) => stride),
    };
  };
  return views.map(toMap) as [View, View];
}

interface Dim {
  readonly size: number;
  readonly stride: number;
}

/** One or two dimensions as two, the missing one before. */
function pair({shape, strides}: View): [Dim, Dim] {
  const last = {size: shape.at(-1)!, stride: strides.at(-1)!};
  const first = shape.length > 1 ? {size: shape[0]!, stride: strides[0]!} : {size: 1, stride: 0};
  return [first, last];
}

function emitNormalize(
  node: Node,
  lowering: Lowering,
  {maps: [x, y], epsilon}: {maps: readonly [View, View]; epsilon: number},
): void {
  const scratch = [NORMALIZE_CHUNKS * 2 + 2, x.shape[0]!, x.shape[3]!];
  emit(lowering, {
    op: 'normalize',
    name: node.name,
    schedule: '',
    x,
    y,
    scale: null,
    epsilon,
    part: 'all',
    row: 0,
    rows: x.shape[1]!,
    scratch: reshapeView(lowering.buffers.scratch(elementCount(scratch)), scratch)!,
    epilogue: {bias: null, residual: null, activation: IDENTITY, slope: null},
  });
}
