// planarTaps: regions x taps with weights in panels of a few output channels, in one pass.

import {planarRows, type Region} from '../../schedule/steps.js';
import type {Command} from '../commands.js';
import {type Epilogue, elementOf, resolveEpilogue} from './epilogue.js';
import {countReadAll, type Machine, type Operand, pixelOffset, resolve} from './machine.js';
import {forEachPixel, isInside} from './regions.js';

/** The command with its views resolved. */
interface PlanarTaps {
  readonly machine: Machine;
  readonly x: Operand;
  readonly y: Operand;
  /** [panels][kTotal][rows] */
  readonly weights: Operand;
  readonly rows: number;
  readonly kTotal: number;
  readonly epilogue: Epilogue;
}

/** An output pixel of a region. */
interface Pixel {
  readonly region: Region;
  readonly n: number;
  readonly qy: number;
  readonly qx: number;
}

export function runPlanarTaps(
  command: Extract<Command, {op: 'planarTaps'}>,
  machine: Machine,
): void {
  const epilogue = resolveEpilogue(machine, command);
  const y = resolve(machine, command.y);
  const planar: PlanarTaps = {
    machine,
    x: resolve(machine, command.x),
    y,
    weights: resolve(machine, command.weightsView),
    rows: planarRows(y.shape[3]!),
    kTotal: command.kTotal,
    epilogue,
  };
  machine.counter.beginPass();
  countReadAll(machine.counter, epilogue.bias);
  countReadAll(machine.counter, epilogue.slope);

  const {regionFirst, regionCount} = command;
  for (const region of machine.program.regions.slice(regionFirst, regionFirst + regionCount)) {
    countWeights(planar, region);
    forEachPixel(region, planar.x.shape[0]!, (n, qy, qx) => {
      const pixel = {region, n, qy, qx};
      store(planar, pixel, sumTaps(planar, pixel));
    });
  }
}

/** The sums of all channels of one output pixel; reads outside x are zeros, but counted as products. */
function sumTaps(planar: PlanarTaps, pixel: Pixel): Float64Array {
  const {machine, x, y, weights} = planar;
  const {region, n, qy, qx} = pixel;
  const channels = y.shape[3]!;
  const sums = new Float64Array(channels);
  machine.counter.addMacs(region.taps.length * region.kc * channels);
  for (const tap of region.taps) {
    const iy = region.inY + qy * region.inStepY + tap.dy;
    const ix = region.inX + qx * region.inStepX + tap.dx;
    if (!isInside(x, iy, ix)) continue;
    const start = pixelOffset(x, n, iy, ix);
    for (let k = 0; k < region.kc; k++) {
      const at = start + k * x.strides[3]!;
      machine.counter.read(x.slot, at, 1);
      for (let c = 0; c < channels; c++)
        sums[c]! += x.data[at]! * weights.data[weightAt(planar, tap.k + k, c)]!;
    }
  }
  return sums;
}

function store({machine, y, epilogue}: PlanarTaps, pixel: Pixel, sums: Float64Array): void {
  const {region, n, qy, qx} = pixel;
  const {residual} = epilogue;
  const oy = region.outY + qy * region.outStepY;
  const ox = region.outX + qx * region.outStepX;
  for (const [c, sum] of sums.entries()) {
    let value = sum + elementOf(epilogue.bias, c);
    if (residual !== null) {
      const from = pixelOffset(residual, n, oy, ox) + c * residual.strides[3]!;
      machine.counter.read(residual.slot, from, 1);
      value += residual.data[from]!;
    }
    const to = pixelOffset(y, n, oy, ox) + c * y.strides[3]!;
    machine.counter.write(y.slot, to, 1);
    y.data[to] = epilogue.activate(value, c);
  }
}

/** Where the weight of row `k` and output channel `c` lies. */
function weightAt({weights, rows, kTotal}: PlanarTaps, k: number, c: number): number {
  return weights.offset + (Math.floor(c / rows) * kTotal + k) * rows + (c % rows);
}

/** All columns of the rows that the region's taps use, the zeros of the last panel included. */
function countWeights(planar: PlanarTaps, {taps, kc}: Region): void {
  const {machine, weights, y, rows} = planar;
  for (let c = 0; c < y.shape[3]!; c += rows) {
    for (const {k} of taps) machine.counter.read(weights.slot, weightAt(planar, k, c), kc * rows);
  }
}
