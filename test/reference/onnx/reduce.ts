// Reductions over axes, softmax, running sums and positions of extremes.

import type {Call, RefOp, RefOps} from './call.js';
import {fill, forEachIndex, placeOf, type RefTensor, reshaped, resolveAxis} from './tensor.js';

/** The values of `x` that differ only in `axes`, gathered for every index of the result (with those axes of size 1). */
export function groups(
  x: RefTensor,
  axes: readonly number[],
): {readonly dims: number[]; readonly values: readonly number[][]} {
  const dims = x.dims.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const count = dims.reduce((product, size) => product * size, 1);
  const values = Array.from({length: count}, (): number[] => []);
  forEachIndex(x.dims, (index, place) => {
    const target = index.map((i, axis) => (axes.includes(axis) ? 0 : i));
    values[placeOf(dims, target)]!.push(x.data[place]!);
  });
  return {dims, values};
}

/** The axes to reduce: attribute or input; all of them when none are named, unless the call says otherwise. */
function reducedAxes(call: Call): readonly number[] {
  const rank = call.input(0).dims.length;
  const named = call.intsOrInput('axes', 1);
  if (named !== null && named.length > 0) return named.map(axis => resolveAxis(axis, rank));
  if (call.int('noop_with_empty_axes', 0) === 1) return [];
  return Array.from({length: rank}, (_, axis) => axis);
}

function reduction(f: (values: readonly number[]) => number): RefOp {
  return call => {
    const x = call.input(0);
    const axes = reducedAxes(call);
    const {dims, values} = groups(x, axes);
    const y = fill(x.dtype, dims, (_, place) => f(values[place]!));
    if (call.int('keepdims', 1) === 1) return y;
    return reshaped(
      y,
      dims.filter((_, axis) => !axes.includes(axis)),
    );
  };
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const squares = (values: readonly number[]) => sum(values.map(value => value * value));
const largest = (values: readonly number[]) =>
  values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);

function logSumExp(values: readonly number[]): number {
  const top = largest(values);
  if (!Number.isFinite(top)) return top;
  return top + Math.log(sum(values.map(value => Math.exp(value - top))));
}

/** Softmax and its kin: before opset 13 over everything from `axis` on, since then along `axis`. */
function alongAxis(f: (values: readonly number[]) => readonly number[]): RefOp {
  return call => {
    const x = call.input(0);
    const isOld = call.opset < 13;
    const axis = resolveAxis(call.int('axis', isOld ? 1 : -1), x.dims.length);
    const axes = isOld ? x.dims.map((_, i) => i).filter(i => i >= axis) : [axis];
    const {dims, values} = groups(x, axes);
    const results = values.map(f);
    const used = results.map(() => 0);
    return fill(x.dtype, x.dims, index => {
      const group = placeOf(
        dims,
        index.map((i, own) => (axes.includes(own) ? 0 : i)),
      );
      return results[group]![used[group]!++]!;
    });
  };
}

/** The position of the first (or last) largest value, `sign` -1 for the smallest. */
function argument(sign: 1 | -1): RefOp {
  return call => {
    const x = call.input(0);
    const axis = resolveAxis(call.int('axis', 0), x.dims.length);
    const {dims, values} = groups(x, [axis]);
    const isLast = call.int('select_last_index', 0) === 1;
    const y = fill('int64', dims, (_, place) => {
      const own = values[place]!.map(value => sign * value);
      return isLast ? own.lastIndexOf(largest(own)) : own.indexOf(largest(own));
    });
    return call.int('keepdims', 1) === 1
      ? y
      : reshaped(
          y,
          dims.filter((_, own) => own !== axis),
        );
  };
}

function runningSum(call: Call): RefTensor {
  const x = call.input(0);
  const axis = resolveAxis(call.input(1).data[0]!, x.dims.length);
  const isExclusive = call.int('exclusive', 0) === 1;
  const isReverse = call.int('reverse', 0) === 1;
  return fill(x.dtype, x.dims, index => {
    let total = 0;
    for (let i = 0; i < x.dims[axis]!; i++) {
      const distance = isReverse ? i - index[axis]! : index[axis]! - i;
      if (distance < (isExclusive ? 1 : 0)) continue;
      total += x.data[placeOf(x.dims, index.with(axis, i))]!;
    }
    return total;
  });
}

function hardmax(values: readonly number[]): number[] {
  const first = values.indexOf(largest(values));
  return values.map((_, index) => (index === first ? 1 : 0));
}

export const REDUCE_OPS: RefOps = {
  ReduceSum: reduction(sum),
  ReduceMean: reduction(values => sum(values) / values.length),
  ReduceMax: reduction(largest),
  ReduceMin: reduction(values => -largest(values.map(value => -value))),
  ReduceProd: reduction(values => values.reduce((a, b) => a * b, 1)),
  ReduceL1: reduction(values => sum(values.map(Math.abs))),
  ReduceL2: reduction(values => Math.sqrt(squares(values))),
  ReduceSumSquare: reduction(squares),
  ReduceLogSum: reduction(values => Math.log(sum(values))),
  ReduceLogSumExp: reduction(logSumExp),
  Softmax: alongAxis(values => values.map(value => Math.exp(value - logSumExp(values)))),
  LogSoftmax: alongAxis(values => values.map(value => value - logSumExp(values))),
  Hardmax: alongAxis(hardmax),
  ArgMax: argument(1),
  ArgMin: argument(-1),
  CumSum: runningSum,
};
