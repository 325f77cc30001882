// Folding of matrix products of constants: normalised weights are often computed in the model.

import type {Tensor} from '../onnx/model.js';
import {broadcastStrides, createTensor} from './fold.js';
import type {Operation} from './graph.js';
import {elementCount, rowMajorStrides, type Shape} from './shapes.js';
import {allWeights, gemmWeightShape} from './weights.js';

/** Most products of one fold: seconds, not minutes. Larger ones run like any other operation. */
const MAX_PRODUCTS = 2 ** 28;

/** x [.., K] times the weights [K, N], plus the bias; undefined where the result is not bare or too much work. */
export function foldGemm(
  x: Tensor,
  shape: Shape,
  {weights, bias, epilogue}: Extract<Operation, {op: 'gemm'}>,
): Tensor | undefined {
  const depth = x.dims.at(-1)!;
  const columns = shape.at(-1)!;
  const isBare = epilogue.residual === undefined && epilogue.activation.fn === 'identity';
  if (!isBare || elementCount(shape) * depth > MAX_PRODUCTS) return undefined;
  const data = multiply(
    {data: x.data, offset: 0},
    {data: allWeights(weights, gemmWeightShape(weights, columns)), offset: 0},
    {rows: elementCount(shape.slice(0, -1)), depth, columns},
  );
  if (bias !== null) for (let at = 0; at < data.length; at++) data[at]! += bias[at % columns]!;
  return createTensor(x.dtype, shape, data);
}

/** a [.., M, K] times b [.., K, N]; batches broadcast. */
export function foldMatmul(inputs: readonly Tensor[], shape: Shape): Tensor | undefined {
  const [a, b] = inputs as [Tensor, Tensor];
  const depth = a.dims.at(-1)!;
  if (elementCount(shape) * depth > MAX_PRODUCTS) return undefined;
  const [rows, columns] = shape.slice(-2) as [number, number];
  const batch = shape.slice(0, -2);
  const strides = [a, b].map(({dims}) => broadcastStrides(dims.slice(0, -2), batch));
  const batchStrides = rowMajorStrides(batch);
  const data = new Float64Array(elementCount(shape));

  for (let item = 0; item < elementCount(batch); item++) {
    const index = batch.map((size, axis) => Math.floor(item / batchStrides[axis]!) % size);
    const [matrixA, matrixB] = strides.map(own =>
      index.reduce((sum, i, axis) => sum + i * own[axis]!, 0),
    ) as [number, number];
    data.set(
      multiply(
        {data: a.data, offset: matrixA * rows * depth},
        {data: b.data, offset: matrixB * depth * columns},
        {rows, depth, columns},
      ),
      item * rows * columns,
    );
  }
  return createTensor(a.dtype, shape, data);
}

interface Matrix {
  readonly data: ArrayLike<number>;
  readonly offset: number;
}

/** Row-major a [rows, depth] times b [depth, columns], summed in double precision. */
function multiply(
  a: Matrix,
  b: Matrix,
  sizes: {readonly rows: number; readonly depth: number; readonly columns: number},
): Float64Array {
  const {rows, depth, columns} = sizes;
  const y = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < depth; k++) {
      const factor = a.data[a.offset + row * depth + k]!;
      for (let column = 0; column < columns; column++)
        y[row * columns + column]! += factor * b.data[b.offset + k * columns + column]!;
    }
  }
  return y;
}
