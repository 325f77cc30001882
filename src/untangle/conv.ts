// Untangling on the plane: a 2-D phase is the product of a phase of each axis.
//
// 1-D convolutions get a first axis of size 1, so that everything after this file is 2-D.

import type {ConvGeometry} from '../graph/graph.js';
import {tapRange} from './borders.js';
import {type Axis, type Phase, untangleDilated, untangleTransposed} from './phases.js';

/** A convolution on the plane; the axes carry all sizes and pads. */
export interface PlaneConv {
  readonly transposed: boolean;
  readonly y: Axis;
  readonly x: Axis;
}

/** A kernel element: out(q) += in(q * inStep + (dy, dx)) * w[kernelIndex]. */
export interface PlaneTap {
  readonly dy: number;
  readonly dx: number;
  /** ky * kernelWidth + kx, the spatial index of ONNX weights. */
  readonly kernelIndex: number;
}

/** The outputs (y.outStart + qy * y.outStep, x.outStart + qx * x.outStep) and the taps they sum. */
export interface PlanePhase {
  readonly y: Phase;
  readonly x: Phase;
  /** The product of the axes' taps, ascending (dy, dx). Empty: the output is bias. */
  readonly taps: readonly PlaneTap[];
}

const POINT: Axis = {
  inputSize: 1,
  outputSize: 1,
  kernelSize: 1,
  stride: 1,
  dilation: 1,
  padBegin: 0,
};

/** Puts a geometry of one or two axes on the plane; `input` and `output` are the spatial sizes. */
export function planeConv(
  geometry: ConvGeometry,
  input: readonly number[],
  output: readonly number[],
): PlaneConv {
  const axes = geometry.kernel.map((kernelSize, i) => ({
    inputSize: input[i]!,
    outputSize: output[i]!,
    kernelSize,
    stride: geometry.strides[i]!,
    dilation: geometry.dilations[i]!,
    padBegin: geometry.padBegin[i]!,
  }));
  const [y, x] = axes.length === 1 ? [POINT, axes[0]!] : [axes[0]!, axes[1]!];
  return {transposed: geometry.transposed, y, x};
}

/**
 * Untangles a convolution into phases, y slowest; they partition the output.
 *
 * Taps that never meet the input (wholly in padding) are left out.
 */
export function untangleConv(conv: PlaneConv): PlanePhase[] {
  const untangle = conv.transposed ? untangleTransposed : untangleDilated;
  const phasesY = untangle(conv.y).map(phase => withoutDeadTaps(phase, conv.y.inputSize));
  const phasesX = untangle(conv.x).map(phase => withoutDeadTaps(phase, conv.x.inputSize));
  return phasesY.flatMap(y => phasesX.map(x => planePhase(y, x, conv.x.kernelSize)));
}

/** The product of two phases; `kernelWidth` turns their kernel indices into one. */
export function planePhase(y: Phase, x: Phase, kernelWidth: number): PlanePhase {
  const taps = y.taps.flatMap(tapY =>
    x.taps.map(tapX => ({
      dy: tapY.inStart,
      dx: tapX.inStart,
      kernelIndex: tapY.kernelIndex * kernelWidth + tapX.kernelIndex,
    })),
  );
  return {y, x, taps};
}

/** The phase without the taps that read nothing but padding. */
export function withoutDeadTaps(phase: Phase, inputSize: number): Phase {
  const {inStep, outCount} = phase;
  const taps = phase.taps.filter(tap => {
    const range = tapRange({start: tap.inStart, step: inStep, count: outCount, size: inputSize});
    return range.end > range.start;
  });
  return {...phase, taps};
}
