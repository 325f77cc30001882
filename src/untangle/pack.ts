// Packing: ONNX weights to the order in which the executor reads them, once, at compile time.
//
// [groups][panels][kTotal][PANEL]: for each panel of 16 output columns, the rows of all taps, one after another, so
// that a tile streams its weights with unit stride. The layout is documented in docs/01-architecture.md.

import {forEachRow, type WeightShape, type Weights} from '../graph/weights.js';
import type {PanelLayout} from './stored-weights.js';

/** Columns of one weight panel: 16 f32 = one AVX-512 register, two AVX2, four NEON. */
export const PANEL = 16;

/** Most columns of a panel of planarTaps: accumulators of as many output channels leave room for several vectors of pixels. */
export const PLANAR_ROWS = 8;

/** Columns of the panels of planarTaps: as few of PLANAR_ROWS or less as hold all output channels, equally wide. */
export function planarRows(outChannels: number): number {
  return Math.ceil(outChannels / Math.ceil(outChannels / PLANAR_ROWS));
}

/** The weights of a convolution, and how they lie. */
export interface WeightSource extends WeightShape {
  readonly weights: Weights;
}

/** Kernel elements per packed tap: one per fused phase (a single one normally), -1 for zero weights. */
export type PackedTaps = readonly (readonly number[])[];

/** How the columns of packed weights lie. */
export interface PackedColumns {
  readonly fusedPhases: number;
  /** Columns of a panel. */
  readonly width: number;
}

/** Sizes of packed weights, the panels of all groups together. */
export function packedPanels(
  {groups, inChannels, outChannels}: WeightShape,
  taps: PackedTaps,
  {fusedPhases, width}: PackedColumns,
): PanelLayout {
  const panels = groups * Math.ceil((fusedPhases * outChannels) / width);
  return {panels, rows: taps.length * inChannels, width};
}

/**
 * Packs weights for gemmTaps, planarTaps and winograd: [groups][panels][taps * inChannels][width], columns [phase][outChannels].
 *
 * @param target zeros
 */
export function packWeights(
  source: WeightSource,
  taps: PackedTaps,
  columns: PackedColumns,
  target: Float32Array,
): void {
  const {weights, transposed, groups, inChannels, outChannels, kernelElements} = source;
  const {fusedPhases, width} = columns;
  const kTotal = taps.length * inChannels;
  const groupElements = target.length / groups;
  // Where the first row of a column lies in the panels of a group.
  const columnStart = Int32Array.from({length: fusedPhases * outChannels}, (_, column) => {
    const panel = Math.floor(column / width);
    return panel * kTotal * width + (column % width);
  });

  const first = transposed ? inChannels : outChannels;
  forEachRow(weights, source, (index, row) => {
    const start = Math.floor(index / first) * groupElements;
    const own = index % first;
    for (const [tap, phases] of taps.entries()) {
      const tapStart = start + tap * inChannels * width;
      for (let phase = 0; phase < fusedPhases; phase++) {
        const element = phases[phase]!;
        if (element < 0) continue;
        const firstColumn = phase * outChannels;
        if (transposed) {
          const at = tapStart + own * width;
          for (let c = 0; c < outChannels; c++)
            target[at + columnStart[firstColumn + c]!] = row[c * kernelElements + element]!;
        } else {
          const at = tapStart + columnStart[firstColumn + own]!;
          for (let c = 0; c < inChannels; c++)
            target[at + c * width] = row[c * kernelElements + element]!;
        }
      }
    }
  });
}

/** Packs a bias (or slopes) [groups * outChannels] to [groups][panels][PANEL], repeated for every fused phase. */
export function packBias(bias: Float32Array, groups: number, fusedPhases: number): Float32Array {
  const outChannels = bias.length / groups;
  const columns = fusedPhases * outChannels;
  const panels = Math.ceil(columns / PANEL);
  const packed = new Float32Array(groups * panels * PANEL);

  for (let group = 0; group < groups; group++) {
    for (let j = 0; j < columns; j++) {
      packed[group * panels * PANEL + j] = bias[group * outChannels + (j % outChannels)]!;
    }
  }

  return packed;
}

/** Packs depthwise weights [C, 1, kh, kw] (the same in Conv and ConvTranspose) to [tap][C]. */
export function packDepthwise(source: WeightSource, taps: PackedTaps, target: Float32Array): void {
  const channels = target.length / taps.length;
  forEachRow(source.weights, source, (channel, weights) => {
    for (const [row, [element = -1]] of taps.entries())
      if (element >= 0) target[row * channels + channel] = weights[element]!;
  });
}
