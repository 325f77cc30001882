// What a region costs, in vector multiply-adds of one core: enough to choose between candidates, no more.
//
// A region is a GEMM of `rows` output pixels, computed in register tiles of `tileRows` rows. It costs the larger of its
// arithmetic and of streaming its weights; ties and near ties are decided by the overheads.

import {type Range, tapRange} from '../untangle/borders.js';
import {PANEL, PLANAR, type Region, type View} from './steps.js';
import {elementCount} from './view-math.js';

/** The constants of the model; an x86 core with AVX-512 is meant, others have the same order of preferences. */
export const COST = {
  /** Rows of the largest register tile: 12 x 2 accumulators leave 8 of 32 registers. */
  tileRows: 12,
  /** A tile of fewer rows is bound by loading weights: it costs as much as this many. */
  minTileRows: 4,
  /** Setting up a tile: row pointers, bias, epilogue. */
  tileOverhead: 200,
  /** The same when every pointer has to be tested against the border. */
  paddedTileOverhead: 400,
  /** The same when pixels lie evenly apart: a pointer per tap, not per pixel. */
  runTileOverhead: 50,
  /** Outputs of a row from which on its pixels are taken as such a run. */
  longRun: 8,
  /** Moving an output pixel of fused phases from scratch to its place. */
  fusedStoring: 4,
  /** Changing taps inside a tile, in k rows. */
  tapOverhead: 2,
  /** Reading and writing one vector of partial sums that were left in memory. */
  accumulate: 6,
  /** A planar tile of fewer output channels is bound by loading pixels: it costs as much as this many. */
  minPlanarRows: 2,
  /** Listing the taps of a planar tile and storing its pixels. */
  planarTileOverhead: 150,
  /** Packing one element of x for a planar step, rows shared by two items included, and storing one of y. */
  planarPacking: 1 / 6,
  planarStoring: 1 / 8,
  /** Either, when more than PLANAR.rows channels lie together and have to be transposed. */
  planarTransposing: 0.75,
  /** Copying one element of a map from planes to pixels or back, as a step of its own. */
  layoutCopy: 2.5,
  /** Transforming 16 channels of a tile to one of its products, and back. */
  transform: 6,
  /** Starting and ending a register tile of one of the products, in k rows: their sums are short. */
  productOverhead: 6,
  /** Transforming 16 weights to one of the products. */
  transformWeights: 6,
  /** Floats of transformed tiles that reach or leave a farther cache while one vector is multiplied. */
  transformedPerVector: 4,
  /** Waiting for the other threads between two stages of a step. */
  barrier: 3000,
  /** Starting a residue of a dilated kernel in Winograd's form. */
  winogradRegion: 1500,
  /** Measured times of Winograd's form beside what its parts cost, where GEMMs take one. */
  winogradSlowness: 1.2,
  /** Winograd's share of the direct cost below which its larger errors are worth it. */
  winogradShare: 0.93,
  /** The same of predicted times, which fall shorter of measured ones for its transforms than for GEMMs. */
  predictedWinogradShare: 0.85,
  /** Starting a step: waking the threads and waiting for the last. */
  stepOverhead: 10_000,
  /** Weight bytes that arrive from L3 or memory while one vector is multiplied. */
  weightBytesPerVector: 8,
  /** A later option wins only below this share of the cost: the model is not exact, and earlier ones do less. */
  clearly: 0.99,
  /** Arithmetic and streaming overlap, but not wholly: this share of the smaller shows. */
  unhidden: 0.1,
  /** Rows that share one reading of the weights: the executor's largest block of pixels. */
  blockRows: 192,
  /** Rows of k (whole taps) after which the executor leaves partial sums in memory, so that weights stay in L2. */
  chunkDepth: 1024,
} as const;

/** What a vector multiply-add's time is worth in bytes; other machines have other rates. */
export interface CostRates {
  readonly weightBytesPerVector: number;
  readonly transformedPerVector: number;
  readonly barrier: number;
  readonly winogradSlowness: number;
}

/** Arithmetic alone: what has to be moved is counted elsewhere. */
export const ARITHMETIC_RATES: CostRates = {
  weightBytesPerVector: Infinity,
  transformedPerVector: Infinity,
  barrier: 0,
  winogradSlowness: 1,
};

/** The sizes a region's cost depends on besides the region. */
export interface CostShape {
  readonly batch: number;
  readonly inputHeight: number;
  readonly inputWidth: number;
  /** Vectors of PANEL output columns, over all groups (of channels, for depthwise). */
  readonly panels: number;
  /** Bytes of a weight. */
  readonly weightBytes: number;
}

/** The cheapest option; near ties go to the earlier one. `options` is not empty. */
export function clearlyCheapest<T extends {readonly cost: number}>(options: readonly T[]): T {
  return options.reduce((best, one) => (one.cost < best.cost * COST.clearly ? one : best));
}

/** Cost of one region. */
export function regionCost(region: Region, shape: CostShape, rates: CostRates = COST): number {
  return region.perTap ? sweptCost(region, shape, rates) : tiledCost(region, shape, rates);
}

/** Pixels in the lanes: vectors of pixels times output channels, packing x and storing y, both [N, H, W, C]. */
export function planarCost(
  regions: readonly Region[],
  {x, y}: {readonly x: View; readonly y: View},
): number {
  const channels = y.shape[3]!;
  const rows = Math.max(COST.minPlanarRows, channels);
  const perImage = regions.reduce((sum, {countY, countX, taps, kc}) => {
    const vectors = countY * Math.ceil(countX / PANEL);
    const tiles = countY * Math.ceil(countX / PLANAR.tile) * Math.ceil(channels / PLANAR.rows);
    return (
      sum + vectors * taps.length * (kc + COST.tapOverhead) * rows + tiles * COST.planarTileOverhead
    );
  }, 0);
  return y.shape[0]! * perImage + moveCost(x, COST.planarPacking) + moveCost(y, COST.planarStoring);
}

/** Moving a map between memory and planes in the workspace. */
function moveCost({shape, strides}: View, perElement: number): number {
  const isTransposed = shape[3]! > PLANAR.rows && strides[3] === 1;
  return elementCount(shape) * (isTransposed ? COST.planarTransposing : perElement);
}

/** Registers accumulate over all taps; a tile skips a tap that lies outside the input for all of its rows. */
function tiledCost(region: Region, shape: CostShape, rates: CostRates): number {
  const {taps, kc, padded} = region;
  const rows = shape.batch * region.countY * region.countX;
  const fractions = taps.map(tap =>
    padded ? tiledFraction(region, tap.dy, shape.inputHeight) : 1,
  );
  return gemmCost({
    rows,
    depth: fractions.reduce((sum, fraction) => sum + fraction, 0) * (kc + COST.tapOverhead),
    weightRows: taps.length * kc,
    chunks: Math.ceil(taps.length / Math.max(1, Math.floor(COST.chunkDepth / kc))),
    panels: shape.panels,
    weightBytes: shape.weightBytes,
    tileOverhead: tileOverhead(region),
    rates,
  });
}

function tileOverhead({padded, countX}: Region): number {
  if (padded) return COST.paddedTileOverhead;
  return countX < COST.longRun ? COST.tileOverhead : COST.runTileOverhead;
}

/** The share of an image's tiles that hold some row of outputs for which a tap lies inside the input. */
function tiledFraction(region: Region, dy: number, inputHeight: number): number {
  const {countY, countX} = region;
  const tiles = Math.ceil((countY * countX) / COST.tileRows);
  const tilesPerRow = tiles / countY;
  const {start, end} = validRows(region, dy, inputHeight);
  return (Math.ceil(end * tilesPerRow) - Math.floor(start * tilesPerRow)) / tiles;
}

/** One GEMM per tap over the outputs for which it is inside, accumulating in memory, after a pass of bias. */
function sweptCost(region: Region, shape: CostShape, rates: CostRates): number {
  const {taps, kc, inX, inStepX, countX, countY} = region;
  const {tapOverhead, tileOverhead, accumulate} = COST;
  const vectors = shape.batch * countY * countX * shape.panels;
  return taps.reduce((sum, tap) => {
    const columns = tapRange({
      start: inX + tap.dx,
      step: inStepX,
      count: countX,
      size: shape.inputWidth,
    });
    const {start, end} = validRows(region, tap.dy, shape.inputHeight);
    const rows = shape.batch * (end - start) * (columns.end - columns.start);
    const gemm = gemmCost({
      rows,
      depth: kc + tapOverhead,
      weightRows: kc,
      chunks: 1,
      panels: shape.panels,
      weightBytes: shape.weightBytes,
      tileOverhead,
      rates,
    });
    return sum + gemm + accumulate * rows * shape.panels;
  }, accumulate * vectors);
}

interface Gemm {
  readonly rows: number;
  /** Rows of k multiplied per output, overheads included. */
  readonly depth: number;
  /** Rows of k read from the weights. */
  readonly weightRows: number;
  /** Runs of taps between which partial sums wait in memory. */
  readonly chunks: number;
  readonly panels: number;
  readonly weightBytes: number;
  readonly tileOverhead: number;
  readonly rates: CostRates;
}

function gemmCost({rows, depth, weightRows, chunks, panels, ...gemm}: Gemm): number {
  const tiles = Math.ceil(rows / COST.tileRows);
  if (tiles === 0) return 0;

  const multiplying = tiles * Math.max(COST.minTileRows, rows / tiles) * depth * panels;
  const arithmetic = multiplying + Math.max(0, chunks - 1) * COST.accumulate * rows * panels;
  const sweeps = Math.ceil(rows / COST.blockRows);
  const bytes = sweeps * weightRows * panels * PANEL * gemm.weightBytes;
  const streaming = bytes / gemm.rates.weightBytesPerVector;
  const hidden = Math.min(arithmetic, streaming);
  return Math.max(arithmetic, streaming) + COST.unhidden * hidden + tiles * gemm.tileOverhead;
}

/** Sizes of the tiles of one kernel in Winograd's form. */
export interface WinogradShape {
  readonly tiles: number;
  /** Tiles that share one reading of the weights. */
  readonly blockTiles: number;
  /** Products of a tile: one GEMM each. */
  readonly products: number;
  readonly inChannels: number;
  readonly panels: number;
  /** Floats of the transformed kernel when it is kept; else it is transformed for every block. */
  readonly keptElements: number;
  /** Floats of a transformed tile when it waits in the arena, else 0. */
  readonly sharedElements: number;
}

/** A GEMM per product and block, transforming the kernel, and transforming the tiles there and back. */
export function winogradCost(shape: WinogradShape, rates: CostRates = COST): number {
  const {tiles, blockTiles, products, inChannels, panels, keptElements, sharedElements} = shape;
  const gemm = gemmCost({
    rows: blockTiles,
    depth: inChannels + COST.productOverhead,
    weightRows: inChannels,
    chunks: Math.ceil(inChannels / COST.chunkDepth),
    panels,
    // Transformed, they are f32.
    weightBytes: 4,
    tileOverhead: COST.runTileOverhead,
    rates,
  });
  const blocks = tiles / blockTiles;
  const transforms = tiles * products * COST.transform * (inChannels / PANEL + panels);
  const kernels = keptElements > 0 ? 1 : Math.ceil(blocks);
  const weights = kernels * products * inChannels * panels * COST.transformWeights;
  const kept = 2 * (tiles * sharedElements + keptElements);
  const waiting = kept / rates.transformedPerVector / PANEL;
  const barriers = sharedElements > 0 ? 3 * Math.ceil(blocks) * rates.barrier : 0;
  const parts = blocks * products * gemm + transforms + weights + waiting + barriers;
  return parts * rates.winogradSlowness;
}

/** Rows of the region's outputs for which a tap lies inside the input. */
function validRows(region: Region, dy: number, inputHeight: number): Range {
  return tapRange({
    start: region.inY + dy,
    step: region.inStepY,
    count: region.countY,
    size: inputHeight,
  });
}
