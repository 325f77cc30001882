// Convolutions over any number of axes, by their definitions.

import type {DataType} from '../../../src/onnx/model.js';
import type {Call, RefOps} from './call.js';
import {integerRange, roundHalfEven} from './cast.js';
import {at, elementCount, fill, forEachIndex, placeOf, type RefTensor} from './tensor.js';
import {extentOf, outputSizes, readWindow, splitPads, type Window} from './window.js';

/** Gather form: every output element sums over the window it sees. */
function convolve(
  call: Call,
  x: RefTensor,
  weights: RefTensor,
  bias: RefTensor | null,
  dtype: DataType = x.dtype,
): RefTensor {
  const groups = call.int('group', 1);
  const [batch, , ...sizes] = x.dims;
  const [outChannels, depth, ...kernel] = weights.dims as [number, number, ...number[]];
  const window = readWindow(call, sizes, kernel);
  const {strides, dilations, padBegin} = window;
  const taps = [depth, ...kernel];
  return fill(dtype, [batch!, outChannels, ...outputSizes(window, sizes)], index => {
    const [n, channel, ...position] = index as [number, number, ...number[]];
    const firstChannel = Math.floor(channel / (outChannels / groups)) * depth;
    let sum = bias === null ? 0 : bias.data[channel]!;
    forEachIndex(taps, (tap, place) => {
      const read = position.map(
        (p, axis) => p * strides[axis]! + tap[axis + 1]! * dilations[axis]! - padBegin[axis]!,
      );
      if (!isInside(read, sizes)) return;
      const value = at(x, [n, firstChannel + tap[0]!, ...read]);
      sum += value * weights.data[channel * elementCount(taps) + place]!;
    });
    return sum;
  });
}

function isInside(position: readonly number[], sizes: readonly number[]): boolean {
  return position.every((p, axis) => p >= 0 && p < sizes[axis]!);
}

/** Pads and sizes of a transposed convolution; wanted sizes (output_shape, SAME) decide the pads. */
function transposedWindow(
  call: Call,
  sizes: readonly number[],
  kernel: readonly number[],
): {window: Window; outSizes: readonly number[]} {
  const autoPad = call.string('auto_pad', 'NOTSET');
  const plain = readWindow(call, sizes, kernel);
  const natural = sizes.map(
    (size, axis) =>
      plain.strides[axis]! * (size - 1) +
      (call.ints('output_padding')?.[axis] ?? 0) +
      extentOf(kernel[axis]!, plain.dilations[axis]!),
  );
  const wanted =
    call.ints('output_shape')?.slice(-sizes.length) ??
    (autoPad.startsWith('SAME') ? sizes.map((size, axis) => size * plain.strides[axis]!) : null);
  if (wanted !== null) {
    const totals = natural.map((size, axis) => Math.max(0, size - wanted[axis]!));
    const pads = splitPads(totals, autoPad === 'SAME_UPPER');
    const hasShape = call.ints('output_shape') !== null;
    const reached = natural.map((size, axis) => size - totals[axis]!);
    return {window: {...plain, ...pads}, outSizes: hasShape ? wanted : reached};
  }
  const outSizes = natural.map((size, axis) => size - plain.padBegin[axis]! - plain.padEnd[axis]!);
  return {window: plain, outSizes};
}

/** Scatter form: every input element adds its multiple of the kernel to the output. */
function convolveTransposed(call: Call): RefTensor {
  const [x, weights, bias] = [call.input(0), call.input(1), call.optional(2)];
  const groups = call.int('group', 1);
  const [batch, inChannels, ...sizes] = x.dims as [number, number, ...number[]];
  const [, depth, ...kernel] = weights.dims as [number, number, ...number[]];
  const {window, outSizes} = transposedWindow(call, sizes, kernel);
  const {strides, dilations, padBegin} = window;
  const taps = [depth, ...kernel];
  const y = fill(x.dtype, [batch, depth * groups, ...outSizes], index =>
    bias === null ? 0 : bias.data[index[1]!]!,
  );
  forEachIndex(x.dims, (index, xPlace) => {
    const [n, channel, ...position] = index as [number, number, ...number[]];
    const firstChannel = Math.floor(channel / (inChannels / groups)) * depth;
    forEachIndex(taps, (tap, place) => {
      const write = position.map(
        (p, axis) => p * strides[axis]! + tap[axis + 1]! * dilations[axis]! - padBegin[axis]!,
      );
      if (!isInside(write, outSizes)) return;
      const yPlace = placeOf(y.dims, [n, firstChannel + tap[0]!, ...write]);
      const weight = weights.data[channel * elementCount(taps) + place]!;
      y.data[yPlace] = y.data[yPlace]! + x.data[xPlace]! * weight;
    });
  });
  return y;
}

/** `x` minus its zero point, which is a scalar or one value per index of `axis`. */
function centred(x: RefTensor, zero: RefTensor | null, axis: number): RefTensor {
  if (zero === null) return x;
  const zeroAt = (index: readonly number[]) =>
    zero.data[zero.data.length === 1 ? 0 : index[axis]!]!;
  return fill(x.dtype, x.dims, (index, place) => x.data[place]! - zeroAt(index));
}

function convolveQuantized(call: Call): RefTensor {
  const x = centred(call.input(0), call.input(2), 1);
  const weights = centred(call.input(3), call.input(5), 0);
  const [xScale, weightScales, yScale] = [1, 4, 6].map(index => call.input(index));
  const zero = call.input(7);
  const sums = convolve(call, x, weights, call.optional(8), 'int32');
  const {low, high} = integerRange(zero.dtype);
  return fill(zero.dtype, sums.dims, (index, place) => {
    const channel = weightScales!.data.length === 1 ? 0 : index[1]!;
    const scale = (xScale!.data[0]! * weightScales!.data[channel]!) / yScale!.data[0]!;
    const value = roundHalfEven(sums.data[place]! * scale) + zero.data[0]!;
    return Math.max(low, Math.min(high, value));
  });
}

export const CONV_OPS: RefOps = {
  Conv: call => convolve(call, call.input(0), call.input(1), call.optional(2)),
  ConvTranspose: convolveTransposed,
  ConvInteger: call =>
    convolve(
      call,
      centred(call.input(0), call.optional(2), 1),
      centred(call.input(1), call.optional(3), 0),
      null,
      'int32',
    ),
  QLinearConv: convolveQuantized,
};
