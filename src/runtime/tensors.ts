// What the caller feeds and gets, checked against the program's ports.

import {UntangleError} from '../errors.js';
import type {Port} from '../program/program.js';

/** A dense tensor, row-major in `shape`. */
export interface TensorInput {
  readonly data: Float32Array | Float64Array;
  readonly shape?: readonly number[];
}

/** One entry per input name; a bare array must have exactly the input's number of values. */
export type Feeds = Readonly<Record<string, Float32Array | Float64Array | TensorInput>>;

/** A dense result, row-major in `shape` (ONNX order); the caller owns `data`. */
export interface TensorOutput {
  readonly data: Float32Array;
  readonly shape: readonly number[];
  readonly dtype: Port['dtype'];
}

/**
 * The data of every input, in the order of `ports`. Nothing is copied except Float64Arrays, which are rounded to f32.
 *
 * @throws ERR_INPUT_NAME, ERR_INPUT_MISSING, ERR_INPUT_TYPE, ERR_INPUT_SHAPE
 */
export function checkFeeds(ports: readonly Port[], feeds: Feeds): Float32Array[] {
  if (typeof feeds !== 'object' || feeds === null) {
    throw new UntangleError('ERR_OPTION', [
      'feeds',
      'an object of input name to Float32Array',
      describeType(feeds),
    ]);
  }
  for (const name of Object.keys(feeds)) {
    if (ports.some(port => port.name === name)) continue;
    throw new UntangleError('ERR_INPUT_NAME', [
      name,
      ports.map(port => `"${port.name}"`).join(', ') || 'none',
    ]);
  }
  return ports.map(port =>
    checkFeed(port, Object.hasOwn(feeds, port.name) ? feeds[port.name] : undefined),
  );
}

function checkFeed(port: Port, feed: unknown): Float32Array {
  if (feed === undefined) {
    throw new UntangleError('ERR_INPUT_MISSING', [
      port.name,
      `a Float32Array of shape ${describeShape(port.shape)}`,
    ]);
  }
  const {data, shape} = splitFeed(feed);
  if (!(data instanceof Float32Array || data instanceof Float64Array)) {
    throw new UntangleError('ERR_INPUT_TYPE', [
      port.name,
      'Float32Array or {data: Float32Array, shape}',
      describeType(data),
    ]);
  }
  if (shape !== undefined && !isSameShape(shape, port.shape)) {
    throw new UntangleError('ERR_INPUT_SHAPE', [
      port.name,
      describeShape(port.shape),
      describeShape(shape),
    ]);
  }
  const expected = port.shape.reduce((product, size) => product * size, 1);
  if (data.length !== expected) {
    throw new UntangleError('ERR_INPUT_SHAPE', [
      port.name,
      `${describeShape(port.shape)} (${expected} values)`,
      `${data.length} values`,
    ]);
  }
  return data instanceof Float32Array ? data : Float32Array.from(data);
}

/** Splits {data, shape}; anything else is data without a shape. */
function splitFeed(feed: unknown): {readonly data: unknown; readonly shape: unknown} {
  const isTensor =
    typeof feed === 'object' && feed !== null && !ArrayBuffer.isView(feed) && 'data' in feed;
  return isTensor
    ? {data: feed.data, shape: 'shape' in feed ? feed.shape : undefined}
    : {data: feed, shape: undefined};
}

function isSameShape(shape: unknown, expected: readonly number[]): boolean {
  return (
    Array.isArray(shape) &&
    shape.length === expected.length &&
    expected.every((size, axis) => shape[axis] === size)
  );
}

function describeShape(shape: unknown): string {
  return Array.isArray(shape) ? `[${shape.join(', ')}]` : describeType(shape);
}

function describeType(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object' ? (value.constructor?.name ?? 'object') : typeof value;
}
