// Small tensors indexed by lists of numbers, for references written as loops.

import type {Operation} from '../../src/graph/graph.js';

export interface Tensor {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

export type Index = readonly number[];
export type OperationOf<Op extends Operation['op']> = Extract<Operation, {op: Op}>;

export function indices(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (all, count) => all.flatMap(index => Array.from({length: count}, (_, i) => [...index, i])),
    [[]],
  );
}

export function tensor(shape: readonly number[], element: (index: Index) => number): Tensor {
  return {shape, data: indices(shape).map(element)};
}

export function at({shape, data}: Tensor, index: Index): number {
  return data[index.reduce((flat, i, dim) => flat * shape[dim]! + i, 0)]!;
}

/** The element of a tensor broadcast to a longer index. */
export function atBroadcast(x: Tensor, index: Index): number {
  const lead = index.length - x.shape.length;
  return at(
    x,
    x.shape.map((count, dim) => (count === 1 ? 0 : index[lead + dim]!)),
  );
}
