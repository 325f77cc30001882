// Element types: what a value means. At run time all values are held as f32.

import {
  type DataType,
  FLOAT_TYPES,
  type FloatType,
  INTEGER_TYPES,
  type IntegerType,
} from '../onnx/model.js';

/** The types of values at run time: floating types become float32, the others stay what they are. */
export const RUN_TIME_TYPES = ['float32', ...INTEGER_TYPES] as const;

export type RunTimeType = (typeof RUN_TIME_TYPES)[number];

export function isFloating(dtype: DataType): dtype is FloatType {
  return FLOAT_TYPES.some(type => type === dtype);
}

/** The type a value has at run time. */
export function runTimeType(dtype: DataType): RunTimeType {
  return isFloating(dtype) ? 'float32' : dtype;
}

/** What an operator can be told apart by: floating types, whole numbers, bool. */
export type TypeKind = 'float' | 'integer' | 'bool';

/** Type constraints of ONNX, as far as they tell kinds apart. */
export const TYPES = {
  float: ['float'],
  integer: ['integer'],
  bool: ['bool'],
  number: ['float', 'integer'],
  any: ['float', 'integer', 'bool'],
} as const satisfies Readonly<Record<string, readonly TypeKind[]>>;

export function typeKind(dtype: DataType): TypeKind {
  if (isFloating(dtype)) return 'float';
  return dtype === 'bool' ? 'bool' : 'integer';
}

/** A range of whole numbers: [low, low + count). */
export interface IntegerRange {
  readonly low: number;
  readonly count: number;
}

const BITS: Readonly<Record<Exclude<IntegerType, 'bool'>, number>> = {
  int8: 8,
  uint8: 8,
  int16: 16,
  uint16: 16,
  int32: 32,
  uint32: 32,
  int64: 64,
  uint64: 64,
};

/** The values of an integer type. */
export function integerRange(dtype: IntegerType): IntegerRange {
  if (dtype === 'bool') return {low: 0, count: 2};
  const count = 2 ** BITS[dtype];
  return {low: dtype.startsWith('u') ? 0 : -count / 2, count};
}

/** Whether every value of `inner` is one of `outer`. */
export function contains(outer: IntegerType, inner: IntegerType): boolean {
  const [outside, inside] = [integerRange(outer), integerRange(inner)];
  return outside.low <= inside.low && inside.low + inside.count <= outside.low + outside.count;
}
