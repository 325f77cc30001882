// Convolutions and matrix products of quantised values.
//
// They run on whole f32 numbers: exact while every sum stays below 2^24. Where it might not, the program says so.

import type {Tensor} from '../../onnx/model.js';
import type {BuildContext, Operand, Registration} from '../registration.js';
import {formatShape} from '../shapes.js';
import {integerRange, isFloating, TYPES} from '../types.js';
import {binaryStep, emitChain, unaryStep} from './chain.js';
import {emitConvolution} from './conv.js';
import {emitMatMul} from './matrix.js';
import {asFloat, emitCentred, quantizedType} from './quantize.js';
import {emitReshape} from './reshape.js';
import {WINDOW_ATTRIBUTES} from './window.js';

/** Every whole number up to here is an f32. */
const EXACT = 2 ** 24;

const CONV_ATTRIBUTES = {...WINDOW_ATTRIBUTES, group: {kind: 'int'}} as const;

export const QUANTIZED_PRODUCTS: readonly Registration[] = [
  {
    opType: 'MatMulInteger',
    types: TYPES.integer,
    since: 10,
    attributes: {},
    build: buildMatMulInteger,
  },
  {
    opType: 'ConvInteger',
    types: TYPES.integer,
    limits: 'one to three spatial axes',
    since: 10,
    attributes: CONV_ATTRIBUTES,
    build: buildConvInteger,
  },
  {
    opType: 'QLinearMatMul',
    types: TYPES.integer,
    since: 10,
    attributes: {},
    build: buildQLinearMatMul,
  },
  {
    opType: 'QLinearConv',
    types: TYPES.integer,
    limits: 'one to three spatial axes',
    since: 10,
    attributes: CONV_ATTRIBUTES,
    build: buildQLinearConv,
  },
];

function buildMatMulInteger(context: BuildContext): Operand {
  const [a, b] = [context.input(0), context.input(1)];
  const zeros = {a: context.optional(2), b: context.optional(3)};
  return {...integerProduct(context, {a, b, zeros}), dtype: 'int32'};
}

function buildConvInteger(context: BuildContext): Operand {
  const [x, weights] = [context.input(0), context.input(1)];
  const zeros = {x: context.optional(2), weights: context.optional(3)};
  return {...integerConvolution(context, {x, weights, zeros, bias: undefined}), dtype: 'int32'};
}

/** Inputs a, its scale and zero point, b and its, then those of the result. */
function buildQLinearMatMul(context: BuildContext): Operand {
  const input = (index: number) => context.input(index);
  const [a, b] = [input(0), input(3)];
  const sum = integerProduct(context, {a, b, zeros: {a: input(2), b: input(5)}});
  return requantize(context, sum, {
    scales: [ofRows(context, input(1), a), ofColumns(context, input(4), b), input(6)],
    zero: input(7),
  });
}

/** Inputs x, its scale and zero point, weights and theirs, those of the result, and a bias in steps of both scales. */
function buildQLinearConv(context: BuildContext): Operand {
  const input = (index: number) => context.input(index);
  const [x, weights] = [input(0), input(3)];
  const zeros = {x: input(2), weights: input(5)};
  const sum = integerConvolution(context, {x, weights, zeros, bias: context.optional(8)});
  const channels = alongChannels(context, input(4), sum.shape.length - 2);
  return requantize(context, sum, {scales: [input(1), channels, input(6)], zero: input(7)});
}

/** saturate(round(sum * a scale * b scale / y scale) + zero). */
function requantize(
  context: BuildContext,
  sum: Operand,
  by: {readonly scales: readonly [Operand, Operand, Operand]; readonly zero: Operand},
): Operand {
  const [a, b, y] = by.scales.map(scale => asFloat(context, scale)) as [Operand, Operand, Operand];
  const both = emitChain(context, [a, b], [binaryStep('mul', 0, 1)]);
  const factor = emitChain(context, [both, y], [binaryStep('div', 0, 1)]);
  const dtype = quantizedType(context, by.zero.dtype);
  const {low, count} = integerRange(dtype);
  return emitChain(
    context,
    [sum, factor, asFloat(context, by.zero)],
    [
      binaryStep('mul', 0, 1),
      unaryStep('round', 3),
      binaryStep('add', 4, 2),
      unaryStep('clip', 5, low, low + count - 1),
    ],
    dtype,
  );
}

interface IntegerProduct {
  readonly a: Operand;
  readonly b: Operand;
  readonly zeros: {readonly a: Operand | undefined; readonly b: Operand | undefined};
}

/** (a - zero) (b - zero), zero points for all, for each row of a, for each column of b. */
function integerProduct(context: BuildContext, {a, b, zeros}: IntegerProduct): Operand {
  const left = emitCentred(context, a, zeros.a && ofRows(context, zeros.a, a));
  const right = emitCentred(context, b, zeros.b && ofColumns(context, zeros.b, b));
  noteInexact(context, {
    terms: a.shape.at(-1) ?? 1,
    left: largest(a, left, zeros.a),
    right: largest(b, right, zeros.b),
  });
  return emitMatMul(context, left, right);
}

interface IntegerConvolution {
  readonly x: Operand;
  readonly weights: Operand;
  readonly zeros: {readonly x: Operand | undefined; readonly weights: Operand | undefined};
  readonly bias: Operand | undefined;
}

/** Padding stands for the zero point: it is 0 once that is subtracted. */
function integerConvolution(
  context: BuildContext,
  {x, weights, zeros, bias}: IntegerConvolution,
): Operand {
  if (x.shape.length < 3)
    context.fail(`expected an input [N, C, ...] but received ${formatShape(x.shape)}`);
  const spatialRank = x.shape.length - 1;
  const zero = zeros.weights && alongChannels(context, zeros.weights, spatialRank);
  const centred = emitCentred(context, x, zeros.x);
  const kernels = emitCentred(context, weights, zero);
  const [, ...kernel] = weights.shape;
  noteInexact(context, {
    terms: kernel.reduce((product, size) => product * size, 1),
    left: largest(x, centred, zeros.x),
    right: largest(weights, kernels, zeros.weights),
    added: bias?.constant === undefined ? 0 : largestOf(bias.constant),
  });
  return emitConvolution(context, {
    x: centred,
    weights: kernels,
    bias: bias && asFloat(context, bias),
    isWhole: true,
  });
}

/** One value, or one for each row: the latter as a column. */
function ofRows(context: BuildContext, value: Operand, matrix: Operand): Operand {
  if (value.shape.length !== 1 || value.shape[0] === 1) return value;
  checkCount(context, value, matrix.shape.at(-2));
  return emitReshape(context, value, [...value.shape, 1]);
}

/** One value, or one for each column. */
function ofColumns(context: BuildContext, value: Operand, matrix: Operand): Operand {
  if (value.shape.length === 1 && value.shape[0] !== 1)
    checkCount(context, value, matrix.shape.at(-1));
  return value;
}

/** One value, or one for each output channel, before `trailing` more dimensions. */
function alongChannels(context: BuildContext, value: Operand, trailing: number): Operand {
  if (value.shape.length !== 1 || value.shape[0] === 1) return value;
  return emitReshape(context, value, [...value.shape, ...new Array<number>(trailing).fill(1)]);
}

function checkCount(context: BuildContext, value: Operand, count: number | undefined): void {
  if (value.shape[0] === count) return;
  context.fail(
    `expected one scale and zero point, or ${count}, but received ${formatShape(value.shape)}`,
  );
}

/** The largest magnitude of an operand: of its elements when they are known, else of its type and zero point. */
function largest(operand: Operand, centred: Operand, zero: Operand | undefined): number {
  if (centred.constant !== undefined) return largestOf(centred.constant);
  if (isFloating(operand.dtype)) return EXACT;
  const {low, count} = integerRange(operand.dtype);
  const zeros = zero === undefined ? [0] : (zero.constant?.data ?? [low, low + count - 1]);
  return Array.from(zeros).reduce(
    (most, value) => Math.max(most, Math.abs(low - value), low + count - 1 - value),
    0,
  );
}

function largestOf({data}: Tensor): number {
  let most = 0;
  for (const value of data) most = Math.max(most, Math.abs(value));
  return most;
}

/** Says where a sum of `terms` products may pass the whole numbers that f32 holds. */
function noteInexact(
  context: BuildContext,
  sum: {
    readonly terms: number;
    readonly left: number;
    readonly right: number;
    readonly added?: number;
  },
): void {
  const most = sum.terms * sum.left * sum.right + (sum.added ?? 0);
  if (most <= EXACT) return;
  context.note(
    `its sums may reach ${most}; above ${EXACT} whole numbers are rounded, and results may be one step off`,
  );
}
