// Winograd: phases of two or three taps an axis in tiles of neighbouring outputs.
//
// Every phase of a transposed convolution is an ordinary one of stride 1, with a kernel of its own (docs/01-architecture.md,
// "Winograd"). A dilated phase is d x d convolutions of the pixels d apart (polyphase views, untangling.md section 1.6): their
// tiles read and write pixels d apart, and since a pixel's channels lie together that costs nothing. Residues of two
// pixels without neighbours are pairs, in a form of their own.

import {isDeep, type PlanePhase} from '../../untangle/conv.js';
import type {Phase} from '../../untangle/phases.js';
import {
  isWinogradForm,
  WINOGRAD_PAIR,
  WINOGRAD_TAPS,
  WINOGRAD_TILES,
  type WinogradForm,
  winogradInputs,
  winogradKernelElements,
  winogradOutputs,
  winogradProducts,
  winogradTileElements,
} from '../../untangle/winograd.js';
import {COST, clearlyCheapest, winogradCost} from '../cost.js';
import {type ConvOperands, once, weightBytes} from '../counts.js';
import type {PixelProduct} from '../pixels.js';
import {mapElements, sharedElements, within} from '../region-pixels.js';
import {type Counts, PANEL, type Region, WINOGRAD_CHANNELS, WORKSPACE_BYTES} from '../steps.js';
import type {ConvProblem} from './problem.js';

const F32_BYTES = 4;

/** A step in Winograd's form. */
export interface WinogradCandidateStep {
  readonly op: 'winograd';
  readonly form: WinogradForm;
  /** Each reads the weights of a kernel from its tap's k on; those of a kernel follow one another. */
  readonly regions: readonly Region[];
  /** ONNX kernel elements of each kernel, row by row of its window. */
  readonly kernels: readonly (readonly number[])[];
  /** Arena floats for a transformed kernel that is kept, and for the tiles of one block unless a thread's workspace holds enough. */
  readonly scratchElements: number;
  readonly counts: Counts;
  readonly cost: number;
}

/** Tiles of a block that make the GEMMs worth their weights; fewer want a larger block in the arena. */
const FEWEST_PRIVATE_TILES = 12;

/** Floats of the largest kernel that is transformed once and kept (4 MiB). */
const MOST_KEPT = 2 ** 20;

/** Residues of a dilated phase, each a region; where there are more, few outputs are left to a tile. */
const MOST_RESIDUES = 1024;

/** Floats of an arena block (8 MiB), and its tiles; more at least where each block transforms the kernel. */
const BLOCK = {elements: 2 ** 21, fewest: 16, fewestTransforming: 48, most: 192} as const;

/** The taps [rows, columns] of a phase that can be tiled; null for others. */
export function tiledTaps(
  {groups, inChannels, plane}: ConvProblem,
  phase: PlanePhase,
): WinogradForm['taps'] | null {
  const isDense = groups === 1 && inChannels <= WINOGRAD_CHANNELS && !isDeep(plane);
  if (!isDense || phase.z.taps.length !== 1 || !isEven(phase.y) || !isEven(phase.x)) return null;
  const taps = [phase.y.taps.length, phase.x.taps.length] as const;
  const isFew = residueCount(phase.y) * residueCount(phase.x) <= MOST_RESIDUES;
  return isFew && taps.some(count => count > 1) ? taps : null;
}

/** A few taps, evenly apart, that step with the outputs. */
function isEven({inStep, taps}: Phase): boolean {
  const isFew = taps.length >= 1 && taps.length <= WINOGRAD_TAPS;
  return isFew && inStep === 1 && taps.every((tap, i) => tap.inStart === startOf(taps, i));
}

function startOf(taps: Phase['taps'], index: number): number {
  return taps[0]!.inStart + index * dilationOf(taps);
}

function dilationOf(taps: Phase['taps']): number {
  return taps.length === 1 ? 1 : taps[1]!.inStart - taps[0]!.inStart;
}

function residueCount({taps, outCount}: Phase): number {
  return Math.min(dilationOf(taps), outCount);
}

/** The cheapest tiles for phases that all have `taps`, or those of `form`. */
export function planWinograd(
  {operands, scratchLimit}: ConvProblem,
  {phases, taps}: {readonly phases: readonly PlanePhase[]; readonly taps: WinogradForm['taps']},
  form?: WinogradForm,
): WinogradCandidateStep {
  const axes = phases.map(phase => ({y: residuesOf(phase.y), x: residuesOf(phase.x)}));
  const all = form === undefined ? WINOGRAD_TILES.map(tile => ({tile, taps})) : [form];
  const forms = all.filter(isWinogradForm);
  return cheapestStep(operands, {phases, axes, forms, scratchLimit});
}

/** The pairs of phases that all have `taps`; null where there are none. */
export function planPairs(
  {operands, scratchLimit}: ConvProblem,
  phases: readonly PlanePhase[],
  taps: WinogradForm['taps'],
): WinogradCandidateStep | null {
  const form: WinogradForm = {tile: WINOGRAD_PAIR, taps};
  if (!isWinogradForm(form)) return null;
  const [, height, width] = operands.x.shape as [number, number, number, number];
  const axes = phases.map(phase => ({y: pairsOf(phase.y, height), x: pairsOf(phase.x, width)}));
  if (axes.some(({y, x}) => y.length === 0 || x.length === 0)) return null;
  return cheapestStep(operands, {phases, axes, forms: [form], scratchLimit});
}

interface Tiles {
  readonly phases: readonly PlanePhase[];
  /** Of each phase. */
  readonly axes: readonly TiledPhase[];
  readonly forms: readonly WinogradForm[];
  /** Floats of scratch that are not to be exceeded where fewer will do. */
  readonly scratchLimit: number;
}

function cheapestStep(operands: ConvOperands, tiles: Tiles): WinogradCandidateStep {
  const {phases, axes, forms, scratchLimit} = tiles;
  const tilings = forms.flatMap(form =>
    [true, false].flatMap(keeps => tileForm(operands, axes, {form, keeps, scratchLimit})),
  );
  const least = Math.min(...tilings.map(({scratchElements}) => scratchElements));
  const most = Math.max(least * NEARLY_LEAST, scratchLimit);
  const tiling = clearlyCheapest(tilings.filter(({scratchElements}) => scratchElements <= most));
  const {form, scratchElements, cost} = tiling;
  const regions = once(() => regionsOf(tiling));
  const counts = once(() => countTiling(operands, tiling));
  return {
    op: 'winograd',
    form,
    get regions() {
      return regions();
    },
    kernels: phases.map(phase => phase.taps.map(tap => tap.kernelIndex)),
    scratchElements,
    cost,
    get counts() {
      return counts();
    },
  };
}

/** Outputs start + step * q, 0 <= q < count, that read from input `from` + inStep * q on. */
interface Residue {
  readonly start: number;
  readonly step: number;
  readonly count: number;
  readonly from: number;
  readonly inStep: number;
}

/** Residue r of a dilated axis: every d-th output from r on. */
function residuesOf(phase: Phase): Residue[] {
  const {outStart, outStep, outCount, taps} = phase;
  const dilation = dilationOf(taps);
  return Array.from({length: residueCount(phase)}, (_, residue) => ({
    start: outStart + residue * outStep,
    step: outStep * dilation,
    count: Math.ceil((outCount - residue) / dilation),
    from: taps[0]!.inStart + residue,
    inStep: dilation,
  }));
}

/** Residues of two outputs that read two inputs; along an axis of one tap all of them. */
function pairsOf(phase: Phase, inputSize: number): Residue[] {
  const residues = residuesOf(phase);
  if (phase.taps.length === 1) return residues;
  return residues.flatMap(residue => {
    const [before, first, last, after] = [0, 1, 2, 3].map(
      index => residue.from + index * residue.inStep,
    ) as [number, number, number, number];
    const isPair = before < 0 && first >= 0 && last < inputSize && after >= inputSize;
    return isPair && residue.count === 2 ? [{...residue, from: first}] : [];
  });
}

interface TiledPhase {
  readonly y: readonly Residue[];
  readonly x: readonly Residue[];
}

/** The phases' outputs in tiles of one form. */
interface Tiling {
  readonly form: WinogradForm;
  /** Of each phase. */
  readonly axes: readonly TiledPhase[];
  readonly tiles: readonly number[];
  readonly panels: number;
  readonly inChannels: number;
  readonly products: number;
  /** Floats of the kernels that are kept one after the other, each transformed once. */
  readonly keptElements: number;
  /** Tiles wait in the arena, not in a workspace. */
  readonly isWaiting: boolean;
  readonly scratchElements: number;
  readonly cost: number;
}

/** Scratch this many times the least is as good: kernels that are transformed again and again save little of it and cost much. */
const NEARLY_LEAST = 1.25;

/** Tiles of a block when scratch is short: a vector of rows for the GEMMs. */
const LEAST_TILES = 8;

/** Tiles of a form whose transformed kernels are kept, or made on the way; none when they are too large to be kept. */
function tileForm(
  operands: ConvOperands,
  axes: readonly TiledPhase[],
  {form, keeps, scratchLimit}: {form: WinogradForm; keeps: boolean; scratchLimit: number},
): Tiling[] {
  const [batch, , , inChannels] = operands.x.shape as [number, number, number, number];
  const tilesOf = (residues: readonly Residue[], axis: 0 | 1) =>
    residues.reduce((sum, {count}) => sum + tilesAlong(form, axis, count), 0);
  const tiles = axes.map(({y, x}) => batch * tilesOf(y, 0) * tilesOf(x, 1));
  const panels = Math.ceil(operands.y.shape[3]! / PANEL);
  const products = winogradProducts(form);

  const tileElements = winogradTileElements(form, inChannels, panels);
  const privateTiles = Math.floor(WORKSPACE_BYTES / F32_BYTES / tileElements);
  const most = Math.max(...tiles);
  const oneKernel = winogradKernelElements(form, inChannels, panels);
  if (keeps && oneKernel > MOST_KEPT) return [];
  const keptElements = keeps ? oneKernel : 0;
  const isPrivate = keeps && privateTiles >= Math.min(most, FEWEST_PRIVATE_TILES);
  // With room for a kernel, and for a tile that the workspace does not hold, the executor would keep it.
  const enough = oneKernel + (privateTiles > 0 ? 0 : tileElements);
  const room = keeps ? Infinity : Math.floor((enough - 1) / tileElements);
  const fit = Math.max(LEAST_TILES, Math.floor((scratchLimit - keptElements) / tileElements));
  const shared = Math.min(room, fit, sharedBlock(most, tileElements, keeps));
  const blockTiles = isPrivate ? privateTiles : shared;
  if (blockTiles === 0) return [];
  const scratchElements = keptElements + (isPrivate ? 0 : blockTiles * tileElements);
  const regions = axes.reduce((sum, {y, x}) => sum + y.length * x.length, 0);
  const cost = tiles.reduce(
    (sum, count) =>
      sum +
      winogradCost({
        tiles: count,
        blockTiles: Math.min(count, blockTiles),
        products,
        inChannels,
        panels,
        keptElements,
        sharedElements: isPrivate ? 0 : tileElements,
      }),
    COST.stepOverhead + regions * COST.winogradRegion,
  );
  const memory = {keptElements, isWaiting: !isPrivate, scratchElements};
  return [{form, axes, tiles, panels, inChannels, products, ...memory, cost}];
}

function tilesAlong({tile, taps}: WinogradForm, axis: 0 | 1, count: number): number {
  return Math.ceil(count / winogradOutputs(tile, taps[axis]));
}

/** Tiles of a block in the arena, so that all blocks are about equal. */
function sharedBlock(tiles: number, tileElements: number, isKept: boolean): number {
  const fit = Math.floor(BLOCK.elements / tileElements);
  const fewest = isKept ? BLOCK.fewest : BLOCK.fewestTransforming;
  const most = Math.min(BLOCK.most, Math.max(fewest, fit));
  return Math.ceil(tiles / Math.ceil(tiles / most));
}

function regionsOf({axes, form, inChannels}: Tiling): Region[] {
  return axes.flatMap(({y, x}, kernel) =>
    y.flatMap(row =>
      x.map(
        (column): Region => ({
          outY: row.start,
          outX: column.start,
          outStepY: row.step,
          outStepX: column.step,
          countY: row.count,
          countX: column.count,
          inY: row.from,
          inX: column.from,
          inStepY: row.inStep,
          inStepX: column.inStep,
          taps: [{dy: 0, dx: 0, k: kernel * form.taps[0] * form.taps[1] * inChannels}],
          kc: inChannels,
          padded: true,
          cropped: false,
          perTap: false,
        }),
      ),
    ),
  );
}

/** One pass over the operands; what waits in the arena, transformed kernels and tiles, is written and read once besides. */
function countTiling(operands: ConvOperands, tiling: Tiling): Counts {
  const {x, y, residual, hasBias, hasSlope, weightType: type} = operands;
  const {axes, products, panels, inChannels} = tiling;
  const tiles = tiling.tiles.reduce((sum, count) => sum + count, 0);
  const columns = panels * PANEL;
  const read = {view: x, pixels: axes.map(phase => readPixels(phase, tiling.form, x.shape))};
  const written = axes.map(phase => writtenPixels(phase, y.shape));
  const added = residual
    ? mapElements(residual, written) - sharedElements(read, {view: residual, pixels: written})
    : 0;
  const waitingTiles = tiling.isWaiting ? tiles * products * (inChannels + columns) : 0;
  const waiting = axes.length * tiling.keptElements + waitingTiles;
  const rows = axes.length * tiling.form.taps[0] * tiling.form.taps[1] * inChannels;
  const epilogue = (hasBias ? columns : 0) + (hasSlope ? columns : 0) + added;
  return {
    macs: tiles * products * inChannels * y.shape[3]!,
    readBytes:
      (mapElements(x, read.pixels) + epilogue + waiting) * F32_BYTES +
      weightBytes({type, columns}, rows),
    writtenBytes: (mapElements(y, written) + waiting) * F32_BYTES,
  };
}

/** Pixels of the input that some tile of a phase reads. */
function readPixels(
  {y, x}: TiledPhase,
  form: WinogradForm,
  shape: readonly number[],
): PixelProduct {
  const along = (residues: readonly Residue[], axis: 0 | 1) =>
    residues.flatMap(({from, inStep, count}) => {
      const {tile, taps} = form;
      const more = (tilesAlong(form, axis, count) - 1) * winogradOutputs(tile, taps[axis]);
      const inputs = winogradInputs(tile, taps[axis]) + more;
      return within({first: from, step: inStep, count: inputs}, shape[axis + 1]!);
    });
  return {rows: along(y, 0), columns: along(x, 1)};
}

function writtenPixels({y, x}: TiledPhase, shape: readonly number[]): PixelProduct {
  const along = (residues: readonly Residue[], size: number) =>
    residues.flatMap(({start, step, count}) => within({first: start, step, count}, size));
  return {rows: along(y, shape[1]!), columns: along(x, shape[2]!)};
}
