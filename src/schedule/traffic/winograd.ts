// The loops of winograd (native/cpu/winograd.cc): transform the inputs of a block of tiles, multiply, transform the sums.

import {
  winogradInputs,
  winogradKernelElements,
  winogradOutputs,
  winogradProducts,
  winogradProductsAlong,
  winogradTileElements,
} from '../../untangle/winograd.js';
import {PANEL, WORKSPACE_BYTES} from '../steps.js';
import {F32_BYTES, type Runner, type WinogradWork} from './conv-work.js';
import {EXECUTOR} from './executor.js';
import {pixelBytes} from './lines.js';
import {type Bytes, type Loop, nest} from './loops.js';

/** The tiles of one kernel and how they are run. */
export interface KernelCut {
  readonly tiles: number;
  readonly blocks: number;
  readonly blockTiles: number;
  readonly isKept: boolean;
  /** Each block belongs to a thread. */
  readonly isPrivate: boolean;
  readonly products: number;
  /** Products along the rows' axis: those of a row of products share transformed weights. */
  readonly rows: number;
  readonly inChannels: number;
  readonly padded: number;
  readonly taps: number;
  /** Of a product's columns. */
  readonly columnTiles: number;
}

/** One loop per kernel. */
export function winogradLoops(work: WinogradWork, runner: Runner): Loop[] {
  return winogradCuts(work, runner).map(cut => kernelLoop(work, cut, runner));
}

/** How each kernel's tiles are run. */
export function winogradCuts(work: WinogradWork, runner: Runner): KernelCut[] {
  return kernelTiles(work).map(tiles => cutKernel(work, tiles, runner));
}

/** Tiles of the regions of each kernel. */
function kernelTiles({regions, form, y}: WinogradWork): number[] {
  const kernels = new Map<number, number>();
  const [rows, columns] = form.taps.map(taps => winogradOutputs(form.tile, taps)) as [
    number,
    number,
  ];
  for (const {taps, countY, countX} of regions) {
    const tiles = y.shape[0]! * Math.ceil(countY / rows) * Math.ceil(countX / columns);
    const {k} = taps[0]!;
    kernels.set(k, (kernels.get(k) ?? 0) + tiles);
  }
  return [...kernels.values()];
}

function cutKernel(work: WinogradWork, tiles: number, {tile, threads}: Runner): KernelCut {
  const {form, x, y, scratchElements} = work;
  const inChannels = x.shape[3]!;
  const panels = Math.ceil(y.shape[3]! / PANEL);
  const tileFloats = winogradTileElements(form, inChannels, panels);
  const kernelFloats = winogradKernelElements(form, inChannels, panels);
  const own = Math.floor(WORKSPACE_BYTES / F32_BYTES / tileFloats);
  const isKept = scratchElements >= kernelFloats + (own > 0 ? 0 : tileFloats);
  const fit = Math.floor((scratchElements - (isKept ? kernelFloats : 0)) / tileFloats);
  const perThread = Math.min(
    Math.floor(fit / threads),
    Math.max(EXECUTOR.winogradFewestTiles, Math.floor(EXECUTOR.winogradBlockFloats / tileFloats)),
  );
  const isPrivate = fit === 0 || (isKept && perThread >= EXECUTOR.winogradFewestTiles);
  const most = fit === 0 ? Math.max(1, own) : perThread;
  const blocks = isPrivate
    ? privateBlocks(tiles, most, threads)
    : Math.ceil(tiles / Math.max(1, fit));
  return {
    tiles,
    blocks,
    blockTiles: tiles / blocks,
    isKept,
    isPrivate,
    products: winogradProducts(form),
    rows: winogradProductsAlong(form.tile, form.taps[0]),
    inChannels,
    padded: panels * PANEL,
    taps: form.taps[0] * form.taps[1],
    columnTiles: Math.ceil(panels / tile.panels),
  };
}

function privateBlocks(tiles: number, fit: number, threads: number): number {
  const most = Math.max(1, Math.min(fit, Math.ceil(tiles / threads)));
  const blocks = Math.ceil(tiles / most);
  return Math.min(tiles, Math.ceil(blocks / threads) * threads);
}

/** Bytes of the operands of some tiles. */
function bytesOf(
  {x, y, form, residual}: WinogradWork,
  cut: KernelCut,
): {
  inputs(tiles: number): number;
  outputs(tiles: number): number;
  residual(tiles: number): number;
} {
  const side = (map: 'inputs' | 'outputs', axis: 0 | 1) =>
    map === 'inputs'
      ? winogradInputs(form.tile, form.taps[axis])
      : winogradOutputs(form.tile, form.taps[axis]);
  const xAll =
    x.shape[0]! *
    pixelBytes(x, {rows: x.shape[1]!, columns: x.shape[2]!, channels: cut.inChannels});
  // Outputs of a kernel's phase; neighbouring tiles share the pixels around them.
  const outputs = (tiles: number) => {
    const pixels = tiles * side('outputs', 0) * side('outputs', 1);
    return pixels * pixelBytes(y, {rows: 1, columns: 1, channels: y.shape[3]!});
  };
  const inputs = (tiles: number) => {
    // A block of tiles is a few rows of them: rows above and below are read again, columns are not.
    const fresh = side('outputs', 0) * side('outputs', 1);
    const halo = side('inputs', 0) / side('outputs', 0);
    const pixels = tiles * fresh * Math.min(halo, (tiles + side('inputs', 0)) / tiles);
    return Math.min(xAll, pixels * cut.inChannels * F32_BYTES);
  };
  return {inputs, outputs, residual: tiles => (residual === null ? 0 : outputs(tiles))};
}

function kernelLoop(work: WinogradWork, cut: KernelCut, {tile}: Runner): Loop {
  const at = bytesOf(work, cut);
  const {tiles, blocks, blockTiles, products, inChannels, padded, columnTiles, taps} = cut;
  const factors = blockTiles * products * inChannels * F32_BYTES;
  const sums = blockTiles * products * padded * F32_BYTES;
  const kernel = products * inChannels * padded * F32_BYTES;
  const weights = taps * inChannels * padded * work.weightBytes;
  const kept: [string, number][] = cut.isKept ? [['kernel', kernel]] : [['weights', weights]];
  const inputs: Loop = {
    trips: blockTiles,
    whole: new Map([
      ['x', at.inputs(blockTiles)],
      ['factors', factors],
    ]),
    writes: ['factors'],
    body: [],
  };
  const outputs: Loop = {
    trips: blockTiles,
    whole: new Map([
      ['sums', sums],
      ['y', at.outputs(blockTiles)],
      ['residual', at.residual(blockTiles)],
    ]),
    writes: ['y'],
    body: [],
  };
  const operands = (of: {x: number; y: number; residual: number}): Bytes =>
    new Map([
      ['x', of.x],
      ['y', of.y],
      ['residual', of.residual],
      ['factors', factors],
      ['sums', sums],
      ...kept,
    ]);
  const block = operands({
    x: at.inputs(blockTiles),
    y: at.outputs(blockTiles),
    residual: at.residual(blockTiles),
  });
  const multiply = cut.isKept
    ? keptProducts(cut, {factors, sums, kernel}, tile.runRows)
    : rowProducts(cut, {factors, sums, weights}, {columnTiles, runRows: tile.runRows});
  const steps: Loop = {
    trips: blocks,
    isParallel: cut.isPrivate,
    whole: operands({x: at.inputs(tiles), y: at.outputs(tiles), residual: at.residual(tiles)}),
    once: block,
    body: [inputs, multiply, outputs],
  };
  if (!cut.isKept) return steps;
  const keep: Loop = {
    trips: 1,
    whole: new Map([
      ['weights', weights],
      ['kernel', kernel],
    ]),
    writes: ['kernel'],
    body: [],
  };
  return {
    trips: 1,
    whole: new Map([...steps.whole, ['weights', weights]]),
    body: [keep, steps],
  };
}

/** A product after the other, column tile by column tile, over slices of the channels and tiles of rows. */
function keptProducts(
  {products, columnTiles, inChannels, blockTiles}: KernelCut,
  {factors, sums, kernel}: {factors: number; sums: number; kernel: number},
  rows: number,
): Loop {
  const slices = Math.ceil(inChannels / EXECUTOR.winogradSlice);
  const of = (part: {factors: number; sums: number; kernel: number}): Bytes =>
    new Map([
      ['factors', factors / part.factors],
      ['sums', sums / part.sums],
      ['kernel', kernel / part.kernel],
    ]);
  const tiles = Math.max(1, blockTiles / rows);
  const columns = products * columnTiles;
  return nest(
    [
      {trips: products, whole: of({factors: 1, sums: 1, kernel: 1})},
      {trips: columnTiles, whole: of({factors: products, sums: products, kernel: products})},
      {trips: slices, whole: of({factors: products, sums: columns, kernel: columns})},
      {
        trips: tiles,
        whole: of({factors: products * slices, sums: columns, kernel: columns * slices}),
      },
      {
        trips: 1,
        whole: of({
          factors: products * slices * tiles,
          sums: columns * tiles,
          kernel: columns * slices,
        }),
      },
    ],
    ['sums'],
  );
}

/** Column tile by column tile, row of products by row, each slice of the weights transformed into the workspace first. */
function rowProducts(
  {products, rows, inChannels, blockTiles, padded}: KernelCut,
  {factors, sums, weights}: {factors: number; sums: number; weights: number},
  {columnTiles, runRows}: {columnTiles: number; runRows: number},
): Loop {
  const slices = Math.ceil(inChannels / EXECUTOR.winogradSlice);
  const made = ((products / rows) * inChannels * padded * F32_BYTES) / columnTiles / slices;
  const of = (part: {factors: number; sums: number; weights: number}): Bytes =>
    new Map([
      ['factors', factors / part.factors],
      ['sums', sums / part.sums],
      ['weights', weights / part.weights],
      ['workspace', made],
    ]);
  const tiles = Math.max(1, blockTiles / runRows);
  return nest(
    [
      {trips: columnTiles, isParallel: true, whole: of({factors: 1, sums: 1, weights: 1})},
      {trips: rows, whole: of({factors: 1, sums: columnTiles, weights: columnTiles})},
      {
        trips: slices,
        writes: ['workspace'],
        whole: of({factors: rows, sums: columnTiles * rows, weights: columnTiles}),
      },
      {
        trips: products / rows,
        whole: of({
          factors: rows * slices,
          sums: columnTiles * rows,
          weights: columnTiles * slices,
        }),
      },
      {
        trips: tiles,
        whole: of({factors: products * slices, sums: columnTiles * products, weights: Infinity}),
      },
    ],
    ['sums'],
  );
}
