// Pictures ↔ tensors: which axes are height, width and channels, and which values are black and white.

import {UntangleError} from '../errors.js';
import type {Picture} from './png.js';
import {statistics} from './tensor.js';

/** Values of pictures. */
export interface FloatTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The values that mean byte 0 and byte 255. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

export interface PictureLayout {
  readonly count: number;
  readonly channels: 1 | 3;
  readonly height: number;
  readonly width: number;
  /** Whether channels are the last axis. */
  readonly channelsLast: boolean;
}

/** Reads a shape as pictures: [N, C, H, W], [N, H, W, C], the same without N, or [H, W]; C is 1 or 3. */
export function pictureLayout(shape: readonly number[]): PictureLayout | null {
  const [count, a, b, c] =
    shape.length === 2 ? [1, 1, ...shape] : shape.length === 3 ? [1, ...shape] : shape;
  if (
    count === undefined ||
    a === undefined ||
    b === undefined ||
    c === undefined ||
    shape.length > 4
  )
    return null;
  if (a === 1 || a === 3) return {count, channels: a, height: b, width: c, channelsLast: false};
  if (c === 1 || c === 3) return {count, channels: c, height: a, width: b, channelsLast: true};
  return null;
}

/** The tensor of one picture: bytes 0..255 become `range`. */
export function pictureToTensor(
  picture: Picture,
  shape: readonly number[],
  channelsLast: boolean,
  range: Range,
): FloatTensor {
  const {width, height, channels, data} = picture;
  const scale = (range.high - range.low) / 255;
  const values = new Float32Array(data.length);
  const plane = width * height;
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < channels; c++) {
      values[channelsLast ? i * channels + c : c * plane + i] =
        data[i * channels + c]! * scale + range.low;
    }
  }
  return {shape, data: values};
}

/**
 * One picture from a tensor; several become a sheet, `columns` wide (as square as it goes when null).
 *
 * @throws ERR_OPTION when the shape is not that of pictures
 */
export function tensorToPicture(
  tensor: FloatTensor,
  range: Range,
  columns: number | null = null,
): Picture {
  const layout = pictureLayout(tensor.shape);
  if (layout === null || tensor.data.length === 0) {
    const found = `shape [${tensor.shape.join(', ')}]; write a .npy file instead`;
    throw new UntangleError('ERR_OPTION', [
      'output',
      'pictures with 1 or 3 channels for a .png file',
      found,
    ]);
  }
  const {count, channels, height, width} = layout;
  const across = columns ?? Math.ceil(Math.sqrt(count));
  const down = Math.ceil(count / across);
  const gap = count > 1 ? 2 : 0;
  const sheetWidth = across * (width + gap) + gap;
  const sheetHeight = down * (height + gap) + gap;
  const data = new Uint8Array(sheetWidth * sheetHeight * channels).fill(count > 1 ? 32 : 0);
  for (let n = 0; n < count; n++) {
    const left = gap + (n % across) * (width + gap);
    const top = gap + Math.floor(n / across) * (height + gap);
    drawPicture(
      tensor.data.subarray(n * channels * height * width),
      layout,
      range,
      data,
      sheetWidth,
      left,
      top,
    );
  }
  return {width: sheetWidth, height: sheetHeight, channels, data};
}

function drawPicture(
  values: Float32Array,
  layout: PictureLayout,
  range: Range,
  sheet: Uint8Array,
  sheetWidth: number,
  left: number,
  top: number,
): void {
  const {channels, height, width, channelsLast} = layout;
  const scale = 255 / (range.high - range.low);
  const plane = height * width;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      const at = ((top + y) * sheetWidth + left + x) * channels;
      for (let c = 0; c < channels; c++) {
        const value = values[channelsLast ? i * channels + c : c * plane + i]!;
        sheet[at + c] = Math.min(255, Math.max(0, Math.round((value - range.low) * scale)));
      }
    }
  }
}

/** Guesses the range of a picture from its values: -1..1, 0..1 (a little overshoot allowed) or 0..255. */
export function detectRange(data: Float32Array): Range {
  const {min, max} = statistics(data);
  if (max > 2 || min < -2) return {low: 0, high: 255};
  return min < -0.25 ? {low: -1, high: 1} : {low: 0, high: 1};
}

/**
 * A range written as LO,HI or LO..HI.
 *
 * @throws ERR_OPTION
 */
export function parseRange(option: string, text: string): Range {
  const parts = text
    .split(text.includes('..') ? '..' : ',')
    .map(part => (part.trim() === '' ? Number.NaN : Number(part)));
  const [low, high] = parts;
  if (
    parts.length === 2 &&
    low !== undefined &&
    high !== undefined &&
    Number.isFinite(low) &&
    Number.isFinite(high) &&
    low < high
  ) {
    return {low, high};
  }
  throw new UntangleError('ERR_OPTION', [option, 'two numbers LO,HI with LO < HI', `"${text}"`]);
}
