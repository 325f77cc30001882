// The ten real models of ../shared/models, and their tensors.

import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {decodeTensor, type NamedTensor} from '../../src/onnx/tensor-file.js';

export const MODELS = path.resolve(import.meta.dirname, '..', '..', '..', '..', 'shared', 'models');
export const MODEL_NAMES = [
  'bodypix-mnv1-050-s8',
  'cvae-quickdraw',
  'dcgan-mnist',
  'espnet-camvid',
  'fns-candy',
  'fsrcnn-x2',
  'selfie-segmentation',
  'sinet-portrait',
  'sr-subpixel-x3',
  'waifu2x-upconv7-x2',
];

/** Inputs or outputs of a model, in order. */
export function tensors(folder: string, kind: 'input' | 'output'): NamedTensor[] {
  const indexOf = (file: string) => Number(/\d+/.exec(file)?.[0]);
  return readdirSync(folder)
    .filter(file => file.startsWith(`${kind}_`))
    .sort((a, b) => indexOf(a) - indexOf(b))
    .map(file => decodeTensor(readFileSync(path.join(folder, file))));
}
