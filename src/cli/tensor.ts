// A dense f32 tensor as it comes from and goes to files.

export interface CliTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
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
export function statistics(data: Float32Array): Statistics {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let sum = 0;
  for (const value of data) {
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
  }
  if (data.length === 0 || Number.isNaN(sum))
    return {min: Number.NaN, max: Number.NaN, mean: Number.NaN};
  return {min, max, mean: sum / data.length};
}
