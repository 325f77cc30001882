// Untangling, one spatial axis at a time.
//
// A transposed convolution of stride s writes s interleaved output grids ("phases"); inside one
// phase it is an ordinary stride-1 sum over the few kernel elements ("taps") that land there. A
// dilated convolution is one phase whose taps read the input `dilation` apart. Both come out as
// the same list, so everything after this file knows only phases and taps.
//
// Source: HUGE2 (arXiv:1907.11210). Symbols follow ONNX ConvTranspose and Conv.

/** One axis of a convolution. Sizes count elements; pads may be negative. */
export interface Axis {
  readonly inputSize: number;
  readonly outputSize: number;
  readonly kernelSize: number;
  readonly stride: number;
  readonly dilation: number;
  readonly padBegin: number;
}

/** A kernel element: out[q] += in[q * inStep + inStart] * w[kernelIndex]. */
export interface Tap {
  readonly kernelIndex: number;
  /** Input index read for q = 0. Negative or past the end means padding. */
  readonly inStart: number;
}

/** The output indices outStart + q * outStep, for q in [0, outCount). */
export interface Phase {
  readonly outStart: number;
  readonly outStep: number;
  readonly outCount: number;
  readonly inStep: number;
  /** In ascending order of inStart. Empty when no kernel element reaches this phase: the output is bias. */
  readonly taps: readonly Tap[];
}

/**
 * Splits one axis of a transposed convolution into `stride` phases.
 *
 * The phases partition [0, outputSize); with outputSize >= stride, every kernel element belongs
 * to at most one of them, so no multiplication by an inserted zero survives.
 */
export function untangleTransposed(axis: Axis): Phase[] {
  const {outputSize, kernelSize, stride, dilation, padBegin} = axis;
  const phases: Phase[] = [];

  for (let outStart = 0; outStart < Math.min(stride, outputSize); outStart++) {
    const taps: Tap[] = [];
    // Descending kernelIndex is ascending inStart.
    for (let kernelIndex = kernelSize - 1; kernelIndex >= 0; kernelIndex--) {
      const inStart = (outStart + padBegin - kernelIndex * dilation) / stride;
      if (Number.isInteger(inStart)) taps.push({kernelIndex, inStart});
    }

    const outCount = Math.ceil((outputSize - outStart) / stride);
    phases.push({outStart, outStep: stride, outCount, inStep: 1, taps});
  }

  return phases;
}

/** Writes one axis of a (possibly strided and dilated) convolution as a single phase. */
export function untangleDilated(axis: Axis): Phase[] {
  const {outputSize, kernelSize, stride, dilation, padBegin} = axis;
  const taps = Array.from({length: kernelSize}, (_, kernelIndex) => ({
    kernelIndex,
    inStart: kernelIndex * dilation - padBegin,
  }));

  return [{outStart: 0, outStep: 1, outCount: outputSize, inStep: stride, taps}];
}
