// A dense tensor as it comes from and goes to files.

import type {DataType} from '../onnx/model.js';
import type {OutputArray} from '../runtime/outputs.js';

/** `dtype` says what the numbers mean, not how they are held: files of integers are read as Float64Arrays. */
export interface CliTensor {
  readonly shape: readonly number[];
  readonly dtype: DataType;
  readonly data: OutputArray | Float64Array;
}

/** The values as f32, for pictures. */
export function toFloats(data: CliTensor['data']): Float32Array {
  return data instanceof Float32Array
    ? data
    : Float32Array.from(data as ArrayLike<number | bigint>, Number);
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

export interface Statistics {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
}

/** Minimum, maximum and mean; NaN when a value is NaN or there are none. */
export function statistics(data: CliTensor['data']): Statistics {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let sum = 0;
  for (const element of data) {
    const value = Number(element);
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
  }
  if (data.length === 0 || Number.isNaN(sum))
    return {min: Number.NaN, max: Number.NaN, mean: Number.NaN};
  return {min, max, mean: sum / data.length};
}
