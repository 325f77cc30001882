// The loops of gemmTaps (native/cpu/gemm_taps.cc, gemm_block.cc, gemm_runs.cc).

import {PANEL, type Region} from '../steps.js';
import {
  F32_BYTES,
  inputBytes,
  type OutputBlock,
  outputBlock,
  outputBytes,
  pixelCount,
  type Runner,
  type TapsWork,
} from './conv-work.js';
import {EXECUTOR} from './executor.js';
import {type Loop, nest} from './loops.js';

const POINTER_BYTES = 8;
/** Of a pixel that is swept: where it reads and writes, and what the tap at hand reads. */
const PLACE_BYTES = 46;

/** How a region is cut, as plan_region does. */
interface RegionCut {
  readonly groups: number;
  readonly columnBlocks: number;
  readonly blocks: number;
  /** Of a column block. */
  readonly columnTiles: number;
  /** Columns of a tile that are there. */
  readonly tileColumns: number;
  /** Columns of a group, with those that fill up its panels. */
  readonly paddedColumns: number;
  readonly blockPixels: number;
  readonly tilePixels: number;
  /** Rows of k: of all taps, and of a chunk. */
  readonly depth: number;
  readonly chunkDepth: number;
  readonly isRun: boolean;
}

/** The loop over one region of a gemmTaps step that has `regions`. */
export function gemmRegionLoop(work: TapsWork, region: Region, runner: Runner): Loop {
  const cut = cutRegion(work, region, runner);
  return region.perTap ? sweptLoop(work, region, cut) : tiledLoop(work, region, cut);
}

function cutRegion(work: TapsWork, region: Region, {tile, threads}: Runner): RegionCut {
  const {y, groups, fusedY, fusedX, regions} = work;
  const {taps, kc} = region;
  const pixels = pixelCount(region, y);
  const slices = Math.ceil(kc / EXECUTOR.maxSlice);
  const entries = Math.max(1, taps.length * slices);
  const wanted = Math.ceil(
    (threads > 1 ? EXECUTOR.itemsPerThread * threads : 1) / (regions.length * groups),
  );
  const clamped = Math.min(
    EXECUTOR.maxBlockPixels,
    Math.max(EXECUTOR.minBlockPixels, Math.floor(EXECUTOR.blockInputs / kc)),
  );
  const most = Math.max(
    tile.rows,
    Math.min(clamped, Math.floor(EXECUTOR.maxRowPointers / entries)),
  );
  const tiles = Math.ceil(pixels / tile.rows);
  const groupColumns = (y.shape[3]! / groups) * fusedY * fusedX;
  const width = tile.panels * PANEL;
  const columnTiles = Math.ceil(groupColumns / width);
  let blocks = Math.ceil(tiles / Math.floor(most / tile.rows));
  let columnBlocks = 1;
  if (blocks < wanted) {
    const macs = Math.floor(pixels / blocks) * taps.length * kc * width;
    const worth = Math.max(1, Math.floor((macs * columnTiles) / EXECUTOR.minItemMacs));
    const parts = Math.min(Math.ceil(wanted / blocks), worth);
    columnBlocks = Math.min(parts, columnTiles);
    blocks = Math.min(tiles, blocks * Math.ceil(parts / columnBlocks));
  }
  const isFused = fusedY * fusedX > 1;
  const excluded = region.padded || region.perTap || (!isFused && region.cropped);
  const isRun = !excluded && region.countX >= EXECUTOR.minRun;
  const slice = Math.ceil(kc / slices);
  const perChunk = slices > 1 ? 1 : Math.max(1, Math.floor(EXECUTOR.chunkFloats / (width * slice)));
  const blockTiles = Math.ceil(tiles / blocks);
  const isWhole = !isRun && blockTiles === 1 && slices === 1;
  const depth = taps.length * kc;
  return {
    groups,
    columnBlocks,
    blocks,
    columnTiles: columnTiles / columnBlocks,
    tileColumns: Math.min(width, groupColumns),
    paddedColumns: Math.ceil(groupColumns / PANEL) * PANEL,
    blockPixels: pixels / blocks,
    tilePixels: Math.min(pixels / blocks, isRun ? tile.runRows : tile.rows),
    depth,
    chunkDepth: isWhole ? depth : Math.min(depth, perChunk * slice),
    isRun,
  };
}

/** Lines of a block's operands, for some of its columns and rows of k. */
class Footprints {
  private readonly work: TapsWork;
  private readonly region: Region;
  private readonly cut: RegionCut;

  constructor(work: TapsWork, region: Region, cut: RegionCut) {
    this.work = work;
    this.region = region;
    this.cut = cut;
  }

  /** x under `pixels`; of a group's channels, or of all groups'. */
  x(
    pixels: number,
    {taps, groups = 1, part = 1}: {taps?: number; groups?: number; part?: number} = {},
  ): number {
    const channels = Math.max(1, this.region.kc * groups * part);
    return inputBytes(this.work, this.region, this.block(pixels), {
      channels,
      ...(taps === undefined ? {} : {taps}),
    });
  }

  /** y under `pixels`, `columns` wide; of all phases where they are fused. */
  y(pixels: number, columns: number): number {
    const {work, region} = this;
    const fused = work.fusedY * work.fusedX;
    const channels = work.y.shape[3]!;
    const share = Math.min(1, columns / ((channels / work.groups) * fused));
    if (fused > 1) return outputBytes(work.y, region, this.block(pixels), channels, work) * share;
    return outputBytes(work.y, region, this.block(pixels), Math.min(channels, columns));
  }

  residual(pixels: number, columns: number): number {
    return this.work.residual === null ? 0 : this.y(pixels, columns);
  }

  weights(columns: number, depth: number): number {
    return columns * depth * this.work.weightBytes;
  }

  /** Row pointers, or sums of fused phases, in the workspace. */
  workspace(pixels: number, depth: number): number {
    const {region, cut, work} = this;
    const entries = Math.max(1, (region.taps.length * depth) / Math.max(1, cut.depth));
    const pointers = cut.isRun ? 0 : pixels * entries * POINTER_BYTES;
    const sums = work.fusedY * work.fusedX > 1 ? pixels * cut.tileColumns * F32_BYTES : 0;
    return pointers + sums;
  }

  private block(pixels: number): OutputBlock {
    return outputBlock(this.region, pixels);
  }
}

function tiledLoop(work: TapsWork, region: Region, cut: RegionCut): Loop {
  const at = new Footprints(work, region, cut);
  const pixels = pixelCount(region, work.y);
  const {groups, columnBlocks, blocks, columnTiles, tileColumns, paddedColumns} = cut;
  const {depth, chunkDepth, blockPixels, tilePixels} = cut;
  const blockColumns = paddedColumns / columnBlocks;
  const padded = Math.ceil(tileColumns / PANEL) * PANEL;
  const part = chunkDepth / Math.max(1, depth);
  const chunkTaps = Math.max(1, region.taps.length * part);
  const channelPart = Math.min(1, region.taps.length * part);
  const all = {pixels, columns: paddedColumns, depth};
  const whole = (of: {pixels: number; columns: number; depth: number}, x: number) =>
    new Map([
      ['x', x],
      ['weights', at.weights(of.columns, of.depth)],
      ['y', at.y(of.pixels, of.columns)],
      ['residual', at.residual(of.pixels, of.columns)],
      ['workspace', at.workspace(Math.min(of.pixels, blockPixels), of.depth)],
    ]);
  const group = whole(all, at.x(pixels));
  const block = {pixels: blockPixels, columns: blockColumns, depth};
  const column = {...block, columns: padded};
  const chunk = {...column, depth: chunkDepth};
  const chunkX = (count: number) => at.x(count, {taps: chunkTaps, part: channelPart});
  return nest(
    [
      {
        trips: groups,
        whole: new Map(
          [...group].map(([operand, bytes]) => [
            operand,
            operand === 'x'
              ? at.x(pixels, {groups})
              : operand === 'workspace'
                ? bytes
                : bytes * groups,
          ]),
        ),
      },
      {trips: columnBlocks, whole: group},
      {
        trips: blocks,
        isParallel: true,
        whole: whole({...all, columns: blockColumns}, at.x(pixels)),
      },
      {trips: columnTiles, whole: whole(block, at.x(blockPixels))},
      {trips: depth / Math.max(1, chunkDepth), whole: whole(column, at.x(blockPixels))},
      {trips: blockPixels / tilePixels, whole: whole(chunk, chunkX(blockPixels))},
      {trips: chunkDepth, whole: whole({...chunk, pixels: tilePixels}, chunkX(tilePixels))},
    ],
    work.fusedY * work.fusedX > 1 ? ['y', 'workspace'] : ['y'],
  );
}

/** HUGE2: every tap passes over the block's outputs, before them the bias and after them the activation. */
function sweptLoop(work: TapsWork, region: Region, cut: RegionCut): Loop {
  const at = new Footprints(work, region, cut);
  const pixels = pixelCount(region, work.y);
  const {groups, columnBlocks, blocks, columnTiles, tileColumns, paddedColumns, blockPixels} = cut;
  const {kc, taps} = region;
  const blockColumns = paddedColumns / columnBlocks;
  const padded = Math.ceil(tileColumns / PANEL) * PANEL;
  const whole = (count: number, columns: number, of: {taps: number; depth: number}) =>
    new Map([
      ['x', at.x(count, {taps: of.taps})],
      ['weights', at.weights(columns, of.depth)],
      ['y', at.y(count, columns)],
      ['residual', at.residual(count, columns)],
      ['workspace', Math.min(count, blockPixels) * PLACE_BYTES],
    ]);
  const every = {taps: taps.length, depth: taps.length * kc};
  const one = {taps: 1, depth: kc};
  const group = whole(pixels, paddedColumns, every);
  const tilePixels = Math.min(blockPixels, cut.tilePixels);
  // A pass over the sums without any tap: the first, and the last where there is an activation.
  const pass = (count: number) => new Map([['y', at.y(count, blockColumns)]]);
  const sweep = nest(
    [
      {trips: taps.length, whole: whole(blockPixels, blockColumns, every)},
      {trips: columnTiles, whole: whole(blockPixels, blockColumns, one)},
      {trips: blockPixels / tilePixels, whole: whole(blockPixels, padded, one)},
      {trips: kc, whole: whole(tilePixels, padded, one)},
    ],
    ['y'],
  );
  const begin: Loop = {trips: 1, whole: pass(blockPixels), writes: ['y'], body: []};
  const body = work.hasEpilogue ? [begin, sweep, begin] : [begin, sweep];
  const block: Loop = {
    trips: blocks,
    isParallel: true,
    whole: whole(pixels, blockColumns, every),
    once: whole(blockPixels, blockColumns, every),
    body,
  };
  return {
    trips: groups,
    whole: new Map([...group].map(([operand, bytes]) => [operand, bytes * groups])),
    body: [{trips: columnBlocks, whole: group, body: [block]}],
  };
}
