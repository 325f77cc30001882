// RGBA pictures → tensors.

import {UntangleError} from '../errors.js';
import {isFloating} from '../graph/types.js';
import {describeShape, describeValue} from './describe.js';
import {checkWhole, EXACT_LIMIT, elementTypeOf} from './elements.js';
import type {PictureInput, Target} from './feeds.js';

const RGBA = 4;

interface Layout {
  readonly channels: 3 | 4;
  readonly channelsLast: boolean;
}

/** Whether `feed` has the shape of an ImageData. */
export function isPicture(feed: object): feed is PictureInput {
  return 'data' in feed && 'width' in feed && 'height' in feed && !('shape' in feed);
}

/**
 * The picture as the values of `target`: RGB or RGBA, planes or pixels as its shape asks.
 *
 * Bytes become 0..1, or 0..255 for inputs of integers, unless the picture has a `range`.
 *
 * @throws ERR_INPUT_SHAPE, ERR_INPUT_TYPE, ERR_INPUT_VALUE
 */
export function pictureValues(target: Target, picture: PictureInput): Float32Array {
  const {data, width, height} = picture;
  if (elementTypeOf(data) !== 'uint8')
    throw new UntangleError('ERR_INPUT_TYPE', [
      target.name,
      'the RGBA bytes of a picture in a Uint8ClampedArray or Uint8Array',
      describeValue(data),
    ]);
  if (data.length !== width * height * RGBA) {
    const received = `${data.length} bytes`;
    const expected = `${width} x ${height} pixels of RGBA (${width * height * RGBA} bytes)`;
    throw new UntangleError('ERR_INPUT_SHAPE', [target.name, expected, received]);
  }
  const {channels, channelsLast} = findLayout(target, width, height);
  const [low, high] = checkRange(target, picture.range);
  const plane = width * height;
  const values = new Float32Array(plane * channels);
  const [pixelStep, channelStep] = channelsLast ? [channels, 1] : [1, plane];
  const table = Float32Array.from({length: 256}, (_, byte) => low + ((high - low) * byte) / 255);
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < channels; c++)
      values[i * pixelStep + c * channelStep] = table[data[i * RGBA + c]!]!;
  }
  checkWhole(target, values, EXACT_LIMIT);
  return values;
}

/** @throws ERR_INPUT_SHAPE when the input does not take one such picture, or could take it in two ways */
function findLayout({name, shape}: Target, width: number, height: number): Layout {
  const fail = (expected: string, note = ''): UntangleError =>
    new UntangleError('ERR_INPUT_SHAPE', [
      name,
      expected,
      `a picture ${width} wide and ${height} high${note}`,
    ]);
  const sizes = shape.length === 4 && shape[0] === 1 ? shape.slice(1) : shape;
  const [a, b, c] = sizes;
  const isColour = (size: number | undefined): size is 3 | 4 => size === 3 || size === 4;
  const isPlanes = isColour(a) && b === height && c === width;
  const isPixels = isColour(c) && a === height && b === width;
  if (sizes.length !== 3 || (!isPlanes && !isPixels)) throw fail(describeShape(shape));
  if (isPlanes && isPixels)
    throw fail(`{data, shape}, because ${describeShape(shape)} could be planes or pixels,`);
  return isPlanes ? {channels: a, channelsLast: false} : {channels: c as 3 | 4, channelsLast: true};
}

function checkRange({name, dtype}: Target, range: unknown): readonly [number, number] {
  if (range === undefined) return isFloating(dtype) ? [0, 1] : [0, 255];
  if (Array.isArray(range) && range.length === 2 && range.every(Number.isFinite))
    return [range[0], range[1]];
  throw new UntangleError('ERR_OPTION', [
    `${name}.range`,
    'two numbers, the values of bytes 0 and 255,',
    describeValue(range),
  ]);
}
