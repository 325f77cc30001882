// --output NAME=FILE: tensors → .npy, .pb and .png files.

import {extname} from 'node:path';
import {UntangleError} from '../errors.js';
import {encodeTensor} from '../onnx/tensor-file.js';
import {encodeNpy, type WritableTensor} from './npy.js';
import type {Assignment} from './options.js';
import {detectRange, type Range, tensorToPicture} from './pictures.js';
import {encodePng} from './png.js';
import {toFloats} from './tensor.js';
import {writeFileAtomic} from './write-file.js';

const EXTENSIONS = ['.npy', '.pb', '.png'];

/**
 * Refuses outputs that cannot be written, before anything is computed.
 *
 * @throws ERR_OPTION, ERR_OUTPUT_NAME
 */
export function checkOutputs(assignments: readonly Assignment[], names: readonly string[]): void {
  for (const {name, value} of assignments) {
    if (!names.includes(name))
      throw new UntangleError('ERR_OUTPUT_NAME', [
        name,
        names.map(known => `"${known}"`).join(', '),
      ]);
    if (EXTENSIONS.includes(extname(value).toLowerCase())) continue;
    throw new UntangleError('ERR_OPTION', ['--output', 'NAME=FILE.npy, .pb or .png', `"${value}"`]);
  }
}

/**
 * Writes one output; returns what a person wants to know about the file.
 *
 * @throws ERR_FILE_WRITE, ERR_OPTION
 */
export async function writeOutput(
  name: string,
  path: string,
  tensor: WritableTensor,
  range: Range | null,
): Promise<string> {
  switch (extname(path).toLowerCase()) {
    case '.png': {
      const {shape} = tensor;
      const data = toFloats(tensor.data);
      const used = range ?? detectRange(data);
      const picture = tensorToPicture({shape, data}, used);
      await writeFileAtomic(path, encodePng(picture));
      return `${path} (${picture.width}x${picture.height}, ${used.low} is black, ${used.high} is white)`;
    }
    case '.pb': {
      const {shape: dims, dtype, data} = tensor;
      await writeFileAtomic(path, encodeTensor({name, dims, dtype, data}));
      return path;
    }
    default:
      await writeFileAtomic(path, encodeNpy(tensor));
      return path;
  }
}
