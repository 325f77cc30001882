// Element types: what a value means. At run time all values are held as f32.

import {type DataType, FLOAT_TYPES, type FloatType, INTEGER_TYPES} from '../onnx/model.js';

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
