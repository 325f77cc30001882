// Reductions over axes.

import {createTensor} from '../fold.js';
import type {ReduceFunction} from '../functions.js';
import type {ChainOp} from '../graph.js';
import {
  axesOf,
  type BuildContext,
  type Operand,
  type Registration,
  resolveAxes,
} from '../registration.js';
import {elementCount, type Shape} from '../shapes.js';
import {isFloating} from '../types.js';
import {binaryChain, unaryChain} from './chain.js';
import {emitReshape} from './reshape.js';

/** The largest finite f32. */
const MAX_FLOAT = 3.4028234663852886e38;

export const REDUCTIONS: readonly Registration[] = [
  register('ReduceMean', 18, emitMean),
  register('ReduceSum', 13, (context, window) => emitReduce(context, 'sum', window)),
  register('ReduceMax', 18, (context, window) => emitReduce(context, 'max', window)),
  register('ReduceMin', 18, (context, window) => emitReduce(context, 'min', window)),
  register('ReduceProd', 18, (context, window) => emitReduce(context, 'prod', window)),
  register('ReduceL1', 18, (context, window) => emitReduce(context, 'sumAbs', window)),
  register('ReduceL2', 18, emitNorm),
  register('ReduceSumSquare', 18, (context, window) => emitReduce(context, 'sumSquares', window)),
  register('ReduceLogSum', 18, (context, window) => {
    const sum = emitReduce(context, 'sum', window);
    return context.emit(unaryChain('log'), [sum], sum.shape);
  }),
  register('ReduceLogSumExp', 18, emitLogSumExp),
];

/** What is reduced, along which axes, to which shape. */
export interface ReduceWindow {
  readonly x: Operand;
  /** Sorted. */
  readonly axes: readonly number[];
  readonly shape: Shape;
}

/** @param inputSince opset in which the axes became an input */
function register(
  opType: string,
  inputSince: number,
  build: (context: BuildContext, window: ReduceWindow) => Operand,
): Registration {
  return {
    opType,
    attributes: {
      axes: {kind: 'ints', until: inputSince - 1},
      keepdims: {kind: 'int'},
      noop_with_empty_axes: {kind: 'int', since: inputSince},
    },
    build: context => build(context, reduceWindow(context, inputSince)),
  };
}

function reduceWindow(context: BuildContext, inputSince: number): ReduceWindow {
  const x = context.input(0);
  const {shape} = x;
  const requested = axesOf(context, 1, inputSince) ?? [];
  // Nothing to reduce over: elementwise functions that are part of the reduction still apply.
  const isNoop = requested.length === 0 && context.int('noop_with_empty_axes', 0) === 1;
  const all = requested.length === 0 && !isNoop ? shape.map((_, axis) => axis) : requested;
  const axes = resolveAxes(context, all, shape.length).sort((left, right) => left - right);
  return {
    // Nothing is known about no elements but that there are none: a constant.
    x:
      elementCount(shape) === 0 && x.constant === undefined
        ? context.constant(createTensor(x.dtype, shape, []))
        : x,
    axes,
    shape: reducedShape(shape, axes, context.int('keepdims', 1) === 1),
  };
}

/** `shape` with the sizes at `axes` set to 1, or left out. */
export function reducedShape(shape: Shape, axes: readonly number[], keepsAxes: boolean): number[] {
  return shape.flatMap((size, axis) => (axes.includes(axis) ? (keepsAxes ? [1] : []) : [size]));
}

/** Reduces x to `shape`. */
export function emitReduce(
  context: BuildContext,
  fn: ReduceFunction,
  {x, axes, shape}: ReduceWindow,
): Operand {
  const isBare = fn !== 'sumSquares' && fn !== 'sumAbs';
  // Axes of size 1 have nothing to reduce.
  if (isBare && axes.every(axis => x.shape[axis] === 1)) return emitReshape(context, x, shape);
  return context.emit({op: 'reduce', fn, axes}, [x], shape);
}

/** A mean of integers is truncated toward zero. */
function emitMean(context: BuildContext, window: ReduceWindow): Operand {
  const {x, axes} = window;
  if (x.constant !== undefined || isFloating(x.dtype)) return emitReduce(context, 'mean', window);
  const sum = emitReduce(context, 'sum', window);
  const count = elementCount(axes.map(axis => x.shape[axis]!));
  const divisor = context.constant(createTensor(x.dtype, [], [count]));
  return context.emit({op: 'chain', ops: TRUNCATED_QUOTIENT}, [sum, divisor], sum.shape);
}

/** max(floor(a / b), 0) + min(ceil(a / b), 0) */
const TRUNCATED_QUOTIENT: readonly ChainOp[] = [
  {fn: {kind: 'binary', fn: 'div'}, a: 0, b: 1},
  {fn: {kind: 'unary', activation: {fn: 'floor', alpha: 0, beta: 0}}, a: 2, b: 0},
  {fn: {kind: 'unary', activation: {fn: 'relu', alpha: 0, beta: 0}}, a: 3, b: 0},
  {fn: {kind: 'unary', activation: {fn: 'ceil', alpha: 0, beta: 0}}, a: 2, b: 0},
  {
    fn: {kind: 'unary', activation: {fn: 'clip', alpha: Number.NEGATIVE_INFINITY, beta: 0}},
    a: 5,
    b: 0,
  },
  {fn: {kind: 'binary', fn: 'add'}, a: 4, b: 6},
];

/** The square root of the sum of squares. */
export function emitNorm(context: BuildContext, window: ReduceWindow): Operand {
  const squares = emitReduce(context, 'sumSquares', window);
  return context.emit(unaryChain('sqrt'), [squares], squares.shape);
}

/**
 * log(sum(exp(x - m))) + m, where m is the largest element: the sum lies between 1 and the number of elements.
 *
 * An infinite m is replaced by a finite one, as infinity minus infinity is not a number.
 */
function emitLogSumExp(context: BuildContext, {x, axes, shape}: ReduceWindow): Operand {
  const kept = reducedShape(x.shape, axes, true);
  const largest = emitReduce(context, 'max', {x, axes, shape: kept});
  const shift = context.emit(unaryChain('clip', -MAX_FLOAT, MAX_FLOAT), [largest], kept);
  const terms = context.emit(SHIFTED_EXP, [x, shift], x.shape);
  const sum = emitReduce(context, 'sum', {x: terms, axes, shape: kept});
  const log = context.emit(unaryChain('log'), [sum], kept);
  return emitReshape(context, context.emit(binaryChain('add'), [log, shift], kept), shape);
}

/** exp(a - b) */
const SHIFTED_EXP = {
  op: 'chain',
  ops: [
    {fn: {kind: 'binary', fn: 'sub'}, a: 0, b: 1},
    {fn: {kind: 'unary', activation: {fn: 'exp', alpha: 0, beta: 0}}, a: 2, b: 0},
  ],
} as const;
