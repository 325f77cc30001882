// Constant folding: evaluates an operation whose inputs are all constant.
//
// Small loops, not fast ones: what is folded are shape tails and small tables. Operations left out
// here (convolutions, pooling, ...) run like any other, on constants.

import {retype} from '../onnx/floats.js';
import type {DataType, Tensor} from '../onnx/model.js';
import {joinScattered, tableOffsets} from './fold-indexed.js';
import {foldGemm, foldMatmul} from './fold-matrix.js';
import {foldArgReduce, foldCumulative, foldReduce} from './fold-reduce.js';
import {binaryFunction, ternaryFunction, unaryFunction} from './fold-scalar.js';
import type {ChainOp, Operation} from './graph.js';
import {elementCount, forEachOffset, rowMajorStrides, type Shape} from './shapes.js';
import {isFloating} from './types.js';

export type TensorData = Float32Array | Float64Array;

/** Zeros in the array type that holds `dtype`. */
export function createData(dtype: DataType, count: number): TensorData {
  return isFloating(dtype) ? new Float32Array(count) : new Float64Array(count);
}

/** A constant of `dtype`; values are copied. */
export function createTensor(dtype: DataType, dims: Shape, values: ArrayLike<number>): Tensor {
  const data = createData(dtype, values.length);
  data.set(values);
  return {dtype, dims, data};
}

/**
 * The result of `operation` on constants, or undefined for operations that are not folded.
 *
 * @param dtype the result's type, where it is not simply that of the elements moved
 */
export function foldOperation(
  operation: Operation,
  inputs: readonly Tensor[],
  shape: Shape,
  dtype: DataType,
): Tensor | undefined {
  const x = inputs[0]!;
  switch (operation.op) {
    case 'reshape':
      return retype(x, {dims: shape});
    case 'transpose': {
      const strides = rowMajorStrides(x.dims);
      return gatherStrided(
        x,
        shape,
        operation.perm.map(axis => strides[axis]!),
      );
    }
    case 'expand':
      return gatherStrided(x, shape, broadcastStrides(x.dims, shape));
    case 'slice': {
      const {starts, steps} = operation;
      return selectIndices(x, shape, (axis, index) => starts[axis]! + index * steps[axis]!);
    }
    case 'gather': {
      const {axis: gathered, indices} = operation;
      return selectIndices(x, shape, (axis, index) =>
        axis === gathered ? indices[index]! : index,
      );
    }
    case 'pad': {
      const {mode, begin, value} = operation;
      const source = (axis: number, index: number) =>
        padIndex(mode, index - begin[axis]!, x.dims[axis]!);
      return selectIndices(x, shape, source, value);
    }
    case 'gatherIndexed':
      return foldGather(inputs, operation, shape);
    case 'scatterIndexed':
      return foldScatter(inputs, operation);
    case 'concat':
      return foldConcat(inputs, shape, operation.axis);
    case 'chain':
      return foldChain(operation.ops, inputs, {shape, dtype});
    case 'reduce':
      return foldReduce(x, shape, operation);
    case 'argReduce':
      return foldArgReduce(x, shape, operation);
    case 'cumulative':
      return foldCumulative(x, operation);
    case 'gemm':
      return foldGemm(x, shape, operation);
    case 'matmul':
      return foldMatmul(inputs, shape);
    default:
      return undefined;
  }
}

/** Strides that read `dims` as the wider `shape`: 0 along repeated axes. */
export function broadcastStrides(dims: Shape, shape: Shape): number[] {
  const strides = rowMajorStrides(dims);
  const offset = shape.length - dims.length;
  return shape.map((_, axis) =>
    axis < offset || dims[axis - offset] === 1 ? 0 : strides[axis - offset]!,
  );
}

/** Index read by position `index` of a padded axis, or -1 where the constant goes. */
export function padIndex(
  mode: 'constant' | 'reflect' | 'edge' | 'wrap',
  index: number,
  size: number,
): number {
  if (index >= 0 && index < size) return index;
  switch (mode) {
    case 'constant':
      return -1;
    case 'edge':
      return index < 0 ? 0 : size - 1;
    case 'wrap':
      return ((index % size) + size) % size;
    case 'reflect': {
      const period = Math.max(1, 2 * (size - 1));
      const folded = ((index % period) + period) % period;
      return folded < size ? folded : period - folded;
    }
  }
}

function gatherStrided(x: Tensor, shape: Shape, strides: Shape): Tensor {
  const data = createData(x.dtype, elementCount(shape));
  forEachOffset(shape, strides, (offset, at) => {
    data[at] = x.data[offset]!;
  });
  return {dtype: x.dtype, dims: shape, data};
}

function selectIndices(
  x: Tensor,
  shape: Shape,
  source: (axis: number, index: number) => number,
  fill = 0,
): Tensor {
  const strides = rowMajorStrides(x.dims);
  const tables = shape.map((size, axis) =>
    Array.from({length: size}, (_, index) => source(axis, index)),
  );
  const data = createData(x.dtype, elementCount(shape));
  const outStrides = rowMajorStrides(shape);

  for (let at = 0; at < data.length; at++) {
    let offset = 0;
    let isFill = false;
    for (let axis = 0; axis < shape.length; axis++) {
      const index = tables[axis]![Math.floor(at / outStrides[axis]!) % shape[axis]!]!;
      if (index < 0) isFill = true;
      offset += index * strides[axis]!;
    }
    data[at] = isFill ? fill : x.data[offset]!;
  }

  return {dtype: x.dtype, dims: shape, data};
}

function foldGather(
  [x, indices]: readonly Tensor[],
  {map}: Extract<Operation, {op: 'gatherIndexed'}>,
  shape: Shape,
): Tensor {
  const data = createData(x!.dtype, elementCount(shape));
  const offsets = tableOffsets(x!.dims, indices!, {map, shape});
  for (const [at, offset] of offsets.entries()) data[at] = x!.data[offset]!;
  return {dtype: x!.dtype, dims: shape, data};
}

function foldScatter(
  [x, indices, updates]: readonly Tensor[],
  {map, fn}: Extract<Operation, {op: 'scatterIndexed'}>,
): Tensor {
  const data = createData(x!.dtype, x!.data.length);
  data.set(x!.data);
  const offsets = tableOffsets(x!.dims, indices!, {map, shape: updates!.dims});
  for (const [at, offset] of offsets.entries())
    data[offset] = joinScattered(fn, data[offset]!, updates!.data[at]!);
  return {dtype: x!.dtype, dims: x!.dims, data};
}

function foldConcat(inputs: readonly Tensor[], shape: Shape, axis: number): Tensor {
  const dtype = inputs[0]!.dtype;
  const data = createData(dtype, elementCount(shape));
  const outer = elementCount(shape.slice(0, axis));
  const width = elementCount(shape.slice(axis));
  let column = 0;

  for (const input of inputs) {
    const block = elementCount(input.dims.slice(axis));
    for (let row = 0; row < outer; row++) {
      data.set(input.data.subarray(row * block, (row + 1) * block), row * width + column);
    }
    column += block;
  }

  return {dtype, dims: shape, data};
}

/** In double precision throughout, so that integers are exact to 2^53. */
function foldChain(
  ops: readonly ChainOp[],
  inputs: readonly Tensor[],
  {shape, dtype}: {readonly shape: Shape; readonly dtype: DataType},
): Tensor {
  const count = elementCount(shape);
  const operands: Float64Array[] = inputs.map(input => {
    const operand = new Float64Array(count);
    forEachOffset(shape, broadcastStrides(input.dims, shape), (offset, at) => {
      operand[at] = input.data[offset]!;
    });
    return operand;
  });
  for (const op of ops) operands.push(foldStep(op, operands, count));
  return createTensor(dtype, shape, operands.at(-1)!);
}

function foldStep(
  {fn, a, b, c = 0}: ChainOp,
  operands: readonly Float64Array[],
  count: number,
): Float64Array {
  const [left, right, third] = [operands[a]!, operands[b]!, operands[c]!];
  switch (fn.kind) {
    case 'unary':
      return left.map(unaryFunction(fn.activation));
    case 'binary': {
      const scalar = binaryFunction(fn.fn);
      return Float64Array.from({length: count}, (_, at) => scalar(left[at]!, right[at]!));
    }
    case 'ternary': {
      const scalar = ternaryFunction(fn.fn);
      return Float64Array.from({length: count}, (_, at) =>
        scalar(left[at]!, right[at]!, third[at]!),
      );
    }
  }
}
