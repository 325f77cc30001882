// The second output of MaxPool: where in the input each maximum lies.

import {createTensor} from '../fold.js';
import type {BuildContext, Operand} from '../registration.js';
import {elementCount, formatShape} from '../shapes.js';
import {emitSlice} from './arrange.js';
import {binaryStep, emitChain, selectStep} from './chain.js';
import type {Window} from './window.js';

/** Indices are held in f32, which tells no more elements apart. */
export const MAX_INDEXED = 2 ** 24;

/** Every kernel element is one pass over the output. */
const MAX_ELEMENTS = 256;

/**
 * Indices into all of x of the maxima y [N, C, ...]; of equal elements that of the first in the window.
 *
 * Kernel elements are compared with the maximum from the last to the first: what is left is the offset of the first.
 */
export function emitPoolIndices(
  context: BuildContext,
  {x, y, window}: {readonly x: Operand; readonly y: Operand; readonly window: Window},
): Operand {
  const sizes = x.shape.slice(2);
  const elements = elementCount(window.kernel);
  if (elementCount(x.shape) > MAX_INDEXED || elements > MAX_ELEMENTS) {
    context.unsupported(
      `MaxPool indices into ${formatShape(x.shape)} with ${elements} kernel elements`,
    );
  }
  const strides = pixelStrides(context, sizes);
  const padded = emitPadded(context, {x, window, sizes: y.shape.slice(2)});
  let offsets = scalar(context, 0);
  for (const element of positions(window.kernel).reverse()) {
    const starts = element.map((k, axis) => k * window.dilations[axis]!);
    const read = emitSlice(context, padded, {
      starts: [0, 0, ...starts],
      steps: [1, 1, ...window.strides],
      shape: y.shape,
    });
    const offset = scalar(context, dot(starts, strides));
    const ops = [binaryStep('equal', 0, 1), selectStep(4, 2, 3)];
    offsets = emitChain(context, [read, y, offset, offsets], ops, 'float32');
  }
  const starts = startIndices(context, {x, y, window, strides});
  const ops = [binaryStep('add', 0, 1), binaryStep('add', 3, 2)];
  return emitChain(context, [offsets, ...starts], ops, 'int64');
}

/** Elements from one index of an axis to the next: rows first, or columns first with storage_order 1. */
function pixelStrides(context: BuildContext, sizes: readonly number[]): number[] {
  const isColumnMajor = context.int('storage_order', 0) === 1;
  return sizes.map((_, axis) =>
    elementCount(isColumnMajor ? sizes.slice(0, axis) : sizes.slice(axis + 1)),
  );
}

/** x between borders that no maximum comes from, wide enough for every window. */
function emitPadded(
  context: BuildContext,
  {x, window, sizes}: {x: Operand; window: Window; sizes: readonly number[]},
): Operand {
  const {kernel, strides, dilations, padBegin} = window;
  const padEnd = sizes.map((size, axis) => {
    const reach = (size - 1) * strides[axis]! + dilations[axis]! * (kernel[axis]! - 1) + 1;
    return Math.max(0, reach - padBegin[axis]! - x.shape[axis + 2]!);
  });
  const [begin, end] = [
    [0, 0, ...padBegin],
    [0, 0, ...padEnd],
  ];
  if ([...begin, ...end].every(count => count === 0)) return x;
  const shape = x.shape.map((size, axis) => size + begin[axis]! + end[axis]!);
  const value = Number.NEGATIVE_INFINITY;
  return context.emit({op: 'pad', mode: 'constant', begin, end, value}, [x], shape);
}

/** The index of the first element of every window, which may lie outside: a part per map and a part per pixel. */
function startIndices(
  context: BuildContext,
  {x, y, window, strides}: {x: Operand; y: Operand; window: Window; strides: readonly number[]},
): [Operand, Operand] {
  const pixels = elementCount(x.shape.slice(2));
  const sizes = y.shape.slice(2);
  const startOf = (place: number): number => {
    let rest = place;
    let index = 0;
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      const start = (rest % sizes[axis]!) * window.strides[axis]! - window.padBegin[axis]!;
      index += start * strides[axis]!;
      rest = Math.floor(rest / sizes[axis]!);
    }
    return index;
  };
  const mapDims = [x.shape[0]!, x.shape[1]!, ...sizes.map(() => 1)];
  return [
    context.table('float32', mapDims, map => map * pixels),
    context.table('float32', sizes, startOf),
  ];
}

function scalar(context: BuildContext, value: number): Operand {
  return context.constant(createTensor('float32', [], [value]));
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, axis) => sum + value * b[axis]!, 0);
}

/** All positions of a box, the last axis fastest. */
function positions(sizes: readonly number[]): number[][] {
  return sizes.reduce<number[][]>(
    (all, size) => all.flatMap(at => Array.from({length: size}, (_, i) => [...at, i])),
    [[]],
  );
}
