// Col2Im: columns of patches added up to an image, a transposed convolution with one-hot weights.

import {IDENTITY} from '../functions.js';
import type {BuildContext, Operand, Registration} from '../registration.js';
import {elementCount, formatShape} from '../shapes.js';
import {TYPES} from '../types.js';
import {plainWeights} from '../weights.js';
import {emitReshape} from './reshape.js';
import {readInts} from './window.js';

export const FOLDING: readonly Registration[] = [
  {
    opType: 'Col2Im',
    types: TYPES.any,
    limits: 'one to three spatial axes',
    since: 18,
    attributes: {dilations: {kind: 'ints'}, pads: {kind: 'ints'}, strides: {kind: 'ints'}},
    build: buildCol2Im,
  },
];

/** x [N, C * block, L]: element k of a patch is an input channel whose only weight is kernel element k. */
function buildCol2Im(context: BuildContext): Operand {
  const x = context.input(0);
  const image = context.integers(1, 'an image shape');
  const block = context.integers(2, 'a block shape');
  const count = image.length;
  if (count > 3) context.unsupported(`Col2Im with ${count} spatial axes`);

  const strides = readInts(context, 'strides', {count, fallback: 1, minimum: 1});
  const dilations = readInts(context, 'dilations', {count, fallback: 1, minimum: 1});
  const pads = readInts(context, 'pads', {count: 2 * count, fallback: 0, minimum: 0});
  const patches = image.map((size, axis) => {
    const extent = dilations[axis]! * (block[axis]! - 1) + 1;
    const span = size + pads[axis]! + pads[count + axis]! - extent;
    return Math.floor(span / strides[axis]!) + 1;
  });
  const elements = elementCount(block);
  const [batch, rows, length] = x.shape as [number, number, number];
  const isFitting =
    x.shape.length === 3 &&
    count >= 1 &&
    block.length === count &&
    [...block, ...image, ...patches].every(size => size >= 1) &&
    rows % elements === 0 &&
    length === elementCount(patches);
  if (!isFitting) {
    context.fail(
      `expected columns [N, C * ${elements}, ${elementCount(patches)}] of blocks [${block.join(', ')}] but received ${formatShape(x.shape)}`,
    );
  }

  const channels = rows / elements;
  context.checkFolded([rows, elements]);
  const weights = new Float32Array(rows * elements);
  for (let row = 0; row < rows; row++) weights[row * elements + (row % elements)] = 1;
  return context.emit(
    {
      op: 'conv',
      geometry: {
        transposed: true,
        groups: channels,
        kernel: block,
        strides,
        dilations,
        padBegin: pads.slice(0, count),
      },
      weights: plainWeights(weights),
      bias: null,
      epilogue: {activation: IDENTITY},
    },
    [emitReshape(context, x, [batch, rows, ...patches])],
    [batch, channels, ...image],
  );
}
