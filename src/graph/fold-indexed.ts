// Which elements constant indices find, for the folding of gathers and scatters.

import type {Tensor} from '../onnx/model.js';
import type {ScatterFunction} from './functions.js';
import type {IndexMap} from './graph.js';
import {forEachOffset, rowMajorStrides, type Shape} from './shapes.js';

/** What an update makes of the element that is there. */
export function joinScattered(fn: ScatterFunction, old: number, update: number): number {
  switch (fn) {
    case 'set':
      return update;
    case 'add':
      return old + update;
    case 'mul':
      return old * update;
    case 'min':
      return Math.min(old, update);
    case 'max':
      return Math.max(old, update);
  }
}

/**
 * The offset in a table of `dims` that each index of `shape` leads to, in row-major order.
 *
 * The builder has checked that the indices lie inside their axes.
 */
export function tableOffsets(
  dims: Shape,
  indices: Tensor,
  {map, shape}: {readonly map: IndexMap; readonly shape: Shape},
): number[] {
  const strides = rowMajorStrides(dims);
  const indexStrides = rowMajorStrides(indices.dims);
  const along = (axes: readonly (number | null)[], all: Shape) =>
    axes.map(axis => (axis === null ? 0 : all[axis]!));
  const offsets: number[] = [];
  forEachOffset(shape, along(map.data, strides), offset => {
    offsets.push(offset);
  });
  forEachOffset(shape, along(map.indices, indexStrides), (tuple, at) => {
    for (const [k, axis] of map.axes.entries()) {
      const index = indices.data[tuple + k]!;
      offsets[at]! += (index < 0 ? index + dims[axis]! : index) * strides[axis]!;
    }
  });
  return offsets;
}
