// gridSample: reading x [N, D, H, W, C] at the positions of a grid.
//
// Positions are computed in f32, as the native executor does: which pixel is nearest depends on it.

import {GRID_MODE, GRID_PADDING} from '../../graph/functions.js';
import type {Command} from '../commands.js';
import {countReadAll, type Machine, type Operand, resolve} from './machine.js';

type GridSample = Extract<Command, {op: 'gridSample'}>;

/** An index of one axis and its weight. */
type Tap = readonly [index: number, weight: number];

export function runGridSample(command: GridSample, machine: Machine): void {
  const [x, y] = [resolve(machine, command.x), resolve(machine, command.y)];
  const grid = resolve(machine, command.gridView);
  const channels = x.shape[4]!;
  machine.counter.beginPass();
  // Which pixels the grid names is not known before the run: all of x counts.
  countReadAll(machine.counter, x);
  countReadAll(machine.counter, grid);

  forEachPosition(y, (position, at) => {
    const pixels = taps(command, x, positionOf(grid, position));
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (const {offset, weight} of pixels) {
        const from = x.offset + position[0]! * x.strides[0]! + offset + c * x.strides[4]!;
        sum += weight * x.data[from]!;
      }
      machine.counter.write(y.slot, at + c * y.strides[4]!, 1);
      y.data[at + c * y.strides[4]!] = sum;
    }
  });
}

/** Calls `visit` with every position [n, z, y, x] and the index into `data` of its channel 0. */
function forEachPosition(y: Operand, visit: (position: number[], at: number) => void): void {
  const [batch, depth, height, width] = y.shape as [number, number, number, number];
  for (let n = 0; n < batch; n++) {
    for (let oz = 0; oz < depth; oz++) {
      for (let oy = 0; oy < height; oy++) {
        for (let ox = 0; ox < width; ox++) {
          const position = [n, oz, oy, ox];
          visit(
            position,
            position.reduce((at, i, d) => at + i * y.strides[d]!, y.offset),
          );
        }
      }
    }
  }
}

/** The grid's coordinates [x, y] or [x, y, z] of an output position. */
function positionOf(grid: Operand, position: readonly number[]): number[] {
  const at = position.reduce((sum, i, d) => sum + i * grid.strides[d]!, grid.offset);
  return Array.from(
    {length: grid.shape[4]!},
    (_, axis) => grid.data[at + axis * grid.strides[4]!]!,
  );
}

/** The pixels of one image that an output sums: their offsets and weights. */
function taps(
  command: GridSample,
  x: Operand,
  coordinates: readonly number[],
): {offset: number; weight: number}[] {
  // The last axis of the grid counts x first; the axes of the map end with it.
  const axes = coordinates.map((coordinate, i) => {
    const dim = 3 - i;
    return {dim, taps: axisTaps(command, coordinate, x.shape[dim]!)};
  });
  return axes.reduce(
    (all, {dim, taps: own}) =>
      all.flatMap(pixel =>
        own.map(([index, weight]) => ({
          offset: pixel.offset + index * x.strides[dim]!,
          weight: pixel.weight * weight,
        })),
      ),
    [{offset: 0, weight: 1}],
  );
}

/** What one axis contributes; reads outside of it are left out where zeros lie there. */
function axisTaps(command: GridSample, coordinate: number, size: number): Tap[] {
  const f32 = Math.fround;
  const isAligned = command.alignCorners === 1;
  const scaled = isAligned
    ? f32(f32(f32(coordinate + 1) / 2) * (size - 1))
    : f32(f32(f32(f32(coordinate + 1) * size) - 1) / 2);
  const isNearest = command.mode === GRID_MODE.nearest;
  const at = contain(command, isNearest ? roundHalfToEven(scaled) : scaled, size);
  return weighted(command.mode, at).flatMap(([index, weight]): Tap[] => {
    const inside = containIndex(command, index, size);
    return inside === null ? [] : [[inside, weight]];
  });
}

function weighted(mode: number, at: number): Tap[] {
  if (mode === GRID_MODE.nearest) return [[at, 1]];
  const low = Math.floor(at);
  const s = at - low;
  if (mode === GRID_MODE.linear) {
    return [
      [low, 1 - s],
      [low + 1, s],
    ];
  }
  return [1 + s, s, 1 - s, 2 - s].map((distance, i) => [low - 1 + i, cubicWeight(distance)]);
}

/** Keys' cubic convolution (1981), equation (4), with a = -0.75. */
function cubicWeight(d: number): number {
  const a = -0.75;
  return d < 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
}

/** Moves a position into the input, or at least close to it: nothing further than four pixels away is read. */
function contain({padding, alignCorners}: GridSample, at: number, size: number): number {
  const [low, high] = alignCorners === 1 ? [0, size - 1] : [-0.5, size - 0.5];
  let inside = at;
  if (at < low || at > high) {
    if (padding === GRID_PADDING.border) inside = Math.min(Math.max(at, 0), size - 1);
    if (padding === GRID_PADDING.reflection) inside = reflect(at, low, high);
  }
  // A NaN becomes the lower bound.
  return inside >= -4 ? Math.min(inside, size + 4) : -4;
}

function containIndex(
  {padding, alignCorners}: GridSample,
  index: number,
  size: number,
): number | null {
  if (index >= 0 && index < size) return index;
  if (padding === GRID_PADDING.zeros) return null;
  const [low, high] = alignCorners === 1 ? [0, size - 1] : [-0.5, size - 0.5];
  const moved = padding === GRID_PADDING.border ? index : Math.trunc(reflect(index, low, high));
  return Math.min(Math.max(moved, 0), size - 1);
}

/** Mirrors a position at both bounds until it lies between them. */
function reflect(at: number, low: number, high: number): number {
  const range = high - low;
  if (range === 0) return low;
  const beyond = at < low ? low - at : at > high ? at - high : 0;
  if (beyond === 0) return at;
  const turns = Math.floor(Math.fround(beyond / range));
  const rest = Math.fround(beyond - Math.fround(turns * range));
  const isEven = turns % 2 === 0;
  return at < low === isEven ? low + rest : high - rest;
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
