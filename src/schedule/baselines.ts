// What the usual implementations of a convolution would compute and move: the three baselines of every report.
//
// X, W and Y move once each, plus what the method writes and reads again: a buffer between two kernels counts as one
// write and one read of every element, whatever the caches do. A kernel that adds into y also reads it.

import {kernelElements, type PlaneConv} from '../untangle/conv.js';
import type {Axis} from '../untangle/phases.js';
import type {Counts} from './steps.js';

/** The convolution whose baselines are wanted. Channels are those of the whole map. */
export interface BaselineConv {
  readonly plane: PlaneConv;
  readonly batch: number;
  readonly groups: number;
  readonly inChannels: number;
  readonly outChannels: number;
}

/** Counts of a method and the scratch it needs, one image at a time. */
export interface Baseline extends Counts {
  readonly scratchBytes: number;
}

export interface ConvBaselines {
  /** Zero insertion into a padded map, im2col, one GEMM. */
  readonly zeroInsertIm2col: Baseline;
  /** Zero insertion (into the map, or into a dilated kernel), then a direct convolution. */
  readonly zeroInsertDirect: Baseline;
  /** One GEMM into a buffer of all taps, then col2im; for a plain convolution im2col, then one GEMM. */
  readonly gemmCol2im: Baseline;
  /** The padded map with zeros between its pixels that zero insertion holds, one image; 0 where no stride asks for one. */
  readonly upsampledBytes: number;
}

const F32_BYTES = 4;

/** Counts the three baselines of one convolution. */
export function convBaselines(conv: BaselineConv): ConvBaselines {
  return conv.plane.transposed ? transposedBaselines(conv) : plainBaselines(conv);
}

/** Element counts per image. */
interface Sizes {
  readonly x: number;
  readonly weights: number;
  readonly y: number;
  /** Kernel elements. */
  readonly kernel: number;
  readonly inPixels: number;
  readonly outPixels: number;
  /** Inputs of one output channel times outputs: the MACs of one tap of one pixel. */
  readonly channelPairs: number;
}

function sizesOf({plane, groups, inChannels, outChannels}: BaselineConv): Sizes {
  const inPixels = product(plane, axis => axis.inputSize);
  const outPixels = product(plane, axis => axis.outputSize);
  const kernel = kernelElements(plane);
  const channelPairs = (inChannels / groups) * outChannels;
  return {
    x: inPixels * inChannels,
    weights: kernel * channelPairs,
    y: outPixels * outChannels,
    kernel,
    inPixels,
    outPixels,
    channelPairs,
  };
}

/** Writes and reads `scratch` elements per image besides reading x and the weights and writing y. */
function baseline(
  conv: BaselineConv,
  size: Sizes,
  method: {macs: number; weights: number; scratch: number; yAgain?: number},
): Baseline {
  const {macs, weights, scratch, yAgain = 0} = method;
  return {
    macs: macs * conv.batch,
    readBytes: ((size.x + scratch + yAgain) * conv.batch + weights) * F32_BYTES,
    writtenBytes: (size.y + scratch) * conv.batch * F32_BYTES,
    scratchBytes: scratch * F32_BYTES,
  };
}

/**
 * The upsampled map is padded to OUT + D(K-1) per axis, so that a valid convolution yields y. GEMM + col2im adds into
 * y, which is therefore read once more than it is written.
 */
function transposedBaselines(conv: BaselineConv): ConvBaselines {
  const size = sizesOf(conv);
  const {plane, inChannels, outChannels} = conv;
  const {weights} = size;
  const isPoint = isPointwise(plane);
  const upsampled = isPoint ? 0 : product(plane, paddedSize) * inChannels;
  const im2col = isPoint ? 0 : size.outPixels * size.kernel * inChannels;
  const columns = isPoint ? 0 : size.inPixels * size.kernel * outChannels;
  const macs = size.outPixels * size.kernel * size.channelPairs;

  return {
    zeroInsertIm2col: baseline(conv, size, {macs, weights, scratch: upsampled + im2col}),
    zeroInsertDirect: baseline(conv, size, {macs, weights, scratch: upsampled}),
    gemmCol2im: baseline(conv, size, {
      macs: size.inPixels * size.kernel * size.channelPairs,
      weights,
      scratch: columns,
      yAgain: isPoint ? 0 : size.y,
    }),
    upsampledBytes: hasStride(plane) ? upsampled * F32_BYTES : 0,
  };
}

/**
 * im2col reads x in place (padding is written, not copied) and holds the real taps of a dilated kernel; the direct
 * method multiplies the zeros between them.
 */
function plainBaselines(conv: BaselineConv): ConvBaselines {
  const size = sizesOf(conv);
  const {plane, inChannels} = conv;
  const im2col = isPointwise(plane) ? 0 : size.outPixels * size.kernel * inChannels;
  const gemm = baseline(conv, size, {
    macs: size.outPixels * size.kernel * size.channelPairs,
    weights: size.weights,
    scratch: im2col,
  });

  const stuffed = product(plane, stuffedSize);
  return {
    zeroInsertIm2col: gemm,
    zeroInsertDirect: baseline(conv, size, {
      macs: size.outPixels * stuffed * size.channelPairs,
      weights: stuffed * size.channelPairs,
      scratch: 0,
    }),
    gemmCol2im: gemm,
    upsampledBytes: 0,
  };
}

function hasStride({z, y, x}: PlaneConv): boolean {
  return [z, y, x].some(({stride}) => stride > 1);
}

/** Already a matrix product: no method needs a buffer. */
function isPointwise({z, y, x}: PlaneConv): boolean {
  return [z, y, x].every(
    axis =>
      axis.kernelSize === 1 &&
      axis.stride === 1 &&
      axis.padBegin === 0 &&
      axis.inputSize === axis.outputSize,
  );
}

function product({z, y, x}: PlaneConv, size: (axis: Axis) => number): number {
  return size(z) * size(y) * size(x);
}

function paddedSize(axis: Axis): number {
  return axis.outputSize + axis.dilation * (axis.kernelSize - 1);
}

function stuffedSize(axis: Axis): number {
  return axis.dilation * (axis.kernelSize - 1) + 1;
}
