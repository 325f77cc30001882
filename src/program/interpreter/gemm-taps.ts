// gemmTaps: regions x taps of small GEMMs over packed weights.
//
// Two executions, counted as docs/01-architecture.md says: registers (all taps of every region in one pass) and
// per tap (each region is initialised with the bias, then swept once per tap, then finished).

import {PANEL, type Region, type RegionTap} from '../../schedule/steps.js';
import type {Command} from '../commands.js';
import {type Epilogue, elementOf, resolveEpilogue} from './epilogue.js';
import {countReadAll, type Machine, type Operand, pixelOffset, resolve} from './machine.js';
import {accumulatePanel} from './panel.js';
import {forEachPixel, isInside, outputPixels, tapIsInside, touchesInput} from './regions.js';
import {resolveWeights, type Weights} from './weights.js';

/** The command with its views resolved; sizes per group. */
interface GemmTaps {
  readonly machine: Machine;
  readonly x: Operand;
  readonly y: Operand;
  readonly weights: Weights;
  readonly epilogue: Epilogue;
  readonly kTotal: number;
  readonly groups: number;
  readonly fused: readonly [number, number];
  readonly inChannels: number;
  readonly outChannels: number;
  /** Columns of the GEMM: fusedY * fusedX * outChannels, held in `panels` panels. */
  readonly columns: number;
  readonly panels: number;
}

export function runGemmTaps(command: Extract<Command, {op: 'gemmTaps'}>, machine: Machine): void {
  const x = resolve(machine, command.x);
  const y = resolve(machine, command.y);
  const outChannels = y.shape[3]! / command.groups;
  const columns = command.fusedY * command.fusedX * outChannels;
  const panels = Math.ceil(columns / PANEL);
  const layout = {panels: command.groups * panels, rows: command.kTotal, width: PANEL};
  const gemm: GemmTaps = {
    machine,
    x,
    y,
    weights: resolveWeights(machine, command.weightsView, layout),
    epilogue: resolveEpilogue(machine, command),
    kTotal: command.kTotal,
    groups: command.groups,
    fused: [command.fusedY, command.fusedX],
    inChannels: x.shape[3]! / command.groups,
    outChannels,
    columns,
    panels,
  };

  const regions = machine.program.regions.slice(
    command.regionFirst,
    command.regionFirst + command.regionCount,
  );
  runInRegisters(
    gemm,
    regions.filter(region => !region.perTap),
  );
  for (const region of regions.filter(region => region.perTap)) runPerTap(gemm, region);
}

/** One pass: every output of `regions` is accumulated over all taps before it is written. */
function runInRegisters(gemm: GemmTaps, regions: readonly Region[]): void {
  if (regions.length === 0) return;
  const {machine, x, epilogue} = gemm;
  machine.counter.beginPass();
  countReadAll(machine.counter, epilogue.bias);
  countReadAll(machine.counter, epilogue.slope);

  const sums = new Float64Array(gemm.panels * PANEL);
  for (const region of regions) {
    countWeights(gemm, region.taps, region.kc);
    const row = new Float64Array(region.taps.length * region.kc);
    for (let group = 0; group < gemm.groups; group++) {
      forEachPixel(region, x.shape[0]!, (n, qy, qx) => {
        gatherRow(gemm, {region, taps: region.taps, group, n, qy, qx, row});
        sums.fill(0);
        multiply(gemm, {taps: region.taps, kc: region.kc, group, row, sums});
        machine.counter.addMacs(row.length * gemm.columns);
        forEachOutput(gemm, {region, group, n, qy, qx}, (base, column, count, residual) => {
          if (epilogue.residual !== null)
            machine.counter.read(epilogue.residual.slot, residual, count);
          machine.counter.write(gemm.y.slot, base, count);
          for (let c = 0; c < count; c++) {
            const padded = group * gemm.panels * PANEL + column + c;
            const added = epilogue.residual === null ? 0 : epilogue.residual.data[residual + c]!;
            gemm.y.data[base + c] = epilogue.activate(
              sums[column + c]! + elementOf(epilogue.bias, padded) + added,
              padded,
            );
          }
        });
      });
    }
  }
}

/** Bias, then one pass per tap that accumulates in y, then residual and activation. */
function runPerTap(gemm: GemmTaps, region: Region): void {
  const {machine, y, epilogue} = gemm;
  machine.counter.beginPass();
  countReadAll(machine.counter, epilogue.bias);
  sweepOutputs(gemm, region, (base, column, count, group) => {
    machine.counter.write(y.slot, base, count);
    for (let c = 0; c < count; c++)
      y.data[base + c] = elementOf(epilogue.bias, group * gemm.panels * PANEL + column + c);
  });

  for (const tap of region.taps) sweepTap(gemm, region, tap, tap === region.taps[0]);

  if (epilogue.residual === null && !epilogue.hasActivation) return;
  machine.counter.beginPass();
  countReadAll(machine.counter, epilogue.slope);
  sweepOutputs(gemm, region, (base, column, count, group, residual) => {
    machine.counter.read(y.slot, base, count);
    machine.counter.write(y.slot, base, count);
    if (epilogue.residual !== null) machine.counter.read(epilogue.residual.slot, residual, count);
    for (let c = 0; c < count; c++) {
      const added = epilogue.residual === null ? 0 : epilogue.residual.data[residual + c]!;
      y.data[base + c] = epilogue.activate(
        y.data[base + c]! + added,
        group * gemm.panels * PANEL + column + c,
      );
    }
  });
}

/** One pass of a perTap region: the outputs whose input lies inside x accumulate one tap. */
function sweepTap(gemm: GemmTaps, region: Region, tap: RegionTap, isFirst: boolean): void {
  const {machine, x, y} = gemm;
  const taps = [tap];
  const row = new Float64Array(region.kc);
  const sums = new Float64Array(gemm.panels * PANEL);
  machine.counter.beginPass();
  if (touchesInput(region, tap, x)) countWeights(gemm, taps, region.kc);
  for (let group = 0; group < gemm.groups; group++) {
    forEachPixel(region, x.shape[0]!, (n, qy, qx) => {
      if (!tapIsInside(region, tap, x, qy, qx)) return;
      sums.fill(0);
      gatherRow(gemm, {region, taps, group, n, qy, qx, row});
      multiply(gemm, {taps, kc: region.kc, group, row, sums});
      machine.counter.addMacs(row.length * gemm.columns);
      // The first tap adds to the bias, which the executor still holds: nothing is read.
      forEachOutput(gemm, {region, group, n, qy, qx}, (base, column, count) => {
        if (!isFirst) machine.counter.read(y.slot, base, count);
        machine.counter.write(y.slot, base, count);
        for (let c = 0; c < count; c++) y.data[base + c] = y.data[base + c]! + sums[column + c]!;
      });
    });
  }
}

type OutputVisitor = (base: number, column: number, count: number, residual: number) => void;

interface Pixel {
  readonly region: Region;
  readonly group: number;
  readonly n: number;
  readonly qy: number;
  readonly qx: number;
}

/** Calls `visit` for each run of channels that pixel (qy, qx) writes; outputs outside y are dropped. */
function forEachOutput(gemm: GemmTaps, pixel: Pixel, visit: OutputVisitor): void {
  const {y, outChannels, epilogue} = gemm;
  const channel = pixel.group * outChannels;
  for (const {oy, ox, phase} of outputPixels(y, pixel.region, pixel.qy, pixel.qx, gemm.fused)) {
    const residual =
      epilogue.residual === null ? 0 : pixelOffset(epilogue.residual, pixel.n, oy, ox) + channel;
    visit(pixelOffset(y, pixel.n, oy, ox) + channel, phase * outChannels, outChannels, residual);
  }
}

/** Visits every output of a region, over all groups and images. */
function sweepOutputs(
  gemm: GemmTaps,
  region: Region,
  visit: (base: number, column: number, count: number, group: number, residual: number) => void,
): void {
  for (let group = 0; group < gemm.groups; group++) {
    forEachPixel(region, gemm.x.shape[0]!, (n, qy, qx) => {
      forEachOutput(gemm, {region, group, n, qy, qx}, (base, column, count, residual) =>
        visit(base, column, count, group, residual),
      );
    });
  }
}

/** Copies what the taps read at one output pixel into `row`; reads outside x are zeros. */
function gatherRow(
  gemm: GemmTaps,
  pixel: Pixel & {readonly taps: readonly RegionTap[]; readonly row: Float64Array},
): void {
  const {x, inChannels, machine} = gemm;
  const {region, taps, row} = pixel;
  let at = 0;
  for (const tap of taps) {
    const iy = region.inY + pixel.qy * region.inStepY + tap.dy;
    const ix = region.inX + pixel.qx * region.inStepX + tap.dx;
    // Merged taps (kc > inChannels) run on over the following pixels, which are contiguous; only when some read
    // may fall outside does each pixel have to be looked at.
    const run = region.padded ? Math.min(region.kc, inChannels) : region.kc;
    for (let done = 0; done < region.kc; done += run) {
      const column = ix + done / inChannels;
      if (region.padded && !isInside(x, iy, column)) {
        row.fill(0, at, at + run);
      } else {
        const start = pixelOffset(x, pixel.n, iy, column) + pixel.group * inChannels;
        machine.counter.read(x.slot, start, run);
        for (let i = 0; i < run; i++) row[at + i] = x.data[start + i]!;
      }
      at += run;
    }
  }
}

/** sums += row x weights, over all panels of a group. */
function multiply(
  gemm: GemmTaps,
  at: {
    readonly taps: readonly RegionTap[];
    readonly kc: number;
    readonly group: number;
    readonly row: Float64Array;
    readonly sums: Float64Array;
  },
): void {
  const {weights, panels, kTotal} = gemm;
  for (let panel = 0; panel < panels; panel++) {
    const first = weights.offset + (at.group * panels + panel) * kTotal * PANEL;
    at.taps.forEach((tap, index) => {
      const span = {row: at.row, rowFirst: index * at.kc, count: at.kc};
      accumulatePanel(span, weights.data, first + tap.k * PANEL, at.sums, panel * PANEL);
    });
  }
}

/** Counts the weights of `taps`, zero columns included, in every panel of every group. */
function countWeights(gemm: GemmTaps, taps: readonly RegionTap[], kc: number): void {
  const {weights, kTotal, groups, panels} = gemm;
  for (let block = 0; block < groups * panels; block++) {
    for (const tap of taps) weights.countRead((block * kTotal + tap.k) * PANEL, kc * PANEL);
  }
}
