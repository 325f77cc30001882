// Arrays of any kind → numbers, with the checks that the meaning of the input asks for.

import {UntangleError} from '../errors.js';
import {isFloating} from '../graph/types.js';
import type {DataType} from '../onnx/model.js';
import {bfloatToFloat, halfToFloat} from '../onnx/tensor.js';
import {describeType, describeValue} from './describe.js';
import type {Target} from './feeds.js';

/** Typed arrays by the name every realm's arrays carry, with what their elements are. */
const ELEMENT_TYPES: Readonly<Record<string, DataType>> = {
  Float32Array: 'float32',
  Float64Array: 'float64',
  Float16Array: 'float16',
  Int8Array: 'int8',
  Uint8Array: 'uint8',
  Uint8ClampedArray: 'uint8',
  Int16Array: 'int16',
  Uint16Array: 'uint16',
  Int32Array: 'int32',
  Uint32Array: 'uint32',
  BigInt64Array: 'int64',
  BigUint64Array: 'uint64',
};

/** Types whose elements another array may hold. */
const HELD_AS: Readonly<Partial<Record<DataType, DataType>>> = {
  float16: 'uint16',
  bfloat16: 'uint16',
  bool: 'uint8',
};

/** Least and greatest value of the types that are not floating. */
const RANGES: Readonly<Partial<Record<DataType, readonly [number, number]>>> = {
  bool: [0, 1],
  int8: [-(2 ** 7), 2 ** 7 - 1],
  uint8: [0, 2 ** 8 - 1],
  int16: [-(2 ** 15), 2 ** 15 - 1],
  uint16: [0, 2 ** 16 - 1],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [-(2 ** 63), 2 ** 63],
  uint64: [0, 2 ** 64],
};

/** Whole numbers are exact in f32 up to here. */
export const EXACT_LIMIT = 2 ** 24;

type NumberArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array;

/** The type of a typed array's elements; null for anything else. */
export function elementTypeOf(data: unknown): DataType | null {
  if (!ArrayBuffer.isView(data)) return null;
  // The getter of all typed arrays, which subclasses such as Buffer inherit; a DataView has another name.
  return ELEMENT_TYPES[(data as Uint8Array)[Symbol.toStringTag]] ?? null;
}

/**
 * The numbers in `data`, which is not copied when it holds numbers already.
 *
 * @param dtype what the caller says the elements are
 * @throws ERR_INPUT_TYPE, ERR_INPUT_VALUE
 */
export function readNumbers(target: Target, data: unknown, dtype: unknown): NumberArray {
  if (Array.isArray(data)) return readPlainArray(target, data);
  const found = elementTypeOf(data);
  if (found === null) throw typeError(target, describeType(data));
  const meant = checkMeaning(target, found, dtype, describeType(data));
  if (found === 'uint16' && meant === 'float16') return mapBits(data as Uint16Array, halfToFloat);
  if (found === 'uint16' && meant === 'bfloat16')
    return mapBits(data as Uint16Array, bfloatToFloat);
  if (found === 'int64' || found === 'uint64')
    return Float64Array.from(data as unknown as ArrayLike<bigint>, Number);
  if (found === 'float16') return new Float32Array(data as unknown as ArrayLike<number>);
  return data as NumberArray;
}

/** @throws ERR_INPUT_TYPE when the elements of `received` cannot be what `dtype` says, or when nothing says what they are */
function checkMeaning(target: Target, found: DataType, dtype: unknown, received: string): DataType {
  if (dtype === undefined) {
    // Without Float16Array this is how half precision travels: nobody but the caller knows.
    if (found !== 'uint16' || !isFloating(target.dtype)) return found;
    throw new UntangleError('ERR_INPUT_TYPE', [
      target.name,
      "{data, dtype: 'float16'} for the bits of halves or {data, dtype: 'uint16'} for numbers",
      `a bare ${received}, which could be either`,
    ]);
  }
  if (dtype === found) return found;
  if (typeof dtype === 'string' && HELD_AS[dtype as DataType] === found) return dtype as DataType;
  throw new UntangleError('ERR_INPUT_TYPE', [
    target.name,
    `elements of type ${describeValue(dtype)}, as dtype says,`,
    received,
  ]);
}

function mapBits(bits: Uint16Array, convert: (bits: number) => number): Float32Array {
  const result = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) result[i] = convert(bits[i]!);
  return result;
}

function readPlainArray(target: Target, values: readonly unknown[]): Float64Array {
  const result = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value !== 'number' && typeof value !== 'bigint' && typeof value !== 'boolean') {
      const expected = 'numbers in one flat array';
      throw valueError(target, expected, describeValue(value), i);
    }
    result[i] = Number(value);
  }
  return result;
}

/**
 * Checks that `values` are what a type that is not floating holds.
 *
 * @param limit greatest magnitude that can be held
 * @throws ERR_INPUT_VALUE
 */
export function checkWhole(target: Target, values: NumberArray, limit: number): void {
  const range = RANGES[target.dtype];
  if (range === undefined) return;
  const low = Math.max(range[0], -limit);
  const high = Math.min(range[1], limit);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (Number.isInteger(value) && value >= low && value <= high) continue;
    const exact = low > range[0] || high < range[1] ? ', the largest held exactly' : '';
    const expected = `whole numbers from ${low} to ${high} (${target.dtype}${exact})`;
    throw valueError(target, expected, String(value), i);
  }
}

/**
 * `data` as f32: itself when it is a Float32Array, else a copy.
 *
 * @throws ERR_INPUT_TYPE, ERR_INPUT_VALUE
 */
export function readFloats(target: Target, data: unknown, dtype: unknown): Float32Array {
  const values = readNumbers(target, data, dtype);
  checkWhole(target, values, EXACT_LIMIT);
  return elementTypeOf(values) === 'float32' ? (values as Float32Array) : new Float32Array(values);
}

function typeError({name}: Target, received: string): UntangleError {
  return new UntangleError('ERR_INPUT_TYPE', [
    name,
    'an array of numbers (typed or plain), {data, shape, dtype} or a picture {data, width, height}',
    received,
  ]);
}

function valueError(
  {name}: Target,
  expected: string,
  received: string,
  index: number,
): UntangleError {
  return new UntangleError('ERR_INPUT_VALUE', [name, expected, received, index], {
    input: name,
    index,
  });
}
