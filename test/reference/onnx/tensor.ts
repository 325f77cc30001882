// Tensors of the reference interpreter, and loops over their indices.

import type {DataType} from '../../../src/onnx/model.js';

/** Row-major in `dims`; every type is held in double precision. */
export interface RefTensor {
  readonly dtype: DataType;
  readonly dims: readonly number[];
  readonly data: Float64Array;
}

export type Index = readonly number[];

export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1);
}

/** Calls `visit` with every index of a tensor of `dims`, row-major, and its place in the data. The index is reused. */
export function forEachIndex(
  dims: readonly number[],
  visit: (index: Index, place: number) => void,
): void {
  const index = dims.map(() => 0);
  const count = elementCount(dims);
  for (let place = 0; place < count; place++) {
    visit(index, place);
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      if (index[axis]! < dims[axis]!) break;
      index[axis] = 0;
    }
  }
}

/** The tensor whose value at each index is `value(index)`. */
export function fill(
  dtype: DataType,
  dims: readonly number[],
  value: (index: Index, place: number) => number,
): RefTensor {
  const data = new Float64Array(elementCount(dims));
  forEachIndex(dims, (index, place) => {
    data[place] = value(index, place);
  });
  return {dtype, dims: [...dims], data};
}

/** `x` with every value replaced by `f(value)`. */
export function map(x: RefTensor, f: (value: number) => number, dtype = x.dtype): RefTensor {
  return {dtype, dims: x.dims, data: Float64Array.from(x.data, f)};
}

export function reshaped(x: RefTensor, dims: readonly number[]): RefTensor {
  if (elementCount(dims) !== x.data.length) throw new Error(`[${x.dims}] cannot become [${dims}]`);
  return {...x, dims};
}

export function vector(dtype: DataType, values: readonly number[]): RefTensor {
  return {dtype, dims: [values.length], data: Float64Array.from(values)};
}

/** Place of `index` in the data of a tensor of `dims`. */
export function placeOf(dims: readonly number[], index: Index): number {
  let place = 0;
  for (let axis = 0; axis < dims.length; axis++) {
    if (!(index[axis]! >= 0 && index[axis]! < dims[axis]!))
      throw new Error(`index [${index}] is outside [${dims}]`);
    place = place * dims[axis]! + index[axis]!;
  }
  return place;
}

/** The value at `index`; throws outside. */
export function at(x: RefTensor, index: Index): number {
  return x.data[placeOf(x.dims, index)]!;
}

/** The value at `index`, or `outside` beyond the edges. */
export function atOr(x: RefTensor, index: Index, outside: number): number {
  return index.every((i, axis) => i >= 0 && i < x.dims[axis]!) ? at(x, index) : outside;
}

/** The dims that all of `shapes` broadcast to. */
export function broadcastDims(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map(({length}) => length));
  return Array.from({length: rank}, (_, axis) => {
    const sizes = shapes.map(dims => dims[dims.length - rank + axis] ?? 1);
    const size = sizes.find(one => one !== 1) ?? 1;
    if (sizes.some(one => one !== 1 && one !== size))
      throw new Error(`${shapes.map(dims => `[${dims}]`).join(' and ')} do not broadcast`);
    return size;
  });
}

/** The value of `x` that an index of a broadcast result reads. */
export function broadcastAt(x: RefTensor, index: Index): number {
  const skipped = index.length - x.dims.length;
  let place = 0;
  for (const [axis, size] of x.dims.entries())
    place = place * size + (size === 1 ? 0 : index[axis + skipped]!);
  return x.data[place]!;
}

/** `axis` counted from the front. */
export function resolveAxis(axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(resolved) || resolved < 0 || resolved > rank)
    throw new Error(`axis ${axis} of rank ${rank}`);
  return resolved;
}
