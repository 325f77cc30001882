// Binds symbolic dimensions from what the command line says: --shape first, then the files given as inputs, then 1 for
// a batch nobody named.

import {UntangleError} from '../errors.js';
import {splitTensor} from '../feeds/check.js';
import type {ConstantFeed} from '../feeds/feeds.js';
import type {ValueInfo} from '../onnx/model.js';
import type {Feed} from './feeds.js';
import type {ShapeAssignment} from './options.js';

export interface BoundShapes {
  /** For the `shapes` option; inputs that are still open are left out, and the library names what is missing. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  /** What was assumed, in sentences for the user. */
  readonly notes: readonly string[];
}

/**
 * @param constants inputs that are none any more; those that say their shape bind symbols
 * @throws ERR_INPUT_NAME when a shape or a feed names no input; ERR_INPUT_SHAPE when a rank does not fit.
 */
export function bindShapes(
  inputs: readonly ValueInfo[],
  assignments: readonly ShapeAssignment[],
  feeds: ReadonlyMap<string, Feed>,
  constants: Readonly<Record<string, ConstantFeed>> = {},
): BoundShapes {
  for (const name of [...assignments.map(({name: each}) => each), ...feeds.keys()]) {
    if (inputs.some(input => input.name === name)) continue;
    throw new UntangleError('ERR_INPUT_NAME', [
      name,
      inputs.map(input => `"${input.name}"`).join(', ') || 'none',
    ]);
  }
  const symbols = new Map<string, number>();
  const full = new Map<string, readonly number[]>();
  for (const input of inputs) {
    const given =
      assignments.findLast(({name}) => name === input.name)?.shape ??
      feedShape(input, feeds.get(input.name)) ??
      splitTensor(constants[input.name]).shape;
    if (!isShape(given)) continue;
    full.set(input.name, given);
    bindSymbols(input, given, symbols);
  }
  const open = inputs.filter(({name}) => constants[name] === undefined);
  const notes = bindBatches(open, symbols);
  const shapes: Record<string, readonly number[]> = {};
  for (const {name, dims} of open) {
    const shape =
      full.get(name) ??
      dims?.map(size => (typeof size === 'number' ? size : (symbols.get(size) ?? 0)));
    const isSymbolic = dims === null || dims.some(size => typeof size === 'string');
    if (shape !== undefined && !shape.includes(0) && (isSymbolic || full.has(name)))
      shapes[name] = shape;
  }
  return {shapes, notes};
}

function isShape(shape: unknown): shape is readonly number[] {
  return Array.isArray(shape);
}

/** What a file says about the shape of its input, or null. */
function feedShape({name, dims}: ValueInfo, feed: Feed | undefined): readonly number[] | null {
  if (feed?.kind === 'tensor') return feed.tensor.shape;
  if (feed?.kind !== 'picture' || dims === null || dims.length < 2 || dims.length > 4) return null;
  const {width, height} = feed;
  const one = (size: number | string): number => (typeof size === 'string' ? 1 : size);
  if (dims.length === 2) return [height, width];
  const [a, , c] = dims.slice(-3) as [number | string, number | string, number | string];
  const batch = dims.slice(0, -3).map(one);
  if (a === 1 || a === 3) return [...batch, a, height, width];
  if (c === 1 || c === 3) return [...batch, height, width, c];
  throw new UntangleError('ERR_INPUT_SHAPE', [
    name,
    `[${dims.join(', ')}]`,
    'a picture with 1 or 3 channels',
  ]);
}

function bindSymbols(
  {name, dims}: ValueInfo,
  shape: readonly number[],
  symbols: Map<string, number>,
): void {
  if (dims === null) return;
  if (dims.length !== shape.length) {
    throw new UntangleError('ERR_INPUT_SHAPE', [
      name,
      `[${dims.join(', ')}]`,
      `[${shape.join(', ')}]`,
    ]);
  }
  for (const [axis, size] of dims.entries()) {
    if (typeof size === 'string' && !symbols.has(size)) symbols.set(size, shape[axis]!);
  }
}

/** A symbolic first dimension is a batch: 1 unless bound. */
function bindBatches(inputs: readonly ValueInfo[], symbols: Map<string, number>): string[] {
  const notes: string[] = [];
  for (const {name, dims} of inputs) {
    const batch = dims?.[0];
    if (typeof batch !== 'string' || dims!.length < 2 || symbols.has(batch)) continue;
    symbols.set(batch, 1);
    const example = dims!.map(size => (size === batch ? 1 : size)).join(',');
    notes.push(`batch "${batch}" is 1; choose another with --shape ${name}=${example}`);
  }
  return notes;
}
