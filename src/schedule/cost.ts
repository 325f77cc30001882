// What a region costs, in vector multiply-adds of one core: enough to choose between candidates, no more.
//
// A region is a GEMM of `rows` output pixels, computed in register tiles of TILE_ROWS rows. It costs the larger of its
// arithmetic and of streaming its weights; ties and near ties are decided by the overheads.

import {tapRange} from '../untangle/borders.js';
import {PANEL, type Region} from './steps.js';

/** The constants of the model; measured or derived for an x86 core with AVX-512, coarse for others. */
export const COST = {
  /** Rows of the largest register tile: 12 x 2 accumulators leave 8 of 32 registers. */
  tileRows: 12,
  /** A tile of fewer rows is bound by loading weights: it costs as much as this many. */
  minTileRows: 4,
  /** Setting up a tile: row pointers, bias, epilogue. */
  tileOverhead: 200,
  /** Changing taps inside a tile, in k rows. */
  tapOverhead: 2,
  /** Reading and writing one vector of partial sums that were left in memory. */
  accumulate: 4,
  /** Starting a step: waking the threads and waiting for the last. */
  stepOverhead: 10_000,
  /** Weight bytes that arrive from L3 or memory while one vector is multiplied. */
  weightBytesPerVector: 8,
  /** Two panels of weights that fit here are read once per region, otherwise once per tile. */
  cacheBytes: 1024 * 1024,
} as const;

const PANEL_ROW_BYTES = PANEL * 4;

/** The sizes a region's cost depends on besides the region. */
export interface CostShape {
  readonly batch: number;
  readonly inputHeight: number;
  readonly inputWidth: number;
  /** Vectors of PANEL output columns, over all groups (of channels, for depthwise). */
  readonly panels: number;
}

/** Cost of one region. */
export function regionCost(region: Region, shape: CostShape): number {
  return region.perTap ? sweptCost(region, shape) : tiledCost(region, shape);
}

/** Registers accumulate over all taps; rows of outputs whose tap lies outside the input skip it. */
function tiledCost(region: Region, shape: CostShape): number {
  const {taps, kc, countY, countX} = region;
  const validRows = taps.reduce((sum, tap) => sum + validCount(region, tap.dy, shape.inputHeight), 0);
  return gemmCost({
    rows: shape.batch * countY * countX,
    depth: countY === 0 ? 0 : (validRows / countY) * (kc + COST.tapOverhead),
    weightRows: taps.length * kc,
    panels: shape.panels,
  });
}

/** One GEMM per tap over the outputs for which it is inside, accumulating in memory, after a pass of bias. */
function sweptCost(region: Region, shape: CostShape): number {
  const {taps, kc, inX, inStepX, countX, countY} = region;
  const vectors = shape.batch * countY * countX * shape.panels;
  return taps.reduce((sum, tap) => {
    const columns = tapRange({start: inX + tap.dx, step: inStepX, count: countX, size: shape.inputWidth});
    const rows = shape.batch * validCount(region, tap.dy, shape.inputHeight) * (columns.end - columns.start);
    const gemm = gemmCost({rows, depth: kc + COST.tapOverhead, weightRows: kc, panels: shape.panels});
    return sum + gemm + COST.accumulate * rows * shape.panels;
  }, COST.accumulate * vectors);
}

function gemmCost(gemm: {rows: number; depth: number; weightRows: number; panels: number}): number {
  const {rows, depth, weightRows, panels} = gemm;
  const tiles = Math.ceil(rows / COST.tileRows);
  if (tiles === 0) return 0;

  const arithmetic = tiles * Math.max(COST.minTileRows, rows / tiles) * depth * panels;
  const sweeps = weightRows * 2 * PANEL_ROW_BYTES <= COST.cacheBytes ? 1 : tiles;
  const streaming = (sweeps * weightRows * panels * PANEL_ROW_BYTES) / COST.weightBytesPerVector;
  return Math.max(arithmetic, streaming) + tiles * COST.tileOverhead;
}

/** Rows of the region's outputs for which a tap lies inside the input. */
function validCount(region: Region, dy: number, inputHeight: number): number {
  const range = tapRange({start: region.inY + dy, step: region.inStepY, count: region.countY, size: inputHeight});
  return range.end - range.start;
}
