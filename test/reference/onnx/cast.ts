// Conversions between element types.

import type {DataType} from '../../../src/onnx/model.js';
import type {Call, RefOps} from './call.js';
import {fill, map, placeOf, type RefTensor, resolveAxis} from './tensor.js';

const INTEGER_BITS: Readonly<Partial<Record<DataType, number>>> = {
  int8: 8,
  uint8: 8,
  int16: 16,
  uint16: 16,
  int32: 32,
  uint32: 32,
  int64: 64,
  uint64: 64,
};

const TYPE_OF_NUMBER: Readonly<Record<number, DataType>> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
  16: 'bfloat16',
};

export function isInteger(dtype: DataType): boolean {
  return INTEGER_BITS[dtype] !== undefined;
}

/** The range of an integer type. */
export function integerRange(dtype: DataType): {readonly low: number; readonly high: number} {
  const bits = INTEGER_BITS[dtype];
  if (bits === undefined) throw new Error(`${dtype} is no integer type`);
  return dtype.startsWith('u')
    ? {low: 0, high: 2 ** bits - 1}
    : {low: -(2 ** (bits - 1)), high: 2 ** (bits - 1) - 1};
}

/** `value` as an element of `dtype`: rounded, cut to whole, wrapped around. */
export function converted(value: number, dtype: DataType): number {
  if (dtype === 'float64') return value;
  if (dtype === 'float32') return Math.fround(value);
  if (dtype === 'float16') return roundedTo(value, 11, -24, 65504);
  if (dtype === 'bfloat16') return roundedTo(value, 8, -133, 3.3895313892515355e38);
  if (dtype === 'bool') return value === 0 ? 0 : 1;
  const {low, high} = integerRange(dtype);
  const whole = Math.trunc(value);
  if (whole >= low && whole <= high) return whole;
  const size = high - low + 1;
  return whole - Math.floor((whole - low) / size) * size;
}

/** `value` with `bits` of precision, steps no finer than 2^finest, infinite beyond `largest` and half a step. */
function roundedTo(value: number, bits: number, finest: number, largest: number): number {
  if (!Number.isFinite(value) || value === 0) return value;
  const step = 2 ** Math.max(Math.floor(Math.log2(Math.abs(value))) - bits + 1, finest);
  const rounded = roundHalfEven(value / step) * step;
  return Math.abs(rounded) > largest ? Math.sign(rounded) * Number.POSITIVE_INFINITY : rounded;
}

/** Nearest whole number, halves to the even one. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

export function cast(x: RefTensor, dtype: DataType): RefTensor {
  return map(x, value => converted(value, dtype), dtype);
}

/** The type that attribute `name` gives the number of. */
function typeAttribute(call: Call, name: string): DataType {
  const dtype = TYPE_OF_NUMBER[call.int(name, 0)];
  if (dtype === undefined) throw new Error(`${name}: type ${call.int(name, 0)}`);
  return dtype;
}

/** Nearest value of the scale, kept inside the range of `dtype`. Single precision decides what is a half. */
function quantized(value: number, scale: number, zero: number, dtype: DataType): number {
  const {low, high} = integerRange(dtype);
  return Math.max(low, Math.min(high, roundHalfEven(Math.fround(value / scale)) + zero));
}

/** Scale and zero point of a place: scalars, one element per index of `axis`, or one per block along it. */
function scaleAt(call: Call, index: readonly number[]): {scale: number; zero: number} {
  const [x, scale, zero] = [call.input(0), call.input(1), call.optional(2)];
  const axis = resolveAxis(call.int('axis', 1), x.dims.length);
  const block = call.int('block_size', 0);
  const place = () => {
    if (scale.data.length === 1) return 0;
    if (block === 0) return index[axis]!;
    return placeOf(scale.dims, index.with(axis, Math.floor(index[axis]! / block)));
  };
  return {scale: scale.data[place()]!, zero: zero === null ? 0 : zero.data[place()]!};
}

function withScales(
  call: Call,
  dtype: DataType,
  value: (x: number, scale: number, zero: number) => number,
): RefTensor {
  const x = call.input(0);
  return fill(dtype, x.dims, (index, place) => {
    const {scale, zero} = scaleAt(call, index);
    return value(x.data[place]!, scale, zero);
  });
}

function quantizeDynamically(call: Call): RefTensor[] {
  const x = call.input(0);
  const low = Math.min(0, ...x.data);
  const high = Math.max(0, ...x.data);
  const scale = Math.fround((high - low) / 255);
  const zero = Math.max(0, Math.min(255, roundHalfEven(-low / scale)));
  return [
    map(x, value => quantized(value, scale, zero, 'uint8'), 'uint8'),
    {dtype: 'float32', dims: [], data: Float64Array.of(scale)},
    {dtype: 'uint8', dims: [], data: Float64Array.of(zero)},
  ];
}

export const CAST_OPS: RefOps = {
  Cast: call => cast(call.input(0), typeAttribute(call, 'to')),
  CastLike: call => cast(call.input(0), call.input(1).dtype),
  QuantizeLinear: call => {
    const isTyped = call.int('output_dtype', 0) !== 0;
    const fallback = isTyped ? typeAttribute(call, 'output_dtype') : 'uint8';
    const dtype = call.optional(2)?.dtype ?? fallback;
    return withScales(call, dtype, (x, scale, zero) => quantized(x, scale, zero, dtype));
  },
  DequantizeLinear: call =>
    withScales(call, call.input(1).dtype, (x, scale, zero) => (x - zero) * scale),
  DynamicQuantizeLinear: quantizeDynamically,
};
