// LpPool, GlobalLpPool and LRN: powers of the elements, summed over windows.

import {IDENTITY} from '../functions.js';
import type {BuildContext, Operand, Registration} from '../registration.js';
import {elementCount, formatShape} from '../shapes.js';
import {plainWeights} from '../weights.js';
import {emitTranspose} from './arrange.js';
import {emitBinary, unaryChain} from './chain.js';
import {readPool} from './pool.js';
import {emitReshape} from './reshape.js';
import {WINDOW_ATTRIBUTES} from './window.js';

export const LP_POOLING: readonly Registration[] = [
  {
    opType: 'LpPool',
    limits: 'one to three spatial axes',
    attributes: {
      ...WINDOW_ATTRIBUTES,
      ceil_mode: {kind: 'int', since: 18},
      dilations: {kind: 'ints', since: 18},
      p: {kind: 'int'},
    },
    build: buildLpPool,
  },
  {opType: 'GlobalLpPool', attributes: {p: {kind: 'int'}}, build: buildGlobalLpPool},
  {
    opType: 'LRN',
    attributes: {
      alpha: {kind: 'float'},
      beta: {kind: 'float'},
      bias: {kind: 'float'},
      size: {kind: 'int'},
    },
    build: buildLrn,
  },
];

/** (sum |x|^p)^(1/p) over windows: the sum is a depthwise convolution with ones. */
function buildLpPool(context: BuildContext): Operand {
  const {window, sizes} = readPool(context);
  const p = readPower(context);
  const powers = emitPower(context, context.input(0), p);
  const channels = powers.shape[1]!;
  const {kernel, strides, dilations, padBegin} = window;
  context.checkFolded([channels, ...kernel]);
  const sums = context.emit(
    {
      op: 'conv',
      geometry: {transposed: false, groups: channels, kernel, strides, dilations, padBegin},
      weights: plainWeights(new Float32Array(channels * elementCount(kernel)).fill(1)),
      bias: null,
      epilogue: {activation: IDENTITY},
    },
    [powers],
    [...powers.shape.slice(0, 2), ...sizes],
  );
  return emitRoot(context, sums, p);
}

function buildGlobalLpPool(context: BuildContext): Operand {
  const x = context.input(0);
  const axes = x.shape.map((_, axis) => axis).slice(2);
  if (axes.length === 0) {
    context.fail(
      `expected a shape [N, C, ...] with spatial axes but received ${formatShape(x.shape)}`,
    );
  }
  const p = readPower(context);
  const shape = x.shape.map((size, axis) => (axis < 2 ? size : 1));
  const sums = context.emit({op: 'reduce', fn: 'sum', axes}, [emitPower(context, x, p)], shape);
  return emitRoot(context, sums, p);
}

function readPower(context: BuildContext): number {
  const p = context.int('p', 2);
  if (p < 1) context.fail(`attribute p: expected 1 or more but received ${p}`);
  return p;
}

/** |x|^p */
function emitPower(context: BuildContext, x: Operand, p: number): Operand {
  if (p === 2) return emitBinary(context, 'mul', x, x);
  const size = context.emit(unaryChain('abs'), [x], x.shape);
  return p === 1 ? size : emitBinary(context, 'pow', size, scalar(context, p));
}

function emitRoot(context: BuildContext, x: Operand, p: number): Operand {
  if (p === 1) return x;
  if (p === 2) return context.emit(unaryChain('sqrt'), [x], x.shape);
  return emitBinary(context, 'pow', x, scalar(context, 1 / p));
}

function scalar(context: BuildContext, value: number): Operand {
  return context.constant({dtype: 'float32', dims: [], data: Float32Array.of(value)});
}

/** x / (bias + alpha/size * sum of squares over `size` channels)^beta; the channels are a row that an average slides over. */
function buildLrn(context: BuildContext): Operand {
  const x = context.input(0);
  const rank = x.shape.length;
  if (rank < 2) context.fail(`expected a shape [N, C, ...] but received ${formatShape(x.shape)}`);
  const size = context.int('size', 0);
  if (size < 1) context.fail(`attribute size: expected 1 or more but received ${size}`);

  const [batch, channels] = x.shape as [number, number];
  const pixels = elementCount(x.shape.slice(2));
  const squares = emitReshape(context, emitBinary(context, 'mul', x, x), [batch, channels, pixels]);
  const padBegin = Math.floor((size - 1) / 2);
  const row = emitTranspose(context, squares, [0, 2, 1]);
  const means = context.emit(
    {
      op: 'pool',
      fn: 'average',
      kernel: [size],
      strides: [1],
      dilations: [1],
      padBegin: [padBegin],
      padEnd: [size - 1 - padBegin],
      countIncludePad: true,
    },
    [row],
    row.shape,
  );
  const mean = emitReshape(context, emitTranspose(context, means, [0, 2, 1]), x.shape);
  const alpha = context.float('alpha', 1e-4);
  const base = context.emit(unaryChain('affine', alpha, context.float('bias', 1)), [mean], x.shape);
  const factor = emitBinary(context, 'pow', base, scalar(context, -context.float('beta', 0.75)));
  return emitBinary(context, 'mul', x, factor);
}
