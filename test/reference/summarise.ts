// Operations that summarise axes, by their definitions: every result gathers its elements and looks at them all.

import type {Operation} from '../../src/graph/graph.js';

type Op<Name extends Operation['op']> = Extract<Operation, {op: Name}>;
export type Summarising = Op<'reduce' | 'argReduce' | 'cumulative' | 'standardize'>;

/** Row-major. */
export interface Elements {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/** The elements of the result, row-major. */
export function summarise(operation: Summarising, x: Elements): number[] {
  switch (operation.op) {
    case 'reduce':
      return groups(x, operation.axes).map(group => reduced(operation.fn, group.map(valueIn(x))));
    case 'argReduce':
      return groups(x, [operation.axis]).map(group => extreme(operation, group.map(valueIn(x))));
    case 'cumulative':
      return spread(x, [operation.axis], values => running(operation, values));
    case 'standardize':
      return spread(x, operation.axes, values => {
        const mean = sum(values) / values.length;
        const variance = sum(values.map(value => (value - mean) ** 2)) / values.length;
        return values.map(value => (value - mean) / Math.sqrt(variance + operation.epsilon));
      });
  }
}

const valueIn = (x: Elements) => (at: number) => x.data[at]!;

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function reduced(fn: Op<'reduce'>['fn'], values: readonly number[]): number {
  switch (fn) {
    case 'mean':
      return sum(values) / values.length;
    case 'sum':
      return sum(values);
    case 'max':
      return Math.max(...values);
    case 'min':
      return Math.min(...values);
    case 'prod':
      return values.reduce((total, value) => total * value, 1);
    case 'sumSquares':
      return sum(values.map(value => value ** 2));
    case 'sumAbs':
      return sum(values.map(Math.abs));
  }
}

function extreme({fn, last}: Op<'argReduce'>, values: readonly number[]): number {
  const best = fn === 'max' ? Math.max(...values) : Math.min(...values);
  return last ? values.lastIndexOf(best) : values.indexOf(best);
}

function running(
  {fn, exclusive, reverse}: Op<'cumulative'>,
  values: readonly number[],
): readonly number[] {
  return values.map((_, at) => {
    const before = reverse
      ? values.slice(at + (exclusive ? 1 : 0))
      : values.slice(0, at + (exclusive ? 0 : 1));
    return reduced(fn, before);
  });
}

/** The positions that make one result each, when `axes` are summarised. */
function groups({shape}: Elements, axes: readonly number[]): number[][] {
  const walk = (dims: readonly number[]): number[] =>
    dims.reduce<number[]>(
      (starts, axis) => {
        const stride = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
        return starts.flatMap(start =>
          Array.from({length: shape[axis]!}, (_, index) => start + index * stride),
        );
      },
      [0],
    );
  const all = shape.map((_, axis) => axis);
  const inner = walk(all.filter(axis => axes.includes(axis)));
  return walk(all.filter(axis => !axes.includes(axis))).map(start => inner.map(at => start + at));
}

/** Applies `fn` to every group and puts its results where the elements were. */
function spread(
  x: Elements,
  axes: readonly number[],
  fn: (values: readonly number[]) => readonly number[],
): number[] {
  const result = new Array<number>(x.data.length);
  for (const group of groups(x, axes)) {
    fn(group.map(valueIn(x))).forEach((value, index) => {
      result[group[index]!] = value;
    });
  }
  return result;
}
