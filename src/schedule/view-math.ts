// Arithmetic on views: reshape, permute, slice, broadcast, collapse; nothing here touches memory.
//
// A view is a buffer, an offset and one stride per dimension. Dimensions of size 1 have no meaningful
// stride; `normalize` writes 0 there so that equal places compare equal.

import {UntangleError} from '../errors.js';
import type {View} from './steps.js';

/** Dimensions of a value from the outermost in memory to the innermost. */
export type Order = readonly number[];

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

export function identityOrder(rank: number): number[] {
  return Array.from({length: rank}, (_, dim) => dim);
}

/** [N, ..., C] for a map [N, C, ...]. */
export function channelsLast(rank: number): number[] {
  return rank < 3 ? identityOrder(rank) : [0, ...identityOrder(rank).slice(2), 1];
}

/** A view of `buffer` that fills it without gaps, its dimensions in memory order `order`. */
export function denseView(
  buffer: number,
  shape: readonly number[],
  order: Order = identityOrder(shape.length),
): View {
  const strides = new Array<number>(shape.length).fill(0);
  let stride = 1;
  for (const dim of [...order].reverse()) {
    strides[dim] = stride;
    stride *= shape[dim]!;
  }
  return normalize({buffer, offset: 0, shape, strides});
}

/** Gives dimensions of size 1 the stride 0. */
export function normalize(view: View): View {
  return {
    ...view,
    strides: view.strides.map((stride, dim) => (view.shape[dim] === 1 ? 0 : stride)),
  };
}

/** Whether two views of equal shape name the same elements in the same order. */
export function sameView(a: View, b: View): boolean {
  return (
    a.buffer === b.buffer &&
    a.offset === b.offset &&
    sameNumbers(a.shape, b.shape) &&
    sameStrides(a, b)
  );
}

/** Whether two views of equal shape step through memory alike. */
export function sameStrides(a: View, b: View): boolean {
  return sameNumbers(normalize(a).strides, normalize(b).strides);
}

export function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

export function permuteView(view: View, order: Order): View {
  return {
    ...view,
    shape: order.map(dim => view.shape[dim]!),
    strides: order.map(dim => view.strides[dim]!),
  };
}

/** The permutation that undoes `order`. */
export function inverseOrder(order: Order): number[] {
  const inverse = new Array<number>(order.length);
  order.forEach((dim, position) => {
    inverse[dim] = position;
  });
  return inverse;
}

/** Elements starts[d] + i*steps[d] of every dimension; steps may be negative. */
export function sliceView(
  view: View,
  window: {starts: readonly number[]; steps?: readonly number[]; shape: readonly number[]},
): View {
  const {starts, shape} = window;
  const steps = window.steps ?? starts.map(() => 1);
  const offset = starts.reduce((sum, start, dim) => sum + start * view.strides[dim]!, view.offset);
  const strides = view.strides.map((stride, dim) => stride * steps[dim]!);
  return normalize({buffer: view.buffer, offset, shape, strides});
}

/** Repeats a view to `shape` under ONNX broadcasting: aligned at the last dimension, stride 0 where repeated. */
export function broadcastView(view: View, shape: readonly number[]): View {
  const lead = shape.length - view.shape.length;
  const strides = shape.map((_, dim) =>
    dim < lead || view.shape[dim - lead] === 1 ? 0 : view.strides[dim - lead]!,
  );
  return {...view, shape, strides};
}

/** Dimensions of both shapes that hold the same elements: the finest common split. */
interface Group {
  readonly from: readonly number[];
  readonly to: readonly number[];
}

function reshapeGroups(from: readonly number[], to: readonly number[]): Group[] {
  if (elementCount(from) !== elementCount(to)) {
    throw new UntangleError('ERR_INTERNAL', [`[${from}] cannot become [${to}]`]);
  }
  const groups: Group[] = [];
  const source = identityOrder(from.length).filter(dim => from[dim] !== 1);
  const target = identityOrder(to.length).filter(dim => to[dim] !== 1);
  let i = 0;
  let j = 0;
  while (i < source.length && j < target.length) {
    const firstI = i;
    const firstJ = j;
    let sourceSize = from[source[i++]!]!;
    let targetSize = to[target[j++]!]!;
    while (sourceSize !== targetSize) {
      if (sourceSize < targetSize) sourceSize *= from[source[i++]!]!;
      else targetSize *= to[target[j++]!]!;
    }
    groups.push({from: source.slice(firstI, i), to: target.slice(firstJ, j)});
  }
  return groups;
}

/**
 * The same elements in the same logical order under another shape; null when no strides can say that.
 *
 * Any dimension can be split; dimensions are merged only where each spans the next exactly.
 */
export function reshapeView(view: View, shape: readonly number[]): View | null {
  const strides = new Array<number>(shape.length).fill(0);
  for (const group of reshapeGroups(view.shape, shape)) {
    for (let k = 0; k + 1 < group.from.length; k++) {
      const [outer, inner] = [group.from[k]!, group.from[k + 1]!];
      if (view.strides[outer] !== view.strides[inner]! * view.shape[inner]!) return null;
    }
    let stride = view.strides[group.from.at(-1)!]!;
    for (const dim of [...group.to].reverse()) {
      strides[dim] = stride;
      stride *= shape[dim]!;
    }
  }
  return {buffer: view.buffer, offset: view.offset, shape, strides};
}

/**
 * The memory order of a reshaped value that moves the fewest groups of dimensions: groups that hold the
 * same elements stay in the relative order they have in `view`.
 */
export function reshapeOrder(view: View, shape: readonly number[]): Order {
  const innermost = (group: Group) =>
    Math.min(...group.from.map(dim => Math.abs(view.strides[dim]!)));
  const groups = reshapeGroups(view.shape, shape)
    .map(group => ({to: group.to, stride: innermost(group)}))
    .sort((a, b) => b.stride - a.stride);
  const ones = identityOrder(shape.length).filter(dim => shape[dim] === 1);
  return [...ones, ...groups.flatMap(group => group.to)];
}

/** Dimensions sorted from the largest stride to the smallest; those of size 1 first. */
export function viewOrder(view: View): Order {
  const weight = (dim: number) =>
    view.shape[dim] === 1 ? Number.POSITIVE_INFINITY : Math.abs(view.strides[dim]!);
  return identityOrder(view.shape.length).sort((a, b) =>
    weight(a) === weight(b) ? a - b : weight(b) - weight(a),
  );
}

/** Whether two orders lay out `shape` alike: dimensions of size 1 do not count. */
export function sameOrder(shape: readonly number[], a: Order, b: Order): boolean {
  const real = (order: Order) => order.filter(dim => shape[dim] !== 1);
  return sameNumbers(real(a), real(b));
}

/**
 * [.., K] as [A, 1, B, K] with K contiguous, the leading dimensions split before `split`; null when strides do not
 * allow it.
 */
export function gemmRows(view: View, split: number): View | null {
  const columns = view.shape.at(-1)!;
  const leading = view.shape.slice(0, -1);
  const rows = reshapeView(view, [
    elementCount(leading.slice(0, split)),
    1,
    elementCount(leading.slice(split)),
    columns,
  ]);
  if (rows === null || (columns !== 1 && rows.strides[3] !== 1)) return null;
  return {...rows, strides: [...rows.strides.slice(0, 3), 1]};
}

/** Writes views of one shape with as few dimensions as strides allow, at least one. */
export function collapseViews(views: readonly View[]): View[] {
  const shape: number[] = [];
  const strides: number[][] = views.map(() => []);
  views[0]!.shape.forEach((size, dim) => {
    if (size === 1) return;
    const merges =
      shape.length > 0 &&
      views.every((view, v) => strides[v]!.at(-1) === view.strides[dim]! * size);
    if (merges) {
      shape[shape.length - 1]! *= size;
    } else {
      shape.push(size);
    }
    views.forEach((view, v) => {
      if (merges) strides[v]!.pop();
      strides[v]!.push(view.strides[dim]!);
    });
  });
  return views.map((view, v) => ({
    buffer: view.buffer,
    offset: view.offset,
    shape: shape.length > 0 ? [...shape] : [1],
    strides: shape.length > 0 ? strides[v]! : [0],
  }));
}

/** Collapses views of one shape after sorting their dimensions by the memory order of the last view. */
export function collapseByLast(views: readonly View[]): View[] {
  const order = viewOrder(views.at(-1)!);
  return collapseViews(views.map(view => permuteView(view, order)));
}

/** The lowest and the highest element of the buffer that a view touches. */
export function elementRange(view: View): {first: number; last: number} {
  let first = view.offset;
  let last = view.offset;
  view.shape.forEach((size, dim) => {
    const reach = (size - 1) * view.strides[dim]!;
    if (reach < 0) first += reach;
    else last += reach;
  });
  return {first, last};
}

/** Whether a view names every element of its range exactly once. */
export function isDense(view: View): boolean {
  const {first, last} = elementRange(view);
  return (
    last - first + 1 === elementCount(view.shape) &&
    distinctElements(view) === elementCount(view.shape)
  );
}

/** Whether no dimension repeats elements, as an expand does: what convolutions read counts every element once. */
export function isInjective(view: View): boolean {
  return view.shape.every((size, dim) => size === 1 || view.strides[dim] !== 0);
}

/** Distinct elements of a view: repeated dimensions count once. */
export function distinctElements(view: View): number {
  return view.shape.reduce(
    (product, size, dim) => (view.strides[dim] === 0 ? product : product * size),
    1,
  );
}
