// What counts as the expected output: type, shape and values.

import {runTimeType} from '../../src/graph/types.js';
import type {Tensor} from '../../src/onnx/model.js';

/** Error allowed of a floating value, as a part of the expected one (the tolerance of ONNX's own tests). */
export const RELATIVE = 1e-3;
/** Error allowed beside the relative one: sums in float32 may miss a zero. */
export const ABSOLUTE = 1e-5;
/** Integers beyond are not whole in f32. */
const EXACT_INTEGERS = 2 ** 24;

export interface Computed {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: ArrayLike<number | bigint | boolean>;
}

/** The first difference between `got` and `want` in one sentence, or null. */
export function difference(got: Computed, want: Tensor): string | null {
  const dtype = runTimeType(want.dtype);
  if (got.dtype !== dtype) return `type ${got.dtype} instead of ${dtype}`;
  if (got.shape.join() !== want.dims.join())
    return `shape [${got.shape}] instead of [${want.dims}]`;
  if (got.data.length !== want.data.length)
    return `${got.data.length} values instead of ${want.data.length}`;
  for (let index = 0; index < want.data.length; index++) {
    const [actual, expected] = [Number(got.data[index]), want.data[index]!];
    if (!isClose(actual, expected, dtype === 'float32'))
      return `value ${index} is ${actual} instead of ${expected}`;
  }
  return null;
}

function isClose(actual: number, expected: number, isFloat: boolean): boolean {
  if (actual === expected) return true;
  if (!Number.isFinite(expected)) return Number.isNaN(expected) && Number.isNaN(actual);
  if (!isFloat && Math.abs(expected) <= EXACT_INTEGERS) return false;
  return Math.abs(actual - expected) <= ABSOLUTE + RELATIVE * Math.abs(expected);
}
