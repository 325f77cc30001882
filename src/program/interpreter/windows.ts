// Commands that combine neighbouring pixels of a map: pool and resize.

import {POOL} from '../../graph/functions.js';
import type {Command} from '../commands.js';
import {
  countReadAll,
  type Machine,
  type Operand,
  pixelOffset,
  resolve,
  resolveOptional,
} from './machine.js';
import {forEachOutputPixel, isInside} from './regions.js';

type PoolCommand = Extract<Command, {op: 'pool'}>;

/** Max and average pooling of x [N, H, W, C]. */
export function runPool(command: PoolCommand, machine: Machine): void {
  const x = resolve(machine, command.x);
  const y = resolve(machine, command.y);
  const channels = y.shape[3]!;
  const xStep = x.strides[3]!;
  machine.counter.beginPass();
  forEachOutputPixel(y, (n, oy, ox) => {
    const {pixels, positions} = poolWindow(command, x, oy, ox);
    const divisor = command.countIncludePad === 0 ? pixels.length : positions;
    const starts = pixels.map(([iy, ix]) => pixelOffset(x, n, iy, ix));
    const base = pixelOffset(y, n, oy, ox);
    for (let c = 0; c < channels; c++) {
      const values = starts.map(start => {
        machine.counter.read(x.slot, start + c * xStep, 1);
        return x.data[start + c * xStep]!;
      });
      const to = base + c * y.strides[3]!;
      machine.counter.write(y.slot, to, 1);
      y.data[to] =
        command.fn === POOL.max
          ? values.reduce((a, b) => Math.max(a, b), -Infinity)
          : values.reduce((a, b) => a + b, 0) / divisor;
    }
  });
}

/** The pixels of x under the window of output (oy, ox), and the number of positions inside the padded map. */
function poolWindow(
  command: PoolCommand,
  x: Operand,
  oy: number,
  ox: number,
): {pixels: [number, number][]; positions: number} {
  const pixels: [number, number][] = [];
  let positions = 0;
  for (let ky = 0; ky < command.kernelY; ky++) {
    for (let kx = 0; kx < command.kernelX; kx++) {
      const iy = oy * command.strideY + ky * command.dilationY - command.padTop;
      const ix = ox * command.strideX + kx * command.dilationX - command.padLeft;
      if (iy < x.shape[1]! + command.padBottom && ix < x.shape[2]! + command.padRight) positions++;
      if (isInside(x, iy, ix)) pixels.push([iy, ix]);
    }
  }
  return {pixels, positions};
}

/** Separable resampling of x [N, H, W, C]. */
export function runResize(command: Extract<Command, {op: 'resize'}>, machine: Machine): void {
  const x = resolve(machine, command.x);
  const y = resolve(machine, command.y);
  const rows = axisTaps(machine, {
    taps: command.tapsY,
    first: command.indexYFirst,
    weights: command.weightsYView,
  });
  const columns = axisTaps(machine, {
    taps: command.tapsX,
    first: command.indexXFirst,
    weights: command.weightsXView,
  });
  const channels = y.shape[3]!;
  machine.counter.beginPass();
  countReadAll(machine.counter, rows.weights);
  countReadAll(machine.counter, columns.weights);

  forEachOutputPixel(y, (n, oy, ox) => {
    const base = pixelOffset(y, n, oy, ox);
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (const [iy, wy] of rows.at(oy)) {
        for (const [ix, wx] of columns.at(ox)) {
          const from = pixelOffset(x, n, iy, ix) + c * x.strides[3]!;
          machine.counter.read(x.slot, from, 1);
          sum += wy * wx * x.data[from]!;
        }
      }
      machine.counter.write(y.slot, base + c * y.strides[3]!, 1);
      y.data[base + c * y.strides[3]!] = sum;
    }
  });
}

interface AxisTaps {
  readonly weights: Operand | null;
  /** Input index and weight of every tap of one output index. */
  at(index: number): readonly (readonly [number, number])[];
}

/** The taps of one axis; an axis without taps is copied as it is. */
function axisTaps(
  machine: Machine,
  axis: {readonly taps: number; readonly first: number; readonly weights: number},
): AxisTaps {
  const weights = resolveOptional(machine, axis.weights);
  if (axis.taps === 0 || weights === null) return {weights: null, at: index => [[index, 1]]};
  const {indices} = machine.program;
  return {
    weights,
    at: index =>
      Array.from({length: axis.taps}, (_, t) => {
        const entry = index * axis.taps + t;
        return [indices[axis.first + entry]!, weights.data[weights.offset + entry]!] as const;
      }),
  };
}
