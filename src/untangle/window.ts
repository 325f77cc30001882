// Fused phases: all phases of a transposed convolution side by side, over one window of the input.
//
// Output pixel q*S + r of every residue r is computed from the same J taps, J = ceil(K / S) when the dilation is 1;
// a residue that does not use a tap has zero weights there. N becomes S²·Cout, which fills the vector registers
// when Cout is small (the RGB head of a generator: 12 columns instead of 3).

import {withoutDeadTaps} from './conv.js';
import {type Axis, type Phase, untangleTransposed} from './phases.js';

/** One axis of fused phases. */
export interface WindowAxis {
  /** outStart <= 0 aligns residue 0; output outStart + q*S + r, r in [0, S), may lie outside the output. */
  readonly window: Phase;
  /** kernelIndexes[tap][r]: the kernel element with which residue r uses a tap of the window, or -1. */
  readonly kernelIndexes: readonly (readonly number[])[];
}

/**
 * Fuses the phases of one axis of a transposed convolution; window.taps[t].kernelIndex is t.
 *
 * Aligned so that residue r holds the outputs o with (o + padBegin) mod stride = r: then, with dilation 1, every
 * residue's taps end at the same input and the window is as small as can be.
 */
export function fuseAxis(axis: Axis): WindowAxis {
  const {outputSize, stride, padBegin} = axis;
  const outStart = 0 - (((padBegin % stride) + stride) % stride);
  const outCount = Math.ceil((outputSize - outStart) / stride);
  const aligned = {
    ...axis,
    outputSize: Math.max(stride, outputSize - outStart),
    padBegin: padBegin + outStart,
  };
  const residues = untangleTransposed(aligned).map(
    phase => new Map(phase.taps.map(tap => [tap.inStart, tap.kernelIndex])),
  );

  const offsets = [...new Set(residues.flatMap(residue => [...residue.keys()]))].sort(
    (a, b) => a - b,
  );
  const taps = offsets.map((inStart, kernelIndex) => ({inStart, kernelIndex}));
  const window = withoutDeadTaps(
    {outStart, outStep: stride, outCount, inStep: 1, taps},
    axis.inputSize,
  );
  const kernelIndexes = offsets.map(offset => residues.map(residue => residue.get(offset) ?? -1));

  return {window, kernelIndexes};
}

/** The kernel elements of a product of window taps, one per fused phase in [ry][rx] order, -1 for none. */
export function fusedKernelIndexes(
  tap: {y: readonly number[]; x: readonly number[]},
  kernelWidth: number,
): number[] {
  return tap.y.flatMap(ky => tap.x.map(kx => (ky < 0 || kx < 0 ? -1 : ky * kernelWidth + kx)));
}
