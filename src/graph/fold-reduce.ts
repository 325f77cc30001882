// Folding of operations that summarise axes of a constant.

import type {DataType, Tensor} from '../onnx/model.js';
import {createTensor} from './fold.js';
import type {ReduceFunction} from './functions.js';
import type {Operation} from './graph.js';
import {elementCount, forEachOffset, rowMajorStrides, type Shape} from './shapes.js';
import {isFloating} from './types.js';

type OperationOf<Op extends Operation['op']> = Extract<Operation, {op: Op}>;

/** Reduces x to `shape`; a whole-number mean is truncated toward zero. */
export function foldReduce(x: Tensor, shape: Shape, {fn, axes}: OperationOf<'reduce'>): Tensor {
  const results = new Float64Array(elementCount(shape)).fill(emptyReduction(fn, x.dtype));
  const combine = combiner(fn);
  forEachOffset(x.dims, keptStrides(x.dims, axes), (offset, at) => {
    results[offset] = combine(results[offset]!, x.data[at]!);
  });
  if (fn !== 'mean') return createTensor(x.dtype, shape, results);

  const count = x.data.length / results.length;
  const mean = (sum: number) => (isFloating(x.dtype) ? sum / count : Math.trunc(sum / count));
  return createTensor(x.dtype, shape, results.map(mean));
}

/** What a reduction of no elements gives; the sum of none for a mean, which has to be divided by 0. */
export function emptyReduction(fn: ReduceFunction, dtype: DataType): number {
  switch (fn) {
    case 'max':
      return lowest(dtype);
    case 'min':
      return highest(dtype);
    case 'prod':
      return 1;
    case 'mean':
    case 'sum':
    case 'sumSquares':
    case 'sumAbs':
      return 0;
  }
}

function lowest(dtype: DataType): number {
  if (dtype === 'bool' || dtype.startsWith('uint')) return 0;
  return isFloating(dtype) ? Number.NEGATIVE_INFINITY : -(2 ** (bits(dtype) - 1));
}

function highest(dtype: DataType): number {
  if (dtype === 'bool') return 1;
  if (isFloating(dtype)) return Number.POSITIVE_INFINITY;
  return 2 ** (dtype.startsWith('uint') ? bits(dtype) : bits(dtype) - 1) - 1;
}

/** `int32` has 32. */
function bits(dtype: DataType): number {
  return Number(dtype.replace(/\D/g, ''));
}

function combiner(fn: ReduceFunction): (total: number, value: number) => number {
  switch (fn) {
    case 'max':
      return Math.max;
    case 'min':
      return Math.min;
    case 'prod':
      return (total, value) => total * value;
    case 'sumSquares':
      return (total, value) => total + value * value;
    case 'sumAbs':
      return (total, value) => total + Math.abs(value);
    case 'mean':
    case 'sum':
      return (total, value) => total + value;
  }
}

/** For every axis of x, the stride in a result that leaves `axes` out or keeps them with size 1. */
function keptStrides(dims: Shape, axes: readonly number[]): number[] {
  const strides = rowMajorStrides(dims.filter((_, axis) => !axes.includes(axis)));
  let kept = 0;
  return dims.map((_, axis) => (axes.includes(axis) ? 0 : strides[kept++]!));
}

/** Indices of type int64. */
export function foldArgReduce(
  x: Tensor,
  shape: Shape,
  {fn, axis, last}: OperationOf<'argReduce'>,
): Tensor {
  const sign = fn === 'max' ? 1 : -1;
  const best = new Float64Array(elementCount(shape));
  const values = new Float64Array(best.length);
  const size = x.dims[axis]!;
  const inner = elementCount(x.dims.slice(axis + 1));
  forEachOffset(x.dims, keptStrides(x.dims, [axis]), (offset, at) => {
    const index = Math.floor(at / inner) % size;
    const value = sign * x.data[at]!;
    if (index > 0 && !(value > values[offset]! || (last && value === values[offset]!))) return;
    best[offset] = index;
    values[offset] = value;
  });
  return createTensor('int64', shape, best);
}

export function foldCumulative(
  x: Tensor,
  {fn, axis, exclusive, reverse}: OperationOf<'cumulative'>,
): Tensor {
  const size = x.dims[axis]!;
  const inner = elementCount(x.dims.slice(axis + 1));
  const data = new Float64Array(x.data.length);
  for (let row = 0; row < data.length / size; row++) {
    const first = Math.floor(row / inner) * inner * size + (row % inner);
    let total = fn === 'sum' ? 0 : 1;
    for (let step = 0; step < size; step++) {
      const at = first + (reverse ? size - 1 - step : step) * inner;
      const next = fn === 'sum' ? total + x.data[at]! : total * x.data[at]!;
      data[at] = exclusive ? total : next;
      total = next;
    }
  }
  return createTensor(x.dtype, x.dims, data);
}
