// GridSample over any number of axes.

import type {Call, RefOps} from './call.js';
import {roundHalfEven} from './cast.js';
import {cubic, triangle} from './resize.js';
import {at, fill, type RefTensor} from './tensor.js';

/** `x` folded into [low, high] by reflection at both ends. */
function reflected(x: number, low: number, high: number): number {
  const span = high - low;
  if (span === 0) return low;
  const away = Math.abs(x - low) % (2 * span);
  return low + (away > span ? 2 * span - away : away);
}

function gridSample(call: Call): RefTensor {
  const [x, grid] = [call.input(0), call.input(1)];
  const sizes = x.dims.slice(2);
  const isAligned = call.int('align_corners', 0) === 1;
  const padding = call.string('padding_mode', 'zeros');
  const dims = [x.dims[0]!, x.dims[1]!, ...grid.dims.slice(1, -1)];

  /** The coordinate along `axis` for a grid value in [-1, 1], whose first component is the last axis. */
  const coordinate = (value: number, size: number): number => {
    const [low, high] = isAligned ? [0, size - 1] : [-0.5, size - 0.5];
    const place = isAligned ? ((value + 1) / 2) * (size - 1) : ((value + 1) * size - 1) / 2;
    if (padding === 'border') return Math.max(0, Math.min(size - 1, place));
    return padding === 'reflection' ? reflected(place, low, high) : place;
  };
  const pixel = (index: number, size: number): number | null => {
    if (index >= 0 && index < size) return index;
    if (padding === 'zeros') return null;
    const last = size - 1;
    if (padding === 'border') return Math.max(0, Math.min(last, index));
    return isAligned ? reflected(index, 0, last) : reflected(index, -0.5, last + 0.5);
  };

  return fill(x.dtype, dims, index => {
    const [n, channel, ...place] = index as [number, number, ...number[]];
    const places = sizes.map((size, axis) =>
      coordinate(at(grid, [n, ...place, sizes.length - 1 - axis]), size),
    );
    const taps = places.map(c => tapsAround(call.string('mode', 'linear'), c));
    const sum = (axis: number, read: readonly number[]): number => {
      if (axis === sizes.length) return at(x, [n, channel, ...read]);
      let total = 0;
      for (const [tap, weight] of taps[axis]!) {
        const source = pixel(tap, sizes[axis]!);
        if (source !== null) total += weight * sum(axis + 1, [...read, source]);
      }
      return total;
    };
    return sum(0, []);
  });
}

/** Indices and weights of what is read around coordinate `c`. */
function tapsAround(mode: string, c: number): (readonly [number, number])[] {
  if (mode === 'nearest') return [[roundHalfEven(c), 1]];
  const isCubic = mode.endsWith('cubic');
  const [first, last] = isCubic ? [-1, 2] : [0, 1];
  return Array.from({length: last - first + 1}, (_, i) => {
    const tap = Math.floor(c) + first + i;
    return [tap, isCubic ? cubic(tap - c, -0.75) : triangle(tap - c)] as const;
  });
}

export const GRID_OPS: RefOps = {GridSample: gridSample};
