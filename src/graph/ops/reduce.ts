// Reductions over axes.

import {foldReduceProduct} from '../fold-logic.js';
import type {ReduceFunction} from '../functions.js';
import {
  axesOf,
  type BuildContext,
  type Operand,
  type Registration,
  resolveAxes,
} from '../registration.js';
import type {Shape} from '../shapes.js';
import {emitReshape} from './reshape.js';

export const REDUCTIONS: readonly Registration[] = [
  register('ReduceMean', 18, (context, window) => emitReduce(context, 'mean', window)),
  register('ReduceSum', 13, (context, window) => emitReduce(context, 'sum', window)),
  register('ReduceMax', 18, (context, window) => emitReduce(context, 'max', window)),
  register('ReduceMin', 18, (context, window) => emitReduce(context, 'min', window)),
  register('ReduceProd', 18, buildProduct),
];

interface ReduceWindow {
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
    build: context => {
      const {shape} = context.input(0);
      const requested = axesOf(context, 1, inputSince) ?? [];
      if (requested.length === 0 && context.int('noop_with_empty_axes', 0) === 1)
        return context.input(0);

      const all = requested.length === 0 ? shape.map((_, axis) => axis) : requested;
      const axes = resolveAxes(context, all, shape.length).sort((left, right) => left - right);
      return build(context, {
        axes,
        shape: reducedShape(shape, axes, context.int('keepdims', 1) === 1),
      });
    },
  };
}

/** `shape` with the sizes at `axes` set to 1, or left out. */
export function reducedShape(shape: Shape, axes: readonly number[], keepsAxes: boolean): number[] {
  return shape.flatMap((size, axis) => (axes.includes(axis) ? (keepsAxes ? [1] : []) : [size]));
}

function emitReduce(
  context: BuildContext,
  fn: ReduceFunction,
  {axes, shape}: ReduceWindow,
): Operand {
  const x = context.input(0);
  // Axes of size 1 have nothing to reduce.
  if (axes.every(axis => x.shape[axis] === 1)) return emitReshape(context, x, shape);
  return context.emit({op: 'reduce', fn, axes}, [x], shape);
}

function buildProduct(context: BuildContext, {axes, shape}: ReduceWindow): Operand {
  const {constant} = context.constantInput(0, 'values');
  return context.constant(foldReduceProduct(constant, axes, shape));
}
