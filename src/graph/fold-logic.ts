// Folding of operators that exist only on constants: casts, comparisons, ranges, products.

import type {DataType, Tensor} from '../onnx/model.js';
import {broadcastStrides, createData, createTensor} from './fold.js';
import {elementCount, forEachOffset, type Shape} from './shapes.js';
import {isFloating} from './types.js';

/** Bits and sign of the integer types; 64-bit ones are held as doubles and never wrap. */
const INTEGER_BITS: Partial<Record<DataType, {readonly bits: number; readonly signed: boolean}>> = {
  int8: {bits: 8, signed: true},
  uint8: {bits: 8, signed: false},
  int16: {bits: 16, signed: true},
  uint16: {bits: 16, signed: false},
  int32: {bits: 32, signed: true},
  uint32: {bits: 32, signed: false},
};

/** Converts to `dtype`: floats to integers truncate toward zero, integers wrap, bool is x != 0. */
export function foldCast(x: Tensor, dtype: DataType): Tensor {
  if (isFloating(dtype) && isFloating(x.dtype)) return {...x, dtype};
  if (isFloating(dtype)) return createTensor(dtype, x.dims, x.data);
  return createTensor(
    dtype,
    x.dims,
    Float64Array.from(x.data, value => castInteger(value, dtype)),
  );
}

function castInteger(value: number, dtype: DataType): number {
  if (dtype === 'bool') return value !== 0 ? 1 : 0;
  if (Number.isNaN(value)) return 0;
  const whole = Math.trunc(value);
  const type = INTEGER_BITS[dtype];
  if (type === undefined || !Number.isFinite(whole)) return whole;

  const range = 2 ** type.bits;
  const wrapped = ((whole % range) + range) % range;
  return type.signed && wrapped >= range / 2 ? wrapped - range : wrapped;
}

/** fn over broadcast inputs; the caller has checked that they broadcast to `shape`. */
export function foldElementwise(
  inputs: readonly Tensor[],
  result: {readonly shape: Shape; readonly dtype: DataType},
  fn: (values: readonly number[]) => number,
): Tensor {
  const {shape, dtype} = result;
  const data = createData(dtype, elementCount(shape));
  const columns = inputs.map(input => {
    const column = new Float64Array(data.length);
    forEachOffset(shape, broadcastStrides(input.dims, shape), (offset, at) => {
      column[at] = input.data[offset]!;
    });
    return column;
  });

  for (let at = 0; at < data.length; at++) data[at] = fn(columns.map(column => column[at]!));
  return {dtype, dims: shape, data};
}
