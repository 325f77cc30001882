// --input NAME=… → tensors. What a file says about its shape is known before the model is compiled, so that it can bind
// symbolic dimensions; values are made when the shapes are fixed.

import {extname} from 'node:path';
import {UntangleError} from '../errors.js';
import {readFileLimited} from '../onnx/read-model.js';
import {decodeTensor} from '../onnx/tensor-file.js';
import type {Port} from '../program/program.js';
import {decodeNpy} from './npy.js';
import type {Assignment} from './options.js';
import {parseRange, pictureLayout, pictureToTensor, type Range} from './pictures.js';
import {decodePng, pngSize} from './png.js';
import {gaussian} from './random.js';
import {type CliTensor, elementCount} from './tensor.js';

/** An input as far as it is known before the shapes are. */
export type Feed =
  | {readonly kind: 'tensor'; readonly tensor: CliTensor}
  | {
      readonly kind: 'picture';
      readonly path: string;
      readonly bytes: Uint8Array;
      readonly width: number;
      readonly height: number;
      readonly range: Range;
    }
  | {readonly kind: 'raw'; readonly path: string; readonly bytes: Uint8Array}
  | {readonly kind: 'random'; readonly seed: number};

/**
 * Reads the files that the options name.
 *
 * @throws ERR_OPTION, ERR_FILE_*, ERR_ONNX_FORMAT
 */
export async function readFeeds(
  assignments: readonly Assignment[],
): Promise<ReadonlyMap<string, Feed>> {
  const feeds = new Map<string, Feed>();
  for (const {name, value} of assignments) {
    if (feeds.has(name))
      throw new UntangleError('ERR_OPTION', ['--input', 'each input once', `"${name}" twice`]);
    feeds.set(name, await readFeed(value));
  }
  return feeds;
}

async function readFeed(value: string): Promise<Feed> {
  const seed = /^random:([0-9]{1,10})$/.exec(value)?.[1];
  if (seed !== undefined) return {kind: 'random', seed: Number(seed)};
  const ranged = /^(.*\.png):([-+.0-9eE]+\.\.[-+.0-9eE]+)$/i.exec(value);
  const path = ranged?.[1] ?? value;
  switch (extname(path).toLowerCase()) {
    case '.npy':
      return {kind: 'tensor', tensor: decodeNpy(await readFileLimited(path), path)};
    case '.pb':
      return {kind: 'tensor', tensor: await readTensorFile(path)};
    case '.bin':
      return {kind: 'raw', path, bytes: await readFileLimited(path)};
    case '.png': {
      const bytes = await readFileLimited(path);
      const range = ranged === null ? {low: 0, high: 1} : parseRange('--input', ranged[2]!);
      return {kind: 'picture', path, bytes, ...pngSize(bytes, path), range};
    }
    default:
      throw new UntangleError('ERR_OPTION', [
        '--input',
        'NAME=FILE.npy, .pb, .bin, .png or random:SEED',
        `"${value}"`,
      ]);
  }
}

/** One tensor from a .pb file, as f32. */
export async function readTensorFile(
  path: string,
): Promise<CliTensor & {readonly name: string; readonly isFloat: boolean}> {
  const {name, dims, data} = decodeTensor(await readFileLimited(path));
  const isFloat = data instanceof Float32Array;
  return {name, shape: dims, data: isFloat ? data : Float32Array.from(data), isFloat};
}

/**
 * The values of `feed` for an input whose shape is fixed now.
 *
 * @throws ERR_INPUT_SHAPE, ERR_FILE_FORMAT
 */
export function feedTensor(feed: Feed, port: Port): CliTensor {
  const {shape} = port;
  switch (feed.kind) {
    case 'tensor':
      return feed.tensor;
    case 'random':
      return {shape, data: gaussian(elementCount(shape), feed.seed)};
    case 'raw': {
      const expected = elementCount(shape) * 4;
      if (feed.bytes.length !== expected)
        throw shapeError(port, `${feed.bytes.length} bytes (of ${expected}) in ${feed.path}`);
      return {shape, data: new Float32Array(feed.bytes.slice().buffer)};
    }
    case 'picture': {
      const layout = pictureLayout(shape);
      if (
        layout === null ||
        layout.count !== 1 ||
        layout.width !== feed.width ||
        layout.height !== feed.height
      ) {
        throw shapeError(
          port,
          `a picture ${feed.width} wide and ${feed.height} high in ${feed.path}`,
        );
      }
      return pictureToTensor(
        decodePng(feed.bytes, feed.path, layout.channels),
        shape,
        layout.channelsLast,
        feed.range,
      );
    }
  }
}

function shapeError({name, shape}: Port, received: string): UntangleError {
  return new UntangleError('ERR_INPUT_SHAPE', [name, `[${shape.join(', ')}]`, received]);
}
