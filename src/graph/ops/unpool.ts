// MaxUnpool: every maximum back to where it came from, zeros elsewhere.

import type {BuildContext, Operand, Registration} from '../registration.js';
import {elementCount, formatShape, sameShape} from '../shapes.js';
import {MAX_INDEXED} from './pool-indices.js';
import {emitReshape} from './reshape.js';
import {readInts} from './window.js';

export const UNPOOLING: readonly Registration[] = [
  {
    opType: 'MaxUnpool',
    limits: 'up to 2^24 elements of output',
    since: 9,
    attributes: {kernel_shape: {kind: 'ints'}, pads: {kind: 'ints'}, strides: {kind: 'ints'}},
    build: buildMaxUnpool,
  },
];

/** Indices count the elements of the whole pooled input, whose shape the window gives; output_shape appends zeros to it. */
function buildMaxUnpool(context: BuildContext): Operand {
  const [x, indices] = [context.input(0), context.input(1)];
  const kernel = context.ints('kernel_shape') ?? context.fail('attribute kernel_shape is missing');
  const count = kernel.length;
  if (!sameShape(x.shape, indices.shape) || x.shape.length !== count + 2) {
    context.fail(
      `expected maxima and indices [N, C, ..] with ${count} spatial axes but received ${formatShape(x.shape)} and ${formatShape(indices.shape)}`,
    );
  }

  const strides = readInts(context, 'strides', {count, fallback: 1, minimum: 1});
  const pads = readInts(context, 'pads', {count: 2 * count, fallback: 0, minimum: 0});
  const sizes = kernel.map(
    (size, axis) =>
      (x.shape[axis + 2]! - 1) * strides[axis]! + size - pads[axis]! - pads[count + axis]!,
  );
  const shape = [...x.shape.slice(0, 2), ...sizes];
  if (sizes.some(size => size < 1))
    context.fail(
      `expected a window wider than its pads but the output would be ${formatShape(shape)}`,
    );
  const elements = elementCount(shape);
  if (elements > MAX_INDEXED) context.unsupported(`MaxUnpool to ${formatShape(shape)}`);

  const maxima = elementCount(x.shape);
  const scattered = context.emit(
    {op: 'scatterIndexed', map: {axes: [0], data: [null], indices: [0]}, fn: 'set'},
    [
      context.table('float32', [elements], () => 0),
      emitReshape(context, indices, [maxima, 1]),
      emitReshape(context, x, [maxima]),
    ],
    [elements],
  );
  return emitEnlarged(context, emitReshape(context, scattered, shape));
}

/** Zeros at the end of every axis that output_shape makes longer. */
function emitEnlarged(context: BuildContext, y: Operand): Operand {
  if (context.optional(2) === undefined) return y;
  const shape = context.integers(2, 'an output shape');
  const end = y.shape.map((size, axis) => shape[axis]! - size);
  if (shape.length !== y.shape.length || end.some(size => size < 0)) {
    context.fail(
      `expected an output shape of at least ${formatShape(y.shape)} but received ${formatShape(shape)}`,
    );
  }
  if (end.every(size => size === 0)) return y;
  const begin = end.map(() => 0);
  return context.emit({op: 'pad', mode: 'constant', begin, end, value: 0}, [y], shape);
}
