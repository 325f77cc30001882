// winograd: every tile transformed, multiplied product by product, and transformed back.

import type {Region} from '../../schedule/steps.js';
import {PANEL} from '../../untangle/pack.js';
import {
  type Matrix,
  type WinogradForm,
  type WinogradMatrices,
  type WinogradTile,
  winogradKernelElements,
  winogradMatrices,
  winogradOutputs,
  winogradTileElements,
} from '../../untangle/winograd.js';
import type {Command} from '../commands.js';
import {packedRows} from '../validate-weights.js';
import {keptElements} from '../validate-winograd.js';
import {type Epilogue, elementOf, resolveEpilogue} from './epilogue.js';
import {countReadAll, type Machine, type Operand, pixelOffset, resolve} from './machine.js';
import {isInside} from './regions.js';
import {resolveWeights, type Weights} from './weights.js';

type WinogradCommand = Extract<Command, {op: 'winograd'}>;

/** The command with its views resolved. */
interface Winograd {
  readonly machine: Machine;
  readonly x: Operand;
  readonly y: Operand;
  /** [products][Cin][Cout] of each kernel, by its first row. */
  readonly kernels: ReadonlyMap<number, Float64Array>;
  readonly epilogue: Epilogue;
  /** Of the rows and of the columns. */
  readonly matrices: readonly [WinogradMatrices, WinogradMatrices];
  /** Outputs of a tile along each axis. */
  readonly outputs: readonly [number, number];
  /** Transformed tiles wait in the arena, where they count. */
  readonly isWaiting: boolean;
}

/** Output pixels (qy + i, qx + j) of a region in an image. */
interface Tile {
  readonly region: Region;
  readonly n: number;
  readonly qy: number;
  readonly qx: number;
}

export function runWinograd(command: WinogradCommand, machine: Machine): void {
  const {tile, tapsY, tapsX, regionFirst, regionCount} = command;
  const y = resolve(machine, command.y);
  const x = resolve(machine, command.x);
  const regions = machine.program.regions.slice(regionFirst, regionFirst + regionCount);
  const form: WinogradForm = {tile: tile as WinogradTile, taps: [tapsY, tapsX]};
  const matrices = form.taps.map(taps => winogradMatrices(tile, taps)) as [
    WinogradMatrices,
    WinogradMatrices,
  ];
  const [inChannels, panels] = [x.shape[3]!, Math.ceil(y.shape[3]! / PANEL)];
  const rows = packedRows(machine.program.views[command.weightsView]!, panels, PANEL);
  const layout = {panels, rows, width: PANEL};
  const weights = resolveWeights(machine, command.weightsView, layout);
  const tileElements = winogradTileElements(form, inChannels, panels);
  const scratch = elementsOf(resolve(machine, command.scratchView));
  const kernel = winogradKernelElements(form, inChannels, panels);
  const kept = keptElements({tile: tileElements, kernel}, scratch);
  const source = {weights, kTotal: rows, matrices, inChannels, outChannels: y.shape[3]!};
  const job: Winograd = {
    machine,
    x,
    y,
    kernels: new Map(
      regions.map(({taps}) => taps[0]!.k).map(first => [first, transformKernel(source, first)]),
    ),
    epilogue: resolveEpilogue(machine, command),
    matrices,
    outputs: [winogradOutputs(tile, tapsY), winogradOutputs(tile, tapsX)],
    isWaiting: scratch - kept >= tileElements,
  };
  machine.counter.beginPass();
  weights.countRead(0, panels * rows * PANEL);
  machine.counter.addScratch(kept * countKernels(regions));
  countReadAll(machine.counter, job.epilogue.bias);
  countReadAll(machine.counter, job.epilogue.slope);

  const [height, width] = job.outputs;
  for (const region of regions) {
    for (let n = 0; n < y.shape[0]!; n++) {
      for (let qy = 0; qy < region.countY; qy += height) {
        for (let qx = 0; qx < region.countX; qx += width) runTile(job, {region, n, qy, qx});
      }
    }
  }
}

/** Kernels of regions one after the other, each counted where it begins. */
function countKernels(regions: readonly Region[]): number {
  const kernels = regions.map(({taps}) => taps[0]!.k);
  return kernels.filter((kernel, index) => index === 0 || kernel !== kernels[index - 1]).length;
}

interface KernelSource {
  /** [panels][kTotal][PANEL] */
  readonly weights: Weights;
  readonly kTotal: number;
  readonly matrices: readonly [WinogradMatrices, WinogradMatrices];
  readonly inChannels: number;
  readonly outChannels: number;
}

/** The kernel whose taps begin at row `first`, [products][Cin][Cout]. */
function transformKernel(
  {weights, kTotal, matrices, inChannels, outChannels}: KernelSource,
  first: number,
): Float64Array {
  const [rows, columns] = [matrices[0].weights, matrices[1].weights];
  const window = new Float64Array(rows[0]!.length * columns[0]!.length);
  const pairs = inChannels * outChannels;
  const kernel = new Float64Array(rows.length * columns.length * pairs);
  for (let k = 0; k < inChannels; k++) {
    for (let c = 0; c < outChannels; c++) {
      const row = Math.floor(c / PANEL) * kTotal + first + k;
      for (let tap = 0; tap < window.length; tap++) {
        const at = (row + tap * inChannels) * PANEL + (c % PANEL);
        window[tap] = weights.data[weights.offset + at]!;
      }
      const products = transform(rows, columns, window);
      for (const [f, value] of products.entries()) kernel[f * pairs + k * outChannels + c] = value;
    }
  }
  return kernel;
}

function elementsOf({shape}: Operand): number {
  return shape.reduce((product, size) => product * size, 1);
}

function runTile(job: Winograd, tile: Tile): void {
  const {x, y, kernels, machine, isWaiting, matrices} = job;
  const [rows, columns] = matrices;
  const [inChannels, outChannels] = [x.shape[3]!, y.shape[3]!];
  const padded = Math.ceil(outChannels / PANEL) * PANEL;
  const products = rows.input.length * columns.input.length;
  const transformed = Array.from({length: inChannels}, (_, channel) =>
    transform(rows.input, columns.input, readWindow(job, tile, channel)),
  );
  machine.counter.addMacs(products * inChannels * outChannels);
  if (isWaiting) machine.counter.addScratch(products * (inChannels + padded));

  const kernel = kernels.get(tile.region.taps[0]!.k)!;
  for (let c = 0; c < outChannels; c++) {
    const sums = new Float64Array(products);
    for (let f = 0; f < products; f++) {
      for (let k = 0; k < inChannels; k++)
        sums[f]! += transformed[k]![f]! * kernel[(f * inChannels + k) * outChannels + c]!;
    }
    store(job, tile, c, transform(rows.output, columns.output, sums));
  }
}

/** The inputs of one channel that a tile reads; zeros outside x. */
function readWindow({machine, x, matrices}: Winograd, tile: Tile, channel: number): Float64Array {
  const {region, n, qy, qx} = tile;
  const [rows, columns] = [matrices[0].input[0]!.length, matrices[1].input[0]!.length];
  const window = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const iy = region.inY + region.inStepY * (qy + i);
      const ix = region.inX + region.inStepX * (qx + j);
      if (!isInside(x, iy, ix)) continue;
      const at = pixelOffset(x, n, iy, ix) + channel * x.strides[3]!;
      machine.counter.read(x.slot, at, 1);
      window[i * columns + j] = x.data[at]!;
    }
  }
  return window;
}

/** rows · window · columnsᵀ, row-major. */
function transform(rows: Matrix, columns: Matrix, window: Float64Array): Float64Array {
  const width = columns[0]!.length;
  const result = new Float64Array(rows.length * columns.length);
  for (const [i, left] of rows.entries()) {
    for (const [j, right] of columns.entries()) {
      let sum = 0;
      for (let a = 0; a < left.length; a++) {
        for (let b = 0; b < width; b++) sum += left[a]! * right[b]! * window[a * width + b]!;
      }
      result[i * columns.length + j] = sum;
    }
  }
  return result;
}

/** Epilogue and store of the outputs of a tile that its region has. */
function store(job: Winograd, tile: Tile, c: number, values: Float64Array): void {
  const {machine, y, epilogue, outputs} = job;
  const {region, n} = tile;
  for (const [at, output] of values.entries()) {
    const qy = tile.qy + Math.floor(at / outputs[1]);
    const qx = tile.qx + (at % outputs[1]);
    if (qy >= region.countY || qx >= region.countX) continue;
    const oy = region.outY + region.outStepY * qy;
    const ox = region.outX + region.outStepX * qx;
    let value = output + elementOf(epilogue.bias, c);
    if (epilogue.residual !== null) {
      const from = pixelOffset(epilogue.residual, n, oy, ox) + c * epilogue.residual.strides[3]!;
      machine.counter.read(epilogue.residual.slot, from, 1);
      value += epilogue.residual.data[from]!;
    }
    const to = pixelOffset(y, n, oy, ox) + c * y.strides[3]!;
    machine.counter.write(y.slot, to, 1);
    y.data[to] = epilogue.activate(value, c);
  }
}
