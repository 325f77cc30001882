// Winograd: 3x3 stride-1 convolutions, dilated ones too, in tiles of 2x2 or 4x4 outputs.
//
// A dilated convolution is d x d convolutions of the pixels d apart (polyphase views, untangling.md section 1.6): their tiles
// read and write pixels d apart, and since a pixel's channels lie together that costs nothing.

import {isDeep} from '../../untangle/conv.js';
import {
  WINOGRAD_TAPS,
  WINOGRAD_TILES,
  type WinogradTile,
  winogradInputs,
  winogradTileElements,
} from '../../untangle/winograd.js';
import {clearlyCheapest, winogradCost} from '../cost.js';
import type {ConvOperands} from '../counts.js';
import {firstIndices, type IndexSet} from '../pixels.js';
import {mapElements, sharedElements, within} from '../region-pixels.js';
import {type Counts, PANEL, WINOGRAD_CHANNELS, WORKSPACE_BYTES} from '../steps.js';
import type {ConvProblem} from './problem.js';

const F32_BYTES = 4;

/** One axis: residue r holds outputs r + dilation * j, in `tiles` runs of the tile's outputs. */
export interface WinogradAxis {
  readonly dilation: number;
  /** Pads before the input; at least 0. */
  readonly pad: number;
  readonly residues: number;
  readonly tiles: number;
}

/** A convolution in Winograd's form. */
export interface WinogradPlan {
  readonly tile: WinogradTile;
  readonly y: WinogradAxis;
  readonly x: WinogradAxis;
  /** Arena floats for the transformed tiles of one block; 0 when a thread's workspace holds enough of them. */
  readonly scratchElements: number;
  /** ONNX kernel element of each tap of the window, row by row. */
  readonly kernelIndexes: readonly number[];
  readonly counts: Counts;
  readonly cost: number;
}

/** Tiles of a block that make the GEMMs worth their weights; fewer want a larger block in the arena. */
const FEWEST_PRIVATE_TILES = 12;

/** Floats of an arena block (8 MiB), and its tiles. */
const BLOCK = {elements: 2 ** 21, fewest: 16, most: 192} as const;

/** The cheapest tile size; null unless the convolution is a dense 3x3 one of stride 1 that reads inwards. */
export function planWinograd(problem: ConvProblem): WinogradPlan | null {
  const {phases, groups, inChannels, operands} = problem;
  const [phase] = phases;
  const isDense = groups === 1 && inChannels <= WINOGRAD_CHANNELS && phases.length === 1;
  if (!isDense || phase?.z.taps.length !== 1 || isDeep(problem.plane)) return null;

  const kernelIndexes = phase.taps.map(tap => tap.kernelIndex);
  const steps = {y: axisStep(phase.y), x: axisStep(phase.x)};
  if (steps.y === null || steps.x === null) return null;
  const axes = {y: steps.y, x: steps.x};
  return clearlyCheapest(
    WINOGRAD_TILES.map(tile => planTile(operands, {tile, axes, kernelIndexes})),
  );
}

interface AxisStep {
  readonly dilation: number;
  readonly pad: number;
  readonly outCount: number;
}

/** Three taps evenly apart that step with the outputs; null otherwise. */
function axisStep(phase: ConvProblem['phases'][number]['y']): AxisStep | null {
  const {outStart, outStep, inStep, outCount, taps} = phase;
  if (outStart !== 0 || outStep !== 1 || inStep !== 1 || taps.length !== WINOGRAD_TAPS) return null;
  const [first, second, third] = taps.map(tap => tap.inStart) as [number, number, number];
  const dilation = second - first;
  const isEven = dilation >= 1 && third - second === dilation && first <= 0;
  return isEven ? {dilation, pad: -first, outCount} : null;
}

interface TileParts {
  readonly tile: WinogradTile;
  readonly axes: {readonly y: AxisStep; readonly x: AxisStep};
  readonly kernelIndexes: readonly number[];
}

function planTile(operands: ConvOperands, {tile, axes, kernelIndexes}: TileParts): WinogradPlan {
  const axis = ({dilation, pad, outCount}: AxisStep): WinogradAxis => {
    const residues = Math.min(dilation, outCount);
    return {dilation, pad, residues, tiles: Math.ceil(Math.ceil(outCount / dilation) / tile)};
  };
  const y = axis(axes.y);
  const x = axis(axes.x);
  const [batch, , , inChannels] = operands.x.shape as [number, number, number, number];
  const panels = Math.ceil(operands.y.shape[3]! / PANEL);
  const tiles = batch * y.residues * y.tiles * x.residues * x.tiles;
  const products = winogradInputs(tile) ** 2;
  const tileElements = winogradTileElements(tile, inChannels, panels);
  const privateTiles = Math.floor(WORKSPACE_BYTES / F32_BYTES / tileElements);
  const isPrivate = privateTiles >= Math.min(tiles, FEWEST_PRIVATE_TILES);
  const blockTiles = isPrivate ? privateTiles : sharedBlock(tiles, tileElements);

  const plan = {tile, y, x, scratchElements: isPrivate ? 0 : blockTiles * tileElements};
  return {
    ...plan,
    kernelIndexes,
    counts: count(operands, {...plan, tiles, products, panels}),
    cost: winogradCost({
      tiles,
      blockTiles: Math.min(tiles, blockTiles),
      products,
      inChannels,
      panels,
      sharedElements: isPrivate ? 0 : tileElements,
    }),
  };
}

/** Tiles of a block in the arena, so that all blocks are about equal. */
function sharedBlock(tiles: number, tileElements: number): number {
  const fit = Math.floor(BLOCK.elements / tileElements);
  const most = Math.min(BLOCK.most, Math.max(BLOCK.fewest, fit));
  return Math.ceil(tiles / Math.ceil(tiles / most));
}

interface CountedPlan extends Pick<WinogradPlan, 'tile' | 'y' | 'x' | 'scratchElements'> {
  readonly tiles: number;
  readonly products: number;
  readonly panels: number;
}

/** One pass over the operands; transformed tiles that wait in the arena are written and read once besides. */
function count(operands: ConvOperands, plan: CountedPlan): Counts {
  const {x, y, residual, hasBias, hasSlope} = operands;
  const {tiles, products, panels, scratchElements} = plan;
  const inChannels = x.shape[3]!;
  const columns = panels * PANEL;
  const read = {
    view: x,
    pixels: [
      {
        rows: touched(plan.y, plan.tile, x.shape[1]!),
        columns: touched(plan.x, plan.tile, x.shape[2]!),
      },
    ],
  };
  const written = [{rows: firstIndices(y.shape[1]!), columns: firstIndices(y.shape[2]!)}];
  const added = residual
    ? mapElements(residual, written) - sharedElements(read, {view: residual, pixels: written})
    : 0;
  const waiting = scratchElements > 0 ? tiles * products * (inChannels + columns) : 0;
  const weights = products * inChannels * columns;
  const epilogue = (hasBias ? columns : 0) + (hasSlope ? columns : 0) + added;
  return {
    macs: tiles * products * inChannels * y.shape[3]!,
    readBytes: (mapElements(x, read.pixels) + weights + epilogue + waiting) * F32_BYTES,
    writtenBytes: (mapElements(y, written) + waiting) * F32_BYTES,
  };
}

/** Rows (columns) of the input that some tile reads. */
function touched(axis: WinogradAxis, tile: WinogradTile, size: number): IndexSet {
  const {dilation, pad, residues, tiles} = axis;
  const count = tiles * tile + WINOGRAD_TAPS - 1;
  return Array.from({length: residues}, (_, residue) =>
    within({first: residue - pad, step: dilation, count}, size),
  ).flat();
}
