// depthwise: one weight per tap and channel; regions and passes as in gemmTaps.

import type {Region, RegionTap} from '../../schedule/steps.js';
import type {Command} from '../commands.js';
import {type Epilogue, elementOf, resolveEpilogue} from './epilogue.js';
import {countReadAll, type Machine, type Operand, pixelOffset, resolve} from './machine.js';
import {forEachPixel, isInside, outputPixels, tapIsInside, touchesInput} from './regions.js';

interface Depthwise {
  readonly machine: Machine;
  readonly x: Operand;
  readonly y: Operand;
  readonly weights: Operand;
  readonly epilogue: Epilogue;
  readonly channels: number;
}

export function runDepthwise(command: Extract<Command, {op: 'depthwise'}>, machine: Machine): void {
  const y = resolve(machine, command.y);
  const depthwise: Depthwise = {
    machine,
    x: resolve(machine, command.x),
    y,
    weights: resolve(machine, command.weightsView),
    epilogue: resolveEpilogue(machine, command),
    channels: y.shape[3]!,
  };

  const regions = machine.program.regions.slice(
    command.regionFirst,
    command.regionFirst + command.regionCount,
  );
  runInRegisters(
    depthwise,
    regions.filter(region => !region.perTap),
  );
  for (const region of regions.filter(region => region.perTap)) runPerTap(depthwise, region);
}

/** One pass: every output of `regions` is accumulated over all taps before it is written. */
function runInRegisters(depthwise: Depthwise, regions: readonly Region[]): void {
  if (regions.length === 0) return;
  const {machine, epilogue, channels} = depthwise;
  machine.counter.beginPass();
  countReadAll(machine.counter, epilogue.bias);
  countReadAll(machine.counter, epilogue.slope);

  const sums = new Float64Array(channels);
  for (const region of regions) {
    for (const tap of region.taps) countWeights(depthwise, tap);
    forEachPixel(region, depthwise.x.shape[0]!, (n, qy, qx) => {
      sums.fill(0);
      for (const tap of region.taps) accumulateTap(depthwise, region, tap, {n, qy, qx}, sums);
      machine.counter.addMacs(region.taps.length * channels);
      forEachOutput(depthwise, region, {n, qy, qx}, (base, residual) => {
        if (epilogue.residual !== null)
          machine.counter.read(epilogue.residual.slot, residual, channels);
        machine.counter.write(depthwise.y.slot, base, channels);
        for (let c = 0; c < channels; c++) {
          const added = epilogue.residual === null ? 0 : epilogue.residual.data[residual + c]!;
          depthwise.y.data[base + c] = epilogue.activate(
            sums[c]! + elementOf(epilogue.bias, c) + added,
            c,
          );
        }
      });
    });
  }
}

/** Bias, then one pass per tap that accumulates in y, then residual and activation. */
function runPerTap(depthwise: Depthwise, region: Region): void {
  const {machine, x, y, epilogue, channels} = depthwise;
  const batch = x.shape[0]!;
  machine.counter.beginPass();
  countReadAll(machine.counter, epilogue.bias);
  forEachPixel(region, batch, (n, qy, qx) =>
    forEachOutput(depthwise, region, {n, qy, qx}, base => {
      machine.counter.write(y.slot, base, channels);
      for (let c = 0; c < channels; c++) y.data[base + c] = elementOf(epilogue.bias, c);
    }),
  );

  for (const tap of region.taps) sweepTap(depthwise, region, tap, tap === region.taps[0]);

  if (epilogue.residual === null && !epilogue.hasActivation) return;
  machine.counter.beginPass();
  countReadAll(machine.counter, epilogue.slope);
  forEachPixel(region, batch, (n, qy, qx) =>
    forEachOutput(depthwise, region, {n, qy, qx}, (base, residual) => {
      machine.counter.read(y.slot, base, channels);
      machine.counter.write(y.slot, base, channels);
      if (epilogue.residual !== null)
        machine.counter.read(epilogue.residual.slot, residual, channels);
      for (let c = 0; c < channels; c++) {
        const added = epilogue.residual === null ? 0 : epilogue.residual.data[residual + c]!;
        y.data[base + c] = epilogue.activate(y.data[base + c]! + added, c);
      }
    }),
  );
}

/** One pass of a perTap region: the outputs whose input lies inside x accumulate one tap. */
function sweepTap(depthwise: Depthwise, region: Region, tap: RegionTap, isFirst: boolean): void {
  const {machine, x, y, channels} = depthwise;
  const sums = new Float64Array(channels);
  machine.counter.beginPass();
  if (touchesInput(region, tap, x)) countWeights(depthwise, tap);
  forEachPixel(region, x.shape[0]!, (n, qy, qx) => {
    if (!tapIsInside(region, tap, x, qy, qx)) return;
    forEachOutput(depthwise, region, {n, qy, qx}, base => {
      sums.fill(0);
      accumulateTap(depthwise, region, tap, {n, qy, qx}, sums);
      machine.counter.addMacs(channels);
      if (!isFirst) machine.counter.read(y.slot, base, channels);
      machine.counter.write(y.slot, base, channels);
      for (let c = 0; c < channels; c++) y.data[base + c] = y.data[base + c]! + sums[c]!;
    });
  });
}

interface Pixel {
  readonly n: number;
  readonly qy: number;
  readonly qx: number;
}

/** sums [C] += x at the tap times the tap's weights; nothing where the tap falls outside x. */
function accumulateTap(
  depthwise: Depthwise,
  region: Region,
  tap: RegionTap,
  pixel: Pixel,
  sums: Float64Array,
): void {
  const {machine, x, weights, channels} = depthwise;
  const iy = region.inY + pixel.qy * region.inStepY + tap.dy;
  const ix = region.inX + pixel.qx * region.inStepX + tap.dx;
  if (!isInside(x, iy, ix)) return;
  const start = pixelOffset(x, pixel.n, iy, ix);
  const row = weights.offset + tap.k * channels;
  machine.counter.read(x.slot, start, channels);
  for (let c = 0; c < channels; c++)
    sums[c] = sums[c]! + x.data[start + c]! * weights.data[row + c]!;
}

/** Calls `visit` with the first element of the output pixel in y and in the residual, when it lies inside y. */
function forEachOutput(
  depthwise: Depthwise,
  region: Region,
  pixel: Pixel,
  visit: (base: number, residual: number) => void,
): void {
  const {y, epilogue} = depthwise;
  for (const {oy, ox} of outputPixels(y, region, pixel.qy, pixel.qx)) {
    visit(
      pixelOffset(y, pixel.n, oy, ox),
      epilogue.residual === null ? 0 : pixelOffset(epilogue.residual, pixel.n, oy, ox),
    );
  }
}

function countWeights(depthwise: Depthwise, tap: RegionTap): void {
  const {machine, weights, channels} = depthwise;
  machine.counter.read(weights.slot, weights.offset + tap.k * channels, channels);
}
