// Matrix products.

import type {DataType} from '../../../src/onnx/model.js';
import type {Call, RefOps} from './call.js';
import {integerRange, roundHalfEven} from './cast.js';
import {at, broadcastAt, broadcastDims, fill, map, type RefTensor, reshaped} from './tensor.js';

/** numpy's matmul: vectors become matrices for the time being, leading axes broadcast. */
function multiply(a: RefTensor, b: RefTensor, dtype: DataType = a.dtype): RefTensor {
  const left = a.dims.length === 1 ? reshaped(a, [1, ...a.dims]) : a;
  const right = b.dims.length === 1 ? reshaped(b, [...b.dims, 1]) : b;
  const [rows, depth] = left.dims.slice(-2) as [number, number];
  const columns = right.dims.at(-1)!;
  if (right.dims.at(-2) !== depth) throw new Error(`[${a.dims}] times [${b.dims}]`);
  const batch = broadcastDims(left.dims.slice(0, -2), right.dims.slice(0, -2));
  const y = fill(dtype, [...batch, rows, columns], index => {
    const [outer, row, column] = [index.slice(0, -2), index.at(-2)!, index.at(-1)!];
    let sum = 0;
    for (let k = 0; k < depth; k++)
      sum += matrixAt(left, outer, row, k) * matrixAt(right, outer, k, column);
    return sum;
  });
  const dims = [...batch];
  if (a.dims.length > 1) dims.push(rows);
  if (b.dims.length > 1) dims.push(columns);
  return reshaped(y, dims);
}

/** Element (row, column) of the matrix that the leading index `outer` broadcasts to. */
function matrixAt(x: RefTensor, outer: readonly number[], row: number, column: number): number {
  const own = x.dims.slice(0, -2);
  const skipped = outer.length - own.length;
  const leading = own.map((size, axis) => (size === 1 ? 0 : outer[axis + skipped]!));
  return at(x, [...leading, row, column]);
}

function gemm(call: Call): RefTensor {
  const [a, b, c] = [call.input(0), call.input(1), call.optional(2)];
  const [alpha, beta] = [call.float('alpha', 1), call.float('beta', 1)];
  const [left, right] = [turned(a, call.int('transA', 0)), turned(b, call.int('transB', 0))];
  const product = multiply(left, right);
  return fill(
    a.dtype,
    product.dims,
    (index, place) =>
      alpha * product.data[place]! + (c === null ? 0 : beta * broadcastAt(c, index)),
  );
}

function turned(x: RefTensor, isTransposed: number): RefTensor {
  if (isTransposed === 0) return x;
  const [rows, columns] = x.dims as [number, number];
  return fill(x.dtype, [columns, rows], ([i, j]) => at(x, [j!, i!]));
}

/** `x` minus a zero point: a scalar, or one per row (or column) of the matrix. */
function centred(x: RefTensor, zero: RefTensor | null, axis: -1 | -2): RefTensor {
  if (zero === null) return x;
  return fill(x.dtype, x.dims, (index, place) => {
    const own = zero.data.length === 1 ? 0 : index.at(axis)!;
    return x.data[place]! - zero.data[own]!;
  });
}

function multiplyQuantized(call: Call): RefTensor {
  const scale = (index: number) => call.input(index).data[0]!;
  const a = centred(call.input(0), call.input(2), -2);
  const b = centred(call.input(3), call.input(5), -1);
  const zero = call.input(7);
  const {low, high} = integerRange(zero.dtype);
  return map(
    multiply(a, b),
    sum => {
      const value = roundHalfEven((sum * scale(1) * scale(4)) / scale(6)) + zero.data[0]!;
      return Math.max(low, Math.min(high, value));
    },
    zero.dtype,
  );
}

export const MATRIX_OPS: RefOps = {
  MatMul: call => multiply(call.input(0), call.input(1)),
  Gemm: gemm,
  MatMulInteger: call =>
    multiply(
      centred(call.input(0), call.optional(2), -2),
      centred(call.input(1), call.optional(3), -1),
      'int32',
    ),
  QLinearMatMul: multiplyQuantized,
};
