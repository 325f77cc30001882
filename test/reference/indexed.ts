// Which element of x a tuple of indices finds, by definition.

import type {IndexMap} from '../../src/graph/graph.js';

/**
 * The index into x of element `at` of the output (of the updates).
 *
 * @param entry the k-th index of the tuple at an index of the indices' leading dimensions
 */
export function foundIndex(
  map: IndexMap,
  at: readonly number[],
  xShape: readonly number[],
  entry: (index: readonly number[], k: number) => number,
): number[] {
  const found = xShape.map(() => Number.NaN);
  const tuple: number[] = [];
  at.forEach((i, dim) => {
    const [data, indices] = [map.data[dim]!, map.indices[dim]!];
    if (map.data[dim] !== null) found[data] = i;
    if (map.indices[dim] !== null) tuple[indices] = i;
  });
  map.axes.forEach((axis, k) => {
    const index = entry(tuple, k);
    found[axis] = index < 0 ? index + xShape[axis]! : index;
  });
  return found;
}

/** What an update makes of the element that is there. */
export function scattered(fn: string, old: number, update: number): number {
  if (fn === 'add') return old + update;
  if (fn === 'mul') return old * update;
  if (fn === 'min') return Math.min(old, update);
  return fn === 'max' ? Math.max(old, update) : update;
}
