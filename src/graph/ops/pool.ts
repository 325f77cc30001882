// MaxPool, AveragePool and their global forms.

import type {PoolFunction, ReduceFunction} from '../functions.js';
import type {BuildContext, Operand, Registration} from '../registration.js';
import {formatShape} from '../shapes.js';
import {TYPES} from '../types.js';
import {emitTranspose} from './arrange.js';
import {emitPoolIndices} from './pool-indices.js';
import {emitReshape} from './reshape.js';
import {readWindow, resolveSame, WINDOW_ATTRIBUTES, type Window, windowExtent} from './window.js';

export const POOLING: readonly Registration[] = [
  {
    opType: 'MaxPool',
    types: TYPES.number,
    limits: 'one to three spatial axes',
    attributes: {
      ...WINDOW_ATTRIBUTES,
      ceil_mode: {kind: 'int', since: 10},
      dilations: {kind: 'ints', since: 10},
      storage_order: {kind: 'int', since: 8, values: [0, 1]},
    },
    build: buildMaxPool,
  },
  {
    opType: 'AveragePool',
    limits: 'one to three spatial axes',
    attributes: {
      ...WINDOW_ATTRIBUTES,
      ceil_mode: {kind: 'int', since: 10},
      dilations: {kind: 'ints', since: 19},
      count_include_pad: {kind: 'int'},
    },
    build: buildAveragePool,
  },
  {opType: 'GlobalAveragePool', attributes: {}, build: context => buildGlobal(context, 'mean')},
  {opType: 'GlobalMaxPool', attributes: {}, build: context => buildGlobal(context, 'max')},
];

function buildMaxPool(context: BuildContext): Operand[] {
  const x = context.input(0);
  const {window, sizes} = readPool(context);
  const y = emitPool(context, x, {fn: 'max', window, sizes, countIncludePad: false});
  return context.outputCount > 1 ? [y, emitPoolIndices(context, {x, y, window})] : [y];
}

function buildAveragePool(context: BuildContext): Operand {
  const {window, sizes} = readPool(context);
  const countIncludePad = context.int('count_include_pad', 0) === 1;
  return emitPool(context, context.input(0), {fn: 'average', window, sizes, countIncludePad});
}

/** The window of a pooling operator over one to three axes, pads resolved, and the sizes of its output. */
export function readPool(context: BuildContext): {window: Window; sizes: number[]} {
  const x = context.input(0);
  const inputSizes = x.shape.slice(2);
  const count = inputSizes.length;
  if (count > 3) context.unsupported(`${context.opType} with ${count} spatial axes`);
  const kernel = context.ints('kernel_shape') ?? context.fail('attribute kernel_shape is missing');
  if (count < 1 || kernel.length !== count || kernel.some(size => size < 1)) {
    context.fail(
      `expected an input with ${kernel.length} spatial axes but received ${formatShape(x.shape)}`,
    );
  }

  const raw = readWindow(context, kernel);
  const isSame = raw.autoPad.startsWith('SAME');
  const window = isSame ? resolveSame(raw, inputSizes) : raw;
  const isCeil = context.int('ceil_mode', 0) === 1;
  const sizes = inputSizes.map((size, axis) => outputSize(window, axis, {size, isCeil}));
  if (
    sizes.some(size => size < 1) ||
    window.padBegin.some(pad => pad < 0) ||
    window.padEnd.some(pad => pad < 0)
  ) {
    context.fail(
      `expected a window that fits the padded input ${formatShape(x.shape)} but the output would be ${formatShape(sizes)}`,
    );
  }
  return {window, sizes};
}

interface Pooling {
  readonly fn: PoolFunction;
  readonly window: Window;
  readonly sizes: readonly number[];
  readonly countIncludePad: boolean;
}

/** Pools x [N, C, ...]: three axes as planes in a batch, then pixels along the depth; counts of a window factorise. */
function emitPool(context: BuildContext, x: Operand, pooling: Pooling): Operand {
  const {fn, window, sizes, countIncludePad} = pooling;
  if (sizes.length === 3) {
    const planes = onPlanes(context, x, plane =>
      emitPool(context, plane, alongAxes(pooling, [1, 2])),
    );
    return onPixels(context, planes, rows => emitPool(context, rows, alongAxes(pooling, [0])));
  }
  const {kernel, strides, dilations, padBegin, padEnd} = window;
  // Pixels lie side by side in rows: one axis of length D and one that is left alone.
  const rest = x.shape.slice(2 + sizes.length);
  const pad = (values: readonly number[], other: number) => [...values, ...rest.map(() => other)];
  return context.emit(
    {
      op: 'pool',
      fn,
      kernel: pad(kernel, 1),
      strides: pad(strides, 1),
      dilations: pad(dilations, 1),
      padBegin: pad(padBegin, 0),
      padEnd: pad(padEnd, 0),
      countIncludePad,
    },
    [x],
    [...x.shape.slice(0, 2), ...sizes, ...rest],
  );
}

function alongAxes(pooling: Pooling, axes: readonly number[]): Pooling {
  const {window, sizes} = pooling;
  const keep = (values: readonly number[]) => axes.map(axis => values[axis]!);
  return {
    ...pooling,
    sizes: keep(sizes),
    window: {
      ...window,
      kernel: keep(window.kernel),
      strides: keep(window.strides),
      dilations: keep(window.dilations),
      padBegin: keep(window.padBegin),
      padEnd: keep(window.padEnd),
    },
  };
}

/** Applies `fn` to the planes of x [N, C, D, H, W] as a batch [N*D, C, H, W]. */
function onPlanes(context: BuildContext, x: Operand, fn: (planes: Operand) => Operand): Operand {
  const swap = [0, 2, 1, 3, 4];
  const ordered = emitTranspose(context, x, swap);
  const [batch, depth, ...map] = ordered.shape as [number, number, ...number[]];
  const result = fn(emitReshape(context, ordered, [batch * depth, ...map]));
  const split = emitReshape(context, result, [batch, depth, ...result.shape.slice(1)]);
  return emitTranspose(context, split, swap);
}

/** Applies `fn` to x [N, C, D, H, W] as a map [N, C, D, H*W] of which only the rows change. */
function onPixels(context: BuildContext, x: Operand, fn: (rows: Operand) => Operand): Operand {
  const [batch, channels, depth, height, width] = x.shape as [
    number,
    number,
    number,
    number,
    number,
  ];
  const result = fn(emitReshape(context, x, [batch, channels, depth, height * width]));
  return emitReshape(context, result, [batch, channels, result.shape[2]!, height, width]);
}

/** ceil_mode keeps a last partial window only if it starts before the padding at the end. */
function outputSize(
  window: Window,
  axis: number,
  input: {readonly size: number; readonly isCeil: boolean},
): number {
  const stride = window.strides[axis]!;
  const begin = window.padBegin[axis]!;
  const steps = (input.size + begin + window.padEnd[axis]! - windowExtent(window, axis)) / stride;
  if (!input.isCeil) return Math.floor(steps) + 1;
  const count = Math.ceil(steps) + 1;
  return (count - 1) * stride >= input.size + begin ? count - 1 : count;
}

function buildGlobal(context: BuildContext, fn: ReduceFunction): Operand {
  const x = context.input(0);
  const axes = x.shape.map((_, axis) => axis).slice(2);
  if (axes.length === 0)
    context.fail(
      `expected a shape [N, C, ...] with spatial axes but received ${formatShape(x.shape)}`,
    );
  return context.emit(
    {op: 'reduce', fn, axes},
    [x],
    x.shape.map((size, axis) => (axis < 2 ? size : 1)),
  );
}
