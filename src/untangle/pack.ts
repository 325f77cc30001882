// Packing: ONNX weights to the order in which the executor reads them, once, at compile time.
//
// [groups][panels][kTotal][PANEL]: for each panel of 16 output columns, the rows of all taps, one after another, so
// that a tile streams its weights with unit stride. The layout is documented in docs/01-architecture.md.

/** Columns of one weight panel: 16 f32 = one AVX-512 register, two AVX2, four NEON. */
export const PANEL = 16;

/** Most columns of a panel of planarTaps: accumulators of as many output channels leave room for several vectors of pixels. */
export const PLANAR_ROWS = 8;

/** Columns of the panels of planarTaps: as few of PLANAR_ROWS or less as hold all output channels, equally wide. */
export function planarRows(outChannels: number): number {
  return Math.ceil(outChannels / Math.ceil(outChannels / PLANAR_ROWS));
}

/** Where w(group, in, out, kernel element) lies: all four in ONNX order of the operator. */
export interface WeightSource {
  readonly weights: Float32Array;
  /** ConvTranspose [Cin, Cout/g, kh, kw] instead of Conv [Cout, Cin/g, kh, kw]. */
  readonly transposed: boolean;
  readonly groups: number;
  /** Channels per group. */
  readonly inChannels: number;
  readonly outChannels: number;
  /** kh * kw. */
  readonly kernelElements: number;
}

/** Kernel elements per packed tap: one per fused phase (a single one normally), -1 for zero weights. */
export type PackedTaps = readonly (readonly number[])[];

/** Strides of the ONNX weights, in elements. */
export function weightStrides(source: WeightSource): {
  group: number;
  input: number;
  output: number;
} {
  const {transposed, inChannels, outChannels, kernelElements} = source;
  const group = inChannels * outChannels * kernelElements;
  return transposed
    ? {group, input: outChannels * kernelElements, output: kernelElements}
    : {group, input: kernelElements, output: inChannels * kernelElements};
}

/** The offset of each column of a tap in the ONNX weights of input channel 0, or -1 where it is zero. */
function columnOffsets(source: WeightSource, phases: readonly number[]): number[] {
  const {output} = weightStrides(source);
  return phases.flatMap(kernelIndex =>
    Array.from({length: source.outChannels}, (_, c) =>
      kernelIndex < 0 ? -1 : c * output + kernelIndex,
    ),
  );
}

/** How the columns of packed weights lie. */
export interface PackedColumns {
  readonly fusedPhases: number;
  /** Columns of a panel. */
  readonly width: number;
}

/** Packs weights for gemmTaps and planarTaps: [groups][panels][taps * inChannels][width], columns [phase][outChannels]. */
export function packWeights(
  source: WeightSource,
  taps: PackedTaps,
  {fusedPhases, width: panelWidth}: PackedColumns,
): Float32Array {
  const {weights, groups, inChannels, outChannels} = source;
  const panels = Math.ceil((fusedPhases * outChannels) / panelWidth);
  const stride = weightStrides(source);
  const columns = taps.map(phases => columnOffsets(source, phases));
  const packed = new Float32Array(groups * panels * taps.length * inChannels * panelWidth);

  let row = 0;
  for (let group = 0; group < groups; group++) {
    for (let panel = 0; panel < panels; panel++) {
      for (const offsets of columns) {
        const first = panel * panelWidth;
        const width = Math.min(panelWidth, offsets.length - first);
        for (let channel = 0; channel < inChannels; channel++, row += panelWidth) {
          const base = group * stride.group + channel * stride.input;
          for (let j = 0; j < width; j++) {
            const offset = offsets[first + j]!;
            if (offset >= 0) packed[row + j] = weights[base + offset]!;
          }
        }
      }
    }
  }

  return packed;
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
export function packDepthwise(
  weights: Float32Array,
  taps: PackedTaps,
  kernelElements: number,
): Float32Array {
  const channels = weights.length / kernelElements;
  const packed = new Float32Array(taps.length * channels);

  taps.forEach(([kernelIndex = -1], row) => {
    if (kernelIndex < 0) return;
    for (let c = 0; c < channels; c++)
      packed[row * channels + c] = weights[c * kernelElements + kernelIndex]!;
  });

  return packed;
}
