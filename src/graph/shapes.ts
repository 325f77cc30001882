// Shapes: binding the symbolic dimensions of a model's inputs, and arithmetic on bound shapes.

import {UntangleError} from '../errors.js';
import type {ValueInfo} from '../onnx/model.js';

export type Shape = readonly number[];

/** Largest element count of one value: sizes and indices must fit 32-bit words of the program. */
export const MAX_ELEMENTS = 2 ** 31 - 1;

/** Number of elements of a tensor of this shape; 1 for a scalar. */
export function elementCount(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

export function sameShape(left: Shape, right: Shape): boolean {
  return left.length === right.length && left.every((size, axis) => size === right[axis]);
}

/** `[1, 3, H, W]`, as messages show shapes. */
export function formatShape(shape: readonly (number | string)[]): string {
  return `[${shape.map(size => (size === '' ? '?' : size)).join(', ')}]`;
}

/** The numpy broadcast of `shapes`, or undefined when two sizes conflict. */
export function broadcastShapes(shapes: readonly Shape[]): number[] | undefined {
  const rank = Math.max(0, ...shapes.map(shape => shape.length));
  const result: number[] = new Array(rank).fill(1);

  for (const shape of shapes) {
    for (const [index, size] of shape.entries()) {
      const axis = rank - shape.length + index;
      if (result[axis] === 1) result[axis] = size;
      else if (size !== 1 && size !== result[axis]) return undefined;
    }
  }

  return result;
}

/** Elements to step over for one step along each axis of a row-major tensor. */
export function rowMajorStrides(shape: Shape): number[] {
  const strides: number[] = new Array(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) {
    strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  }
  return strides;
}

/** Calls `visit` with the source offset of every element of `shape`, in row-major order. */
export function forEachOffset(
  shape: Shape,
  strides: Shape,
  visit: (offset: number, at: number) => void,
): void {
  const count = elementCount(shape);
  const index = new Array<number>(shape.length).fill(0);
  let offset = 0;

  for (let at = 0; at < count; at++) {
    visit(offset, at);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      offset += strides[axis]!;
      index[axis]!++;
      if (index[axis]! < shape[axis]!) break;
      offset -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}

/**
 * Gives every input a concrete shape.
 *
 * `shapes` holds full shapes by input name. A symbol has one value in the whole model. A leading
 * symbolic dimension that nothing binds is the batch and becomes 1. Sizes of zero or less in the
 * file stand for "unknown" in some exporters and count as symbolic without a name; in `shapes` a size of zero is one.
 *
 * @throws ERR_INPUT_NAME, ERR_OPTION, ERR_INPUT_SHAPE, ERR_SHAPE_UNBOUND
 */
export function bindInputs(
  inputs: readonly ValueInfo[],
  shapes: Readonly<Record<string, Shape>>,
): Map<string, number[]> {
  checkRequests(inputs, shapes);
  const symbols = new Map<string, number>();

  for (const input of inputs) {
    const shape = requestedShape(shapes, input.name);
    if (shape !== undefined) bindSymbols(input, shape, symbols);
  }
  for (const {dims} of inputs) {
    const first = dims?.[0];
    if (typeof first === 'string' && first !== '' && !symbols.has(first)) symbols.set(first, 1);
  }

  return new Map(
    inputs.map(input => {
      const shape = requestedShape(shapes, input.name);
      return [input.name, shape === undefined ? resolveShape(input, symbols) : [...shape]];
    }),
  );
}

function requestedShape(shapes: Readonly<Record<string, Shape>>, name: string): Shape | undefined {
  return Object.hasOwn(shapes, name) ? shapes[name] : undefined;
}

function checkRequests(
  inputs: readonly ValueInfo[],
  shapes: Readonly<Record<string, Shape>>,
): void {
  for (const [name, shape] of Object.entries(shapes)) {
    if (!inputs.some(input => input.name === name)) {
      const known = inputs.map(input => `"${input.name}"`).join(', ') || 'no inputs';
      throw new UntangleError('ERR_INPUT_NAME', [name, known], {input: name});
    }
    const isSize = (size: number) => Number.isSafeInteger(size) && size >= 0;
    if (!Array.isArray(shape) || !shape.every(isSize)) {
      const received = Array.isArray(shape) ? formatShape(shape) : String(shape);
      throw new UntangleError('ERR_OPTION', [
        `shapes["${name}"]`,
        'integers of 0 or more',
        received,
      ]);
    }
  }
}

function isSymbolic(dim: number | string): dim is string {
  return typeof dim === 'string' || dim <= 0;
}

function bindSymbols(input: ValueInfo, shape: Shape, symbols: Map<string, number>): void {
  const dims = input.dims;
  if (dims === null) return;

  const expected = dims.map(dim => (isSymbolic(dim) ? (symbols.get(dim) ?? dim) : dim));
  const matches = dims.every((dim, axis) => {
    if (!isSymbolic(dim)) return dim === shape[axis];
    if (typeof dim !== 'string' || dim === '') return true;
    const bound = symbols.get(dim) ?? shape[axis]!;
    symbols.set(dim, bound);
    return bound === shape[axis];
  });

  if (dims.length !== shape.length || !matches) {
    const labels = expected.map(dim => (typeof dim === 'number' && dim <= 0 ? '' : dim));
    throw new UntangleError(
      'ERR_INPUT_SHAPE',
      [input.name, formatShape(labels), formatShape(shape)],
      {input: input.name},
    );
  }
}

function resolveShape(input: ValueInfo, symbols: ReadonlyMap<string, number>): number[] {
  const dims = input.dims ?? ['...'];
  const labels = dims.map((dim, axis) => {
    if (!isSymbolic(dim)) return dim;
    const bound = typeof dim === 'string' ? symbols.get(dim) : undefined;
    return bound ?? (axis === 0 && input.dims !== null ? 1 : dim);
  });

  const unbound = labels.find(isSymbolic);
  if (unbound !== undefined) {
    const texts = labels.map(label => (isSymbolic(label) ? label || '?' : String(label)));
    const args = [
      input.name,
      unbound || '?',
      input.name,
      texts.join(', '),
      input.name,
      texts.join(','),
    ];
    throw new UntangleError('ERR_SHAPE_UNBOUND', args, {input: input.name, dimension: unbound});
  }

  return labels.map(Number);
}
