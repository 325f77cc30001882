// Reductions over axes.

import {createTensor} from '../fold.js';
import type {ReduceFunction} from '../functions.js';
import {
  axesOf,
  type BuildContext,
  type Operand,
  type Registration,
  resolveAxes,
} from '../registration.js';
import {elementCount, type Shape} from '../shapes.js';
import {isFloating, TYPES} from '../types.js';
import {
  binaryStep,
  emitBinary,
  emitChain,
  emitUnary,
  integerStep,
  leavesType,
  unaryStep,
} from './chain.js';
import {emitReshape} from './reshape.js';

/** The largest finite f32. */
const MAX_FLOAT = 3.4028234663852886e38;

export const REDUCTIONS: readonly Registration[] = [
  register('ReduceMean', 18, emitMean),
  register('ReduceSum', 13, (context, window) => emitReduce(context, 'sum', window)),
  register('ReduceMax', 18, (context, window) => emitReduce(context, 'max', window), TYPES.any),
  register('ReduceMin', 18, (context, window) => emitReduce(context, 'min', window), TYPES.any),
  register('ReduceProd', 18, (context, window) => emitReduce(context, 'prod', window)),
  register('ReduceL1', 18, (context, window) => emitReduce(context, 'sumAbs', window)),
  register('ReduceL2', 18, emitNorm),
  register('ReduceSumSquare', 18, (context, window) => emitReduce(context, 'sumSquares', window)),
  register('ReduceLogSum', 18, (context, window) => {
    const sum = emitReduce(context, 'sum', window);
    return emitUnary(context, sum, 'log');
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
  types: Registration['types'] = TYPES.number,
): Registration {
  return {
    opType,
    types,
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
  const reduced = context.emit({op: 'reduce', fn, axes}, [x], shape);
  const isSum = fn !== 'max' && fn !== 'min' && fn !== 'mean';
  if (!isSum || isFloating(x.dtype) || !leavesType('add', x.dtype)) return reduced;
  return emitChain(context, [reduced], [integerStep(x.dtype, 0)]);
}

/** A mean of integers is truncated toward zero. */
function emitMean(context: BuildContext, window: ReduceWindow): Operand {
  const {x, axes} = window;
  if (x.constant !== undefined || isFloating(x.dtype)) return emitReduce(context, 'mean', window);
  const sum = emitReduce(context, 'sum', window);
  const count = elementCount(axes.map(axis => x.shape[axis]!));
  const divisor = context.constant(createTensor(x.dtype, [], [count]));
  return emitBinary(context, 'div', sum, divisor);
}

/** The square root of the sum of squares. */
export function emitNorm(context: BuildContext, window: ReduceWindow): Operand {
  const squares = emitReduce(context, 'sumSquares', window);
  return emitUnary(context, squares, 'sqrt');
}

/**
 * log(sum(exp(x - m))) + m, where m is the largest element: the sum lies between 1 and the number of elements.
 *
 * An infinite m is replaced by a finite one, as infinity minus infinity is not a number.
 */
function emitLogSumExp(context: BuildContext, {x, axes, shape}: ReduceWindow): Operand {
  const kept = reducedShape(x.shape, axes, true);
  const largest = emitReduce(context, 'max', {x, axes, shape: kept});
  const shift = emitUnary(context, largest, 'clip', -MAX_FLOAT, MAX_FLOAT);
  const terms = emitChain(context, [x, shift], [binaryStep('sub', 0, 1), unaryStep('exp', 2)]);
  const sum = emitReduce(context, 'sum', {x: terms, axes, shape: kept});
  const log = emitUnary(context, sum, 'log');
  return emitReshape(context, emitBinary(context, 'add', log, shift), shape);
}
