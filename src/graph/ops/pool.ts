// MaxPool, AveragePool and their global forms.

import type {PoolFunction, ReduceFunction} from '../functions.js';
import type {BuildContext, Operand, Registration} from '../registration.js';
import {formatShape} from '../shapes.js';
import {readWindow, resolveSame, WINDOW_ATTRIBUTES, type Window, windowExtent} from './window.js';

export const POOLING: readonly Registration[] = [
  {
    opType: 'MaxPool',
    attributes: {
      ...WINDOW_ATTRIBUTES,
      ceil_mode: {kind: 'int', since: 10},
      dilations: {kind: 'ints', since: 10},
      // Concerns only the indices output, which is not supported.
      storage_order: {kind: 'int', since: 8, values: [0]},
    },
    build: context => buildPool(context, 'max'),
  },
  {
    opType: 'AveragePool',
    attributes: {
      ...WINDOW_ATTRIBUTES,
      ceil_mode: {kind: 'int', since: 10},
      dilations: {kind: 'ints', since: 19},
      count_include_pad: {kind: 'int'},
    },
    build: context => buildPool(context, 'average'),
  },
  {opType: 'GlobalAveragePool', attributes: {}, build: context => buildGlobal(context, 'mean')},
  {opType: 'GlobalMaxPool', attributes: {}, build: context => buildGlobal(context, 'max')},
];

function buildPool(context: BuildContext, fn: PoolFunction): Operand {
  const x = context.input(0);
  const inputSizes = x.shape.slice(2);
  if (inputSizes.length === 3) context.unsupported(`${context.opType} with 3 spatial axes`);
  const kernel = context.ints('kernel_shape') ?? context.fail('attribute kernel_shape is missing');
  if (
    inputSizes.length < 1 ||
    inputSizes.length > 2 ||
    kernel.length !== inputSizes.length ||
    kernel.some(size => size < 1)
  ) {
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

  const {strides, dilations, padBegin, padEnd} = window;
  const countIncludePad = context.int('count_include_pad', 0) === 1;
  return context.emit(
    {op: 'pool', fn, kernel, strides, dilations, padBegin, padEnd, countIncludePad},
    [x],
    [...x.shape.slice(0, 2), ...sizes],
  );
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
