// PNG files ↔ pictures of bytes.

import {PNG} from 'pngjs';
import {UntangleError} from '../errors.js';

/** Interleaved 8-bit samples, 1 or 3 channels. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

/** Larger pictures are refused before they are decoded: a few kilobytes of PNG can hold gigabytes. */
const MAX_PIXELS = 64 * 2 ** 20;
const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/**
 * Decodes a PNG file to `channels` channels; grey is the usual luma, alpha is dropped.
 *
 * @throws ERR_FILE_FORMAT
 */
export function decodePng(bytes: Uint8Array, path: string, channels: 1 | 3): Picture {
  const {width, height} = pngSize(bytes, path);
  let rgba: Uint8Array;
  try {
    rgba = PNG.sync.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)).data;
  } catch (error) {
    throw pngError(path, error instanceof Error ? error.message : String(error));
  }
  const data = new Uint8Array(width * height * channels);
  if (rgba.length !== width * height * 4) throw pngError(path, 'too few pixels');
  for (let i = 0; i < width * height; i++) {
    const [r, g, b] = [rgba[4 * i]!, rgba[4 * i + 1]!, rgba[4 * i + 2]!];
    if (channels === 1) data[i] = Math.round(0.299 * r + 0.587 * g + 0.114 * b);
    else data.set([r, g, b], 3 * i);
  }
  return {width, height, channels, data};
}

/**
 * Width and height from the header alone.
 *
 * @throws ERR_FILE_FORMAT, also for more than 64 Mpixel
 */
export function pngSize(bytes: Uint8Array, path: string): {width: number; height: number} {
  if (bytes.length < 33 || !SIGNATURE.every((byte, index) => bytes[index] === byte))
    throw pngError(path, 'something else');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const width = view.getUint32(16);
  const height = view.getUint32(20);
  if (width === 0 || height === 0) throw pngError(path, `a picture of ${width}x${height} pixels`);
  if (width * height > MAX_PIXELS)
    throw pngError(path, `${width}x${height} pixels, more than ${MAX_PIXELS}`);
  return {width, height};
}

function pngError(path: string, found: string): UntangleError {
  return new UntangleError('ERR_FILE_FORMAT', [path, 'a PNG picture', found]);
}

/** The bytes of a PNG file. */
export function encodePng({width, height, channels, data}: Picture): Uint8Array {
  const png = new PNG({width, height});
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++)
      png.data[4 * i + c] = data[channels * i + (channels === 3 ? c : 0)]!;
    png.data[4 * i + 3] = 255;
  }
  return PNG.sync.write(png, {colorType: channels === 1 ? 0 : 2, inputColorType: 6});
}
