// Pools over any number of axes.

import type {Call, RefOps} from './call.js';
import {elementCount, fill, forEachIndex, placeOf, type RefTensor} from './tensor.js';
import {outputSizes, readWindow} from './window.js';

/** What one window sees. */
interface Seen {
  readonly values: readonly number[];
  /** Places of the values in the data of the input. */
  readonly places: readonly number[];
  /** Elements of the window that lie in the input or its pads. */
  readonly padded: number;
}

function pool(call: Call, result: (seen: Seen) => number, dtype = call.input(0).dtype): RefTensor {
  const x = call.input(0);
  const [batch, channels, ...sizes] = x.dims as [number, number, ...number[]];
  const window = readWindow(call, sizes, call.ints('kernel_shape')!);
  const {kernel, strides, dilations, padBegin, padEnd} = window;
  const outSizes = outputSizes(window, sizes, call.int('ceil_mode', 0) === 1);
  return fill(dtype, [batch, channels, ...outSizes], ([n, channel, ...position]) => {
    const values: number[] = [];
    const places: number[] = [];
    let padded = 0;
    forEachIndex(kernel, tap => {
      const read = position.map(
        (p, axis) => p * strides[axis]! + tap[axis]! * dilations[axis]! - padBegin[axis]!,
      );
      if (read.every((r, axis) => r < sizes[axis]! + padEnd[axis]!)) padded++;
      if (read.some((r, axis) => r < 0 || r >= sizes[axis]!)) return;
      const place = placeOf(x.dims, [n!, channel!, ...read]);
      values.push(x.data[place]!);
      places.push(place);
    });
    return result({values, places, padded});
  });
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const largest = (values: readonly number[]) =>
  values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);

function maxPool(call: Call): RefTensor[] {
  const y = pool(call, ({values}) => largest(values));
  const {dims} = call.input(0);
  const [rows, columns] = dims.slice(-2) as [number, number];
  const byColumns = call.int('storage_order', 0) === 1;
  const indices = pool(
    call,
    ({values, places}) => {
      const place = places[values.indexOf(largest(values))]!;
      if (!byColumns) return place;
      const [plane, inside] = [Math.floor(place / (rows * columns)), place % (rows * columns)];
      return plane * rows * columns + (inside % columns) * rows + Math.floor(inside / columns);
    },
    'int64',
  );
  return [y, indices];
}

function averagePool(call: Call): RefTensor {
  const includesPads = call.int('count_include_pad', 0) === 1;
  return pool(call, ({values, padded}) => sum(values) / (includesPads ? padded : values.length));
}

function lpPool(call: Call): RefTensor {
  const p = call.int('p', 2);
  return pool(call, ({values}) => sum(values.map(value => Math.abs(value) ** p)) ** (1 / p));
}

/** Everything of a channel becomes one value. */
function globally(result: (values: readonly number[]) => number) {
  return (call: Call): RefTensor => {
    const x = call.input(0);
    const [batch, channels, ...sizes] = x.dims as [number, number, ...number[]];
    const plane = elementCount(sizes);
    return fill(x.dtype, [batch, channels, ...sizes.map(() => 1)], (_, place) =>
      result(Array.from(x.data.subarray(place * plane, (place + 1) * plane))),
    );
  };
}

function unpool(call: Call): RefTensor {
  const [x, indices] = [call.input(0), call.input(1)];
  const [batch, channels, ...sizes] = x.dims as [number, number, ...number[]];
  const window = readWindow(call, sizes, call.ints('kernel_shape')!);
  const {kernel, strides, padBegin, padEnd} = window;
  const outSizes = sizes.map(
    (size, axis) => (size - 1) * strides[axis]! - padBegin[axis]! - padEnd[axis]! + kernel[axis]!,
  );
  const shape = call.optional(2);
  const natural = [batch, channels, ...outSizes];
  const y = fill(x.dtype, shape === null ? natural : Array.from(shape.data), () => 0);
  for (const [place, target] of indices.data.entries()) y.data[target] = x.data[place]!;
  return y;
}

export const POOL_OPS: RefOps = {
  MaxPool: maxPool,
  AveragePool: averagePool,
  LpPool: lpPool,
  GlobalAveragePool: globally(values => sum(values) / values.length),
  GlobalMaxPool: globally(largest),
  MaxUnpool: unpool,
};
