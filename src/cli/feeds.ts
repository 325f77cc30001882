// --input NAME=… → tensors. What a file says about its shape is known before the model is compiled, so that it can bind
// symbolic dimensions; values are made when the shapes are fixed.

import {extname} from 'node:path';
import {UntangleError} from '../errors.js';
import type {ConstantFeed, TensorInput} from '../feeds/feeds.js';
import {readFileLimited} from '../onnx/read-model.js';
import {decodeTensor} from '../onnx/tensor-file.js';
import type {Port} from '../program/program.js';
import {OUTPUT_ARRAYS} from '../runtime/outputs.js';
import {decodeNpy} from './npy.js';
import type {Assignment} from './options.js';
import {parseRange, pictureLayout, pictureToTensor, type Range} from './pictures.js';
import {decodePng, pngSize} from './png.js';
import {randomValues} from './random.js';
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

/**
 * Reads what --constant says: numbers, or files that say their shape.
 *
 * @throws ERR_OPTION, ERR_FILE_*, ERR_ONNX_FORMAT
 */
export async function readConstants(
  assignments: readonly Assignment[],
): Promise<Readonly<Record<string, ConstantFeed>>> {
  const constants: Record<string, ConstantFeed> = {};
  for (const {name, value} of assignments) {
    const numbers = value.split(',').map(text => (text.trim() === '' ? Number.NaN : Number(text)));
    if (!numbers.some(Number.isNaN)) {
      constants[name] = numbers;
      continue;
    }
    const feed = /\.(npy|pb)$/i.test(value) ? await readFeed(value) : null;
    if (feed?.kind !== 'tensor') {
      const expected = 'NAME=NUMBER,NUMBER,... or NAME=FILE.npy or .pb';
      throw new UntangleError('ERR_OPTION', ['--constant', expected, `"${value}"`]);
    }
    constants[name] = {data: feed.tensor.data, shape: feed.tensor.shape};
  }
  return constants;
}

/** One tensor from a .pb file. */
export async function readTensorFile(path: string): Promise<CliTensor & {readonly name: string}> {
  const {name, dims, dtype, data} = decodeTensor(await readFileLimited(path));
  return {name, shape: dims, dtype, data};
}

/**
 * The values of `feed` for an input whose shape is fixed now.
 *
 * @throws ERR_INPUT_SHAPE, ERR_FILE_FORMAT
 */
export function feedTensor(feed: Feed, port: Port): TensorInput {
  const {shape} = port;
  switch (feed.kind) {
    case 'tensor':
      return {shape: feed.tensor.shape, data: feed.tensor.data};
    case 'random':
      return {shape, data: randomValues(port, feed.seed)};
    case 'raw': {
      const ArrayType = OUTPUT_ARRAYS[port.dtype];
      const expected = elementCount(shape) * ArrayType.BYTES_PER_ELEMENT;
      if (feed.bytes.length !== expected)
        throw shapeError(port, `${feed.bytes.length} bytes (of ${expected}) in ${feed.path}`);
      return {shape, data: new ArrayType(feed.bytes.slice().buffer)};
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
