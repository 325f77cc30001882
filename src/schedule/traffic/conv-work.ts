// A convolution step as its traffic depends on it: a step of a schedule, or of a candidate that is still to be chosen.

import type {WinogradForm} from '../../untangle/winograd.js';
import type {Region, View} from '../steps.js';
import type {RegisterTile} from './executor.js';
import {distinctIndices, pixelBytes} from './lines.js';

interface ConvMaps {
  readonly x: View;
  readonly y: View;
  /** Null where it lies in y. */
  readonly residual: View | null;
  /** Of a weight, as it is read. */
  readonly weightBytes: number;
  readonly regions: readonly Region[];
}

/** A step over taps. */
export interface TapsWork extends ConvMaps {
  readonly op: 'gemmTaps' | 'planarTaps' | 'depthwise';
  readonly groups: number;
  readonly fusedY: number;
  readonly fusedX: number;
  /** The epilogue is more than bias and a clamp or slope: it passes over the sums once more. */
  readonly hasEpilogue: boolean;
}

export interface WinogradWork extends ConvMaps {
  readonly op: 'winograd';
  readonly form: WinogradForm;
  readonly scratchElements: number;
  readonly hasEpilogue: boolean;
}

export type ConvWork = TapsWork | WinogradWork;

/** What runs the work. */
export interface Runner {
  readonly tile: RegisterTile;
  readonly threads: number;
}

export const F32_BYTES = 4;

/** Output pixels of a region, of all images. */
export function pixelCount({countY, countX}: Region, y: View): number {
  return y.shape[0]! * countY * countX;
}

/** `pixels` of a region's outputs in order, as rows and columns. */
export interface OutputBlock {
  readonly rows: number;
  readonly columns: number;
}

export function outputBlock({countX}: Region, pixels: number): OutputBlock {
  return {rows: Math.ceil(pixels / countX), columns: Math.min(pixels, countX)};
}

/** Lines of x under some outputs of a region: `taps` of its taps, `channels` of each pixel. */
export function inputBytes(
  {x, y}: Pick<ConvMaps, 'x' | 'y'>,
  region: Region,
  {rows, columns}: OutputBlock,
  {taps = region.taps.length, channels}: {taps?: number; channels: number},
): number {
  if (region.taps.length === 0) return 0;
  const [batch, height, width, all] = x.shape as [number, number, number, number];
  const used = region.taps.slice(0, Math.max(1, Math.ceil(taps)));
  // Merged taps read pixels side by side.
  const run = Math.max(1, Math.round(region.kc / all));
  const dys = used.map(tap => tap.dy);
  const dxs = used.flatMap(tap => Array.from({length: run}, (_, i) => tap.dx + i));
  const images = Math.min(batch, Math.ceil(rows / region.countY));
  const inImage = Math.min(rows, region.countY);
  const first = region.inY + Math.min(...dys);
  const last = region.inY + (region.countY - 1) * region.inStepY + Math.max(...dys);
  const inside = Math.max(0, Math.min(height - 1, last) - Math.max(0, first) + 1);
  const inputRows = images * distinctIndices(inImage, region.inStepY, dys, inside);
  const inputColumns = distinctIndices(columns, region.inStepX, dxs, width);
  const spread = spreadOf(region, dxs, columns, inputColumns);
  const pixels = {rows: inputRows, columns: inputColumns, step: spread};
  const bytes = pixelBytes(x, {...pixels, channels: Math.min(all, channels)});
  return Math.min(
    bytes,
    y.shape[0]! * pixelBytes(x, {rows: height, columns: width, channels: Math.min(all, channels)}),
  );
}

/** How far apart the columns that are read lie: 1 where taps fill the gaps. */
function spreadOf(
  region: Region,
  dxs: readonly number[],
  columns: number,
  distinct: number,
): number {
  if (columns <= 1 || distinct <= 1) return 1;
  const span = (columns - 1) * region.inStepX + Math.max(...dxs) - Math.min(...dxs) + 1;
  return Math.max(1, Math.floor(span / distinct));
}

/** Lines of a map under some outputs of a region, `channels` of each pixel. */
export function outputBytes(
  map: View,
  region: Region,
  {rows, columns}: OutputBlock,
  channels: number,
  fused: {readonly fusedY: number; readonly fusedX: number} = {fusedY: 1, fusedX: 1},
): number {
  const {fusedY, fusedX} = fused;
  const isSideBySide = fusedX >= region.outStepX;
  return pixelBytes(map, {
    rows: rows * fusedY,
    columns: columns * fusedX,
    channels,
    step: isSideBySide ? 1 : region.outStepX,
  });
}
