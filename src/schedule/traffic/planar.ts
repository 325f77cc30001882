// The loops of planarTaps (native/cpu/planar_plan.cc, planar_taps.cc).

import {PANEL, PLANAR, planarRows, type Region} from '../steps.js';
import {F32_BYTES, type Runner, type TapsWork} from './conv-work.js';
import {EXECUTOR} from './executor.js';
import {pixelBytes} from './lines.js';
import {type Bytes, type Loop, nest} from './loops.js';

/** How a step is cut, as plan_planar does. */
interface PlanarCut {
  /** Rows of x that one output row reads, and columns beyond one per pixel. */
  readonly window: number;
  readonly span: number;
  readonly inStep: number;
  readonly tiles: number;
  readonly width: number;
  readonly tilePixels: number;
  readonly slice: number;
  readonly packed: number;
  /** Regions whose sums fit at a time. */
  readonly regions: number;
  readonly block: number;
  readonly blocks: number;
  readonly countY: number;
}

/** The loop over a planar step: items, each packed and multiplied, at once or some channels after the others. */
export function planarLoop(work: TapsWork, {tile, threads}: Runner): Loop {
  const {x, y} = work;
  const cut = cutPlanar(work, tile.lanes, threads);
  const [batch, height, width, inChannels] = x.shape as [number, number, number, number];
  const at = new PlanarBytes(work, cut);
  const items = batch * cut.blocks * cut.tiles;
  const [rows, columns] = [y.shape[1]!, y.shape[2]!];
  const allY = batch * pixelBytes(y, {rows, columns, channels: y.shape[3]!});
  const allX = batch * pixelBytes(x, {rows: height, columns: width, channels: inChannels});
  const itemY = allY / items;
  const packs = inChannels / cut.packed;
  const workspace = at.packed(cut.block, cut.packed) + at.sums * (packs > 1 ? cut.block : 1);
  const weights = at.weights(at.taps, inChannels);
  const itemX = at.input(cut.block, cut.width, inChannels);
  const once = at.whole({
    x: itemX / packs,
    weights: at.weights(at.taps, cut.packed),
    y: itemY,
    workspace,
  });
  const pack: Loop = {
    trips: 1,
    whole: at.whole({x: itemX / packs, weights: 0, y: 0, workspace}),
    writes: ['workspace'],
    body: [],
  };
  const item: Loop = {
    trips: packs > 1 ? packs * (work.regions.length / cut.regions) : 1,
    whole: at.whole({x: itemX, weights, y: itemY, workspace}),
    once,
    body: [pack, rowsLoop(work, cut, at, {itemY, workspace})],
  };
  return {
    trips: items,
    isParallel: true,
    whole: at.whole({x: allX, weights, y: allY, workspace}),
    body: [item],
  };
}

/** The output rows of an item: slices of channels, each of all regions and panels of output channels. */
function rowsLoop(
  {regions, y}: TapsWork,
  cut: PlanarCut,
  at: PlanarBytes,
  {itemY, workspace}: {readonly itemY: number; readonly workspace: number},
): Loop {
  const taps = Math.max(0, ...regions.map(region => region.taps.length));
  const together = (at.taps * cut.regions) / regions.length;
  const panels = Math.ceil(y.shape[3]! / planarRows(y.shape[3]!));
  const of = (part: {y: number; weights: number; workspace: number}) => at.whole({x: 0, ...part});
  const window = at.packed(1, cut.slice);
  const sums = at.sums / cut.regions;
  // A region reads the rows of its own taps.
  const rows = regions.reduce(
    (sum, region) => sum + new Set(region.taps.map(tap => tap.dy)).size / cut.window,
    0,
  );
  const read = (window * rows) / regions.length;
  const weights = at.weights(taps, cut.slice);
  return nest(
    [
      {
        trips: cut.block,
        whole: of({y: itemY, weights: at.weights(together, cut.packed), workspace}),
      },
      {
        trips: cut.packed / cut.slice,
        whole: of({
          y: itemY / cut.block,
          weights: at.weights(together, cut.packed),
          workspace: at.packed(1, cut.packed) + at.sums,
        }),
      },
      {
        trips: cut.regions,
        whole: of({
          y: 0,
          weights: at.weights(together, cut.slice),
          workspace: Math.min(window, read * cut.regions) + at.sums,
        }),
      },
      {trips: panels, whole: of({y: 0, weights, workspace: read + sums})},
      {trips: 1, whole: of({y: 0, weights: weights / panels, workspace: read + sums / panels})},
    ],
    ['y'],
  );
}

/** Bytes of the operands of a planar step. */
class PlanarBytes {
  private readonly work: TapsWork;
  private readonly cut: PlanarCut;
  /** Of all regions. */
  readonly taps: number;
  /** That wait at a time. */
  readonly sums: number;

  constructor(work: TapsWork, cut: PlanarCut) {
    this.work = work;
    this.cut = cut;
    this.taps = work.regions.reduce((sum, region) => sum + region.taps.length, 0);
    this.sums = cut.regions * work.y.shape[3]! * cut.tilePixels * F32_BYTES;
  }

  /** x under some output rows. */
  input(rows: number, columns: number, channels: number): number {
    const {x} = this.work;
    const inputRows = Math.min(x.shape[1]!, this.packedRows(rows));
    return pixelBytes(x, {rows: inputRows, columns: Math.min(columns, x.shape[2]!), channels});
  }

  packed(rows: number, channels: number): number {
    return this.packedRows(rows) * channels * this.cut.width * F32_BYTES;
  }

  weights(taps: number, channels: number): number {
    const outChannels = this.work.y.shape[3]!;
    const width = planarRows(outChannels);
    return taps * channels * Math.ceil(outChannels / width) * width * F32_BYTES;
  }

  whole(of: {x: number; weights: number; y: number; workspace: number}): Bytes {
    const residual = this.work.residual === null ? 0 : of.y;
    return new Map(Object.entries({...of, residual}));
  }

  private packedRows(rows: number): number {
    return (rows - 1) * this.cut.inStep + this.cut.window;
  }
}

/** As plan_planar. */
function cutPlanar({x, y, regions}: TapsWork, lanes: number, threads: number): PlanarCut {
  const inChannels = x.shape[3]!;
  const outChannels = y.shape[3]!;
  const starts = (axis: 'y' | 'x') =>
    regions.flatMap(region =>
      region.taps.map(tap => (axis === 'y' ? region.inY + tap.dy : region.inX + tap.dx)),
    );
  const spanOf = (values: readonly number[]) =>
    values.length === 0 ? 0 : Math.max(...values) - Math.min(...values);
  const window = spanOf(starts('y')) + 1;
  const span = spanOf(starts('x'));
  const most = (pick: (region: Region) => number) => Math.max(1, ...regions.map(pick));
  const countX = most(region => region.countX);
  const countY = most(region => region.countY);
  const inStep = Math.max(1, regions[0]?.inStepY ?? 1);
  const tiles = Math.ceil(countX / PLANAR.tile);
  const tilePixels = roundUp(Math.ceil(countX / tiles), lanes);
  const width = roundUp(tilePixels + span, PANEL);
  const together = planRegions(regions, outChannels, tilePixels);
  const channel = window * width;
  const limit =
    outChannels > planarRows(outChannels) ? EXECUTOR.wideWindowFloats : EXECUTOR.windowFloats;
  const {sliceStep, planarPackFloats} = EXECUTOR;
  const fit = Math.max(sliceStep, Math.floor(limit / channel / sliceStep) * sliceStep);
  const longest = Math.max(1, Math.min(fit, Math.floor(planarPackFloats / channel), inChannels));
  const even = roundUp(Math.ceil(inChannels / Math.ceil(inChannels / longest)), sliceStep);
  const slice = Math.min(longest, even);
  const packedRows = (channels: number) => {
    const rows = Math.floor(planarPackFloats / (channels * width));
    return rows < window ? 0 : Math.floor((rows - window) / inStep) + 1;
  };
  const sums = Math.floor(EXECUTOR.planarSumFloats / (outChannels * tilePixels * together));
  const bySlice = Math.min(packedRows(slice), sums);
  const atOnce = packedRows(inChannels);
  const packed = atOnce >= bySlice ? inChannels : slice;
  const fullest = Math.max(1, Math.min(countY, Math.max(atOnce, bySlice)));
  const macs =
    regions.reduce((sum, one) => sum + one.countY * one.countX * one.taps.length, 0) *
    y.shape[0]! *
    inChannels *
    outChannels;
  const wanted = Math.min(
    threads > 1 ? EXECUTOR.itemsPerThread * threads : 1,
    Math.floor(macs / EXECUTOR.minItemMacs) + 1,
  );
  const planned = Math.min(
    countY,
    Math.max(Math.ceil(countY / fullest), Math.ceil(wanted / (y.shape[0]! * tiles))),
  );
  const block = Math.ceil(countY / planned);
  const blocks = Math.ceil(countY / block);
  return {
    window,
    span,
    inStep,
    tiles,
    width,
    tilePixels,
    slice,
    packed,
    regions: together,
    block,
    blocks,
    countY,
  };
}

/** Regions whose sums fit; those whose outputs lie side by side stay together. */
function planRegions(regions: readonly Region[], outChannels: number, tilePixels: number): number {
  const fit = Math.floor(EXECUTOR.planarSumFloats / (outChannels * tilePixels));
  if (fit >= regions.length) return Math.max(1, regions.length);
  const together = Math.max(1, regions[0]!.outStepX);
  return Math.max(1, fit > together ? Math.floor(fit / together) * together : fit);
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
