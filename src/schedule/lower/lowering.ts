// What lowering a node may ask and do, and the copies every kind of node may need first.

import type {Graph} from '../../graph/graph.js';
import type {BufferList} from '../buffers.js';
import {counted, type UncountedStep} from '../count-steps.js';
import {toMap} from '../map-view.js';
import type {Step, View} from '../steps.js';
import {collapseByLast, normalize, type Order, sameView} from '../view-math.js';

/** The state of lowering: values already placed, steps emitted so far. */
export interface Lowering {
  readonly graph: Graph;
  readonly buffers: BufferList;
  readonly orders: ReadonlyMap<string, Order>;
  /** Outputs of the convolutions that run as planarTaps, on maps of any strides. */
  readonly planar: ReadonlySet<string>;
  /** Where a value lies, with its logical shape; a constant is laid out in `order`. */
  view(name: string, order?: Order): View;
  /** Where a computed value has to be written. */
  target(name: string): View;
  /** Places proposed for views; only a reshape that has to copy looks at them. */
  proposed(name: string): View | undefined;
  setView(name: string, view: View): void;
  emit(step: Step): void;
  /** Copies made for a value so far, by the place's description. */
  readonly copies: Map<string, View>;
}

/** Adds a step that is not a convolution. */
export function emit(lowering: Lowering, step: UncountedStep): void {
  lowering.emit(counted(step));
}

/** Copies x to y, both of one shape, unless they are the same place. */
export function emitCopy(lowering: Lowering, name: string, {x, y}: {x: View; y: View}): void {
  if (sameView(normalize(x), normalize(y))) return;
  const [source, target] = collapseByLast([x, y]) as [View, View];
  emit(lowering, {op: 'copy', name, schedule: '', x: source, y: target});
}

/** A dense copy of `view` in a new buffer with the memory order `order`; made once per value and order. */
export function denseCopy(
  lowering: Lowering,
  name: string,
  {view, order}: {view: View; order: Order},
): View {
  const key = [view.buffer, view.offset, view.shape, view.strides, order].join(';');
  const known = lowering.copies.get(key);
  if (known !== undefined) return known;
  return copyTo(lowering, name, {view, key, copy: lowering.buffers.arena(view.shape, order)});
}

/** A copy of a map [N, H, W, C] with channel stride 1; made once per value. */
function mapCopy(lowering: Lowering, name: string, view: View): View {
  const key = [view.buffer, view.offset, view.shape, view.strides, 'map'].join(';');
  const known = lowering.copies.get(key);
  if (known !== undefined) return known;
  return copyTo(lowering, name, {view, key, copy: lowering.buffers.map(view.shape)});
}

function copyTo(
  lowering: Lowering,
  name: string,
  {view, key, copy}: {view: View; key: string; copy: View},
): View {
  emitCopy(lowering, name, {x: view, y: copy});
  lowering.copies.set(key, copy);
  return copy;
}

/** The value as a map [N, H, W, C] with channel stride 1, copied when it does not lie like that. */
export function mapOf(lowering: Lowering, {name, value}: {name: string; value: string}): View {
  const map = toMap(lowering.view(value, lowering.orders.get(value)));
  return map.strides[3] === 1 ? map : mapCopy(lowering, name, map);
}
