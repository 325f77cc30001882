// Untangling on the plane and in space: a phase is the product of a phase of each axis.
//
// 1-D and 2-D convolutions get leading axes of size 1, so that everything after this file has three: depth, height, width.

import type {ConvGeometry} from '../graph/graph.js';
import {tapRange} from './borders.js';
import {type Axis, type Phase, untangleDilated, untangleTransposed} from './phases.js';

/** A convolution over planes stacked along z; the axes carry all sizes and pads. */
export interface PlaneConv {
  readonly transposed: boolean;
  readonly z: Axis;
  readonly y: Axis;
  readonly x: Axis;
}

/** A kernel element: out(q) += in(q * inStep + (dz, dy, dx)) * w[kernelIndex]. */
export interface PlaneTap {
  readonly dz: number;
  readonly dy: number;
  readonly dx: number;
  /** (kz * kernelHeight + ky) * kernelWidth + kx, the spatial index of ONNX weights. */
  readonly kernelIndex: number;
}

/** The outputs outStart + q * outStep of each axis and the taps they sum. */
export interface PlanePhase {
  readonly z: Phase;
  readonly y: Phase;
  readonly x: Phase;
  /** The product of the axes' taps, ascending (dz, dy, dx). Empty: the output is bias. */
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

/** The only phase of an axis of size 1. */
export const POINT_PHASE: Phase = {
  outStart: 0,
  outStep: 1,
  outCount: 1,
  inStep: 1,
  taps: [{kernelIndex: 0, inStart: 0}],
};

/** Puts a geometry of one to three axes in space; `input` and `output` are the spatial sizes. */
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
  const [z, y, x] = [POINT, POINT, POINT, ...axes].slice(-3) as [Axis, Axis, Axis];
  return {transposed: geometry.transposed, z, y, x};
}

/** Whether there is more than one plane on either side: then rows of several planes lie one after another. */
export function isDeep({z}: PlaneConv): boolean {
  return z.inputSize > 1 || z.outputSize > 1;
}

/** Whether the depth does nothing at all. */
export function isFlat({z}: PlaneConv): boolean {
  return Object.entries(POINT).every(([key, value]) => z[key as keyof Axis] === value);
}

/** Elements of the whole kernel. */
export function kernelElements({z, y, x}: PlaneConv): number {
  return z.kernelSize * y.kernelSize * x.kernelSize;
}

/**
 * Untangles a convolution into phases, z slowest; they partition the output.
 *
 * Taps that never meet the input (wholly in padding) are left out.
 */
export function untangleConv(conv: PlaneConv): PlanePhase[] {
  const untangle = conv.transposed ? untangleTransposed : untangleDilated;
  const [phasesZ, phasesY, phasesX] = [conv.z, conv.y, conv.x].map(axis =>
    untangle(axis).map(phase => withoutDeadTaps(phase, axis.inputSize)),
  ) as [Phase[], Phase[], Phase[]];
  const kernel = {height: conv.y.kernelSize, width: conv.x.kernelSize};
  return phasesZ.flatMap(z =>
    phasesY.flatMap(y => phasesX.map(x => planePhase({z, y, x}, kernel))),
  );
}

/** The product of three phases; `kernel` turns their kernel indices into one. */
export function planePhase(
  {z, y, x}: {z: Phase; y: Phase; x: Phase},
  kernel: {height: number; width: number},
): PlanePhase {
  const taps = z.taps.flatMap(tapZ =>
    y.taps.flatMap(tapY =>
      x.taps.map(tapX => ({
        dz: tapZ.inStart,
        dy: tapY.inStart,
        dx: tapX.inStart,
        kernelIndex:
          (tapZ.kernelIndex * kernel.height + tapY.kernelIndex) * kernel.width + tapX.kernelIndex,
      })),
    ),
  );
  return {z, y, x, taps};
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
