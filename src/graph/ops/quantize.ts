// Quantised values: whole numbers held as f32, with the scale and zero point they stand for.

import type {DataType, IntegerType} from '../../onnx/model.js';
import {elementType} from '../../onnx/tensor.js';
import {createTensor} from '../fold.js';
import type {ReduceFunction} from '../functions.js';
import {type BuildContext, type Operand, type Registration, resolveAxis} from '../registration.js';
import {formatShape} from '../shapes.js';
import {integerRange, isFloating, TYPES} from '../types.js';
import {emitExpand, emitRange} from './arrange.js';
import {emitCast} from './cast.js';
import {binaryStep, emitChain, selectStep, unaryStep} from './chain.js';
import {emitReshape} from './reshape.js';

const ATTRIBUTES = {
  axis: {kind: 'int', since: 13},
  block_size: {kind: 'int', since: 21},
  output_dtype: {kind: 'int', since: 21},
} as const;

export const QUANTIZATION: readonly Registration[] = [
  {
    opType: 'QuantizeLinear',
    types: TYPES.number,
    limits: 'to integers of 8, 16 or 32 bits',
    since: 10,
    attributes: {
      ...ATTRIBUTES,
      saturate: {kind: 'int', since: 19},
      precision: {kind: 'int', since: 23},
    },
    build: buildQuantize,
  },
  {
    opType: 'DequantizeLinear',
    types: TYPES.integer,
    since: 10,
    attributes: ATTRIBUTES,
    build: buildDequantize,
  },
  {opType: 'DynamicQuantizeLinear', since: 11, attributes: {}, build: buildDynamicQuantize},
];

/** What a quantised value stands for: scale * (value - zero). Both broadcast to the value. */
export interface Quantization {
  readonly scale: Operand;
  readonly zero: Operand | undefined;
}

/** saturate(round(x / scale) + zero), halves to even, as `dtype`. */
export function emitQuantize(
  context: BuildContext,
  x: Operand,
  {scale, zero}: Quantization,
  dtype: IntegerType,
): Operand {
  const operands = [
    asFloat(context, x),
    scale,
    ...(zero === undefined ? [] : [asFloat(context, zero)]),
  ];
  const first = operands.length;
  const {low, count} = integerRange(dtype);
  const shift = zero === undefined ? [] : [binaryStep('add', first + 1, 2)];
  const last = first + 1 + shift.length;
  const ops = [
    binaryStep('div', 0, 1),
    unaryStep('round', first),
    ...shift,
    unaryStep('clip', last, low, low + count - 1),
  ];
  return emitChain(context, operands, ops, dtype);
}

/** (x - zero) * scale. */
export function emitDequantize(context: BuildContext, x: Operand, by: Quantization): Operand {
  const {scale} = by;
  const centred = emitCentred(context, x, by.zero);
  return emitChain(context, [centred, scale], [binaryStep('mul', 0, 1)], scale.dtype);
}

/** x - zero as whole numbers of a floating type; constants fold. */
export function emitCentred(context: BuildContext, x: Operand, zero: Operand | undefined): Operand {
  const value = asFloat(context, x);
  const isNothing = zero === undefined || zero.constant?.data.every(element => element === 0);
  if (isNothing) return value;
  return emitChain(context, [value, asFloat(context, zero)], [binaryStep('sub', 0, 1)]);
}

/** The same numbers, as operands of floating arithmetic. */
export function asFloat(context: BuildContext, x: Operand): Operand {
  return isFloating(x.dtype) ? x : emitCast(context, x, 'float32');
}

/** The type of quantised values, checked. */
export function quantizedType(context: BuildContext, dtype: DataType): IntegerType {
  if (isFloating(dtype) || dtype === 'bool' || dtype.endsWith('64'))
    return context.fail(`expected a zero point of 8, 16 or 32 bits but received ${dtype}`);
  return dtype;
}

function buildQuantize(context: BuildContext): Operand {
  const x = context.input(0);
  const by = readQuantization(context, x);
  const declared = context.int('output_dtype', 0);
  const dtype =
    context.optional(2)?.dtype ?? (declared === 0 ? 'uint8' : elementType(declared)?.dtype);
  if (dtype === undefined) return context.unsupported(`QuantizeLinear output_dtype=${declared}`);
  return emitQuantize(context, x, by, quantizedType(context, dtype));
}

function buildDequantize(context: BuildContext): Operand {
  const x = context.input(0);
  return emitDequantize(context, x, readQuantization(context, x));
}

/** Inputs 1 and 2: one scale and zero point for all of x, for each index of an axis, or for each block along it. */
function readQuantization(context: BuildContext, x: Operand): Quantization {
  const scale = context.input(1);
  const zero = context.optional(2);
  if (zero !== undefined && zero.shape.join() !== scale.shape.join()) {
    context.fail(
      `expected a zero point of shape ${formatShape(scale.shape)} but received ${formatShape(zero.shape)}`,
    );
  }
  const spread = (value: Operand) => spreadOver(context, value, x);
  return {
    scale: spread(asFloat(context, scale)),
    zero: zero === undefined ? undefined : spread(zero),
  };
}

function spreadOver(context: BuildContext, value: Operand, x: Operand): Operand {
  const {shape} = value;
  if (shape.length === 0 || (shape.length === 1 && shape[0] === 1))
    return emitReshape(context, value, []);
  const rank = x.shape.length;
  const axis = resolveAxis(context, context.int('axis', 1), rank);
  const size = x.shape[axis]!;
  const block = context.int('block_size', 0);
  if (block > 0) return spreadBlocks(context, value, {x, axis, block});
  if (shape.length !== 1 || shape[0] !== size) {
    context.fail(
      `expected one scale, or ${size} for axis ${axis} of ${formatShape(x.shape)}, but received ${formatShape(shape)}`,
    );
  }
  return emitReshape(
    context,
    value,
    x.shape.map((_, dim) => (dim === axis ? size : 1)),
  );
}

/** Repeats each element `block` times along the axis; the last block may be cut. */
function spreadBlocks(
  context: BuildContext,
  value: Operand,
  at: {readonly x: Operand; readonly axis: number; readonly block: number},
): Operand {
  const {x, axis, block} = at;
  const size = x.shape[axis]!;
  const expected = x.shape.map((count, dim) => (dim === axis ? Math.ceil(count / block) : count));
  if (value.shape.join() !== expected.join()) {
    context.fail(
      `expected scales ${formatShape(expected)} for blocks of ${block} along axis ${axis} but received ${formatShape(value.shape)}`,
    );
  }
  const [head, tail] = [expected.slice(0, axis + 1), expected.slice(axis + 1)];
  const lifted = emitReshape(context, value, [...head, 1, ...tail]);
  const repeated = emitExpand(context, lifted, [...head, block, ...tail]);
  const merged = emitReshape(
    context,
    repeated,
    expected.map((count, dim) => (dim === axis ? count * block : count)),
  );
  return emitRange(context, merged, {axis, start: 0, count: size});
}

/** Scale and zero point from the smallest and largest element, so that 0 is a value: uint8, scale, zero point. */
function buildDynamicQuantize(context: BuildContext): Operand[] {
  const x = context.input(0);
  const axes = x.shape.map((_, dim) => dim);
  const extreme = (fn: ReduceFunction) =>
    axes.length === 0 ? x : context.emit({op: 'reduce', fn, axes}, [x], []);
  const steps = context.constant(createTensor('float32', [], [255]));
  const one = context.constant(createTensor('float32', [], [1]));
  const low = emitChain(context, [extreme('min')], [unaryStep('clip', 0, -Infinity, 0)]);
  // All zeros: any scale will do.
  const scale = emitChain(
    context,
    [extreme('max'), low, steps, one],
    [unaryStep('relu', 0), binaryStep('sub', 4, 1), binaryStep('div', 5, 2), selectStep(6, 6, 3)],
  );
  const zero = emitChain(
    context,
    [low, scale],
    [
      binaryStep('div', 0, 1),
      unaryStep('neg', 2),
      unaryStep('clip', 3, 0, 255),
      unaryStep('round', 4),
    ],
    'uint8',
  );
  return [emitQuantize(context, x, {scale, zero}, 'uint8'), scale, zero];
}
