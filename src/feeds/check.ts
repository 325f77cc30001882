// The feeds of a run, checked against the inputs.

import {UntangleError} from '../errors.js';
import {describeShape, describeType} from './describe.js';
import {readFloats} from './elements.js';
import type {Feeds, Target, TensorInput} from './feeds.js';
import {isPicture, pictureValues} from './picture.js';

/**
 * The values of every input as f32, in the order of `targets`. Float32Arrays are not copied.
 *
 * @throws ERR_INPUT_MISSING, ERR_INPUT_TYPE, ERR_INPUT_SHAPE, ERR_INPUT_VALUE
 */
export function checkFeeds(targets: readonly Target[], feeds: Feeds): Float32Array[] {
  return targets.map(target => checkFeed(target, feedOf(feeds, target.name)));
}

/** @throws ERR_OPTION, ERR_INPUT_NAME */
export function checkNames(names: readonly string[], feeds: unknown): void {
  if (typeof feeds !== 'object' || feeds === null) {
    const expected = 'an object of input name to array of numbers';
    throw new UntangleError('ERR_OPTION', ['feeds', expected, describeType(feeds)]);
  }
  for (const name of Object.keys(feeds)) {
    if (names.includes(name)) continue;
    const known = names.map(each => `"${each}"`).join(', ') || 'none';
    throw new UntangleError('ERR_INPUT_NAME', [name, known]);
  }
}

/** The feed of input `name`, or undefined. */
export function feedOf(feeds: Feeds, name: string): unknown {
  return Object.hasOwn(feeds, name) ? feeds[name] : undefined;
}

function checkFeed(target: Target, feed: unknown): Float32Array {
  const {name, shape: expectedShape, dtype: expectedType} = target;
  if (feed === undefined) {
    const expected = `${expectedType} values of shape ${describeShape(expectedShape)}`;
    throw new UntangleError('ERR_INPUT_MISSING', [name, expected]);
  }
  if (typeof feed === 'object' && feed !== null && isPicture(feed))
    return pictureValues(target, feed);

  const {data, shape, dtype} = splitTensor(feed);
  if (shape !== undefined && !isSameShape(shape, expectedShape)) {
    throw new UntangleError('ERR_INPUT_SHAPE', [
      name,
      describeShape(expectedShape),
      describeShape(shape),
    ]);
  }
  const values = readFloats(target, data, dtype);
  const count = expectedShape.reduce((product, size) => product * size, 1);
  if (values.length !== count) {
    const expected = `${describeShape(expectedShape)} (${count} values)`;
    const received = `${values.length} values${bytesHint(data, count)}`;
    throw new UntangleError('ERR_INPUT_SHAPE', [name, expected, received]);
  }
  return values;
}

/** Splits {data, shape, dtype}; anything else is data alone. */
export function splitTensor(feed: unknown): {
  readonly [K in keyof TensorInput]: unknown;
} {
  const isTensor =
    typeof feed === 'object' && feed !== null && !ArrayBuffer.isView(feed) && 'data' in feed;
  if (!isTensor) return {data: feed};
  const {data, shape, dtype} = feed as TensorInput;
  return {data, shape, dtype};
}

/** A file read as bytes is a likely mistake. */
function bytesHint(data: unknown, count: number): string {
  return Buffer.isBuffer(data) && data.length === count * Float32Array.BYTES_PER_ELEMENT
    ? ' of one byte each (for f32 bytes pass new Float32Array(buffer.buffer, buffer.byteOffset, buffer.length / 4))'
    : '';
}

/** Whether `shape` is a list with exactly the sizes `expected`. */
export function isSameShape(shape: unknown, expected: readonly number[]): boolean {
  return (
    Array.isArray(shape) &&
    shape.length === expected.length &&
    expected.every((size, axis) => shape[axis] === size)
  );
}
