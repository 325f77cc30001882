// Trained models as they are found on this machine.

import {existsSync, readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {decodeTensor} from '../../src/onnx/tensor-file.js';
import {MODELS} from '../folders.js';
import type {TrainedModel} from '../shapes.js';

export interface TrainedFiles {
  readonly model: string;
  /** Tensors, in the order of the model's inputs. */
  readonly inputs: readonly string[];
}

/** Null where the model is not on this machine. */
export function trainedFiles({id}: TrainedModel): TrainedFiles | null {
  return filesIn(path.join(MODELS, id));
}

/** Null where a folder has no model.onnx. */
export function filesIn(folder: string): TrainedFiles | null {
  const model = path.join(folder, 'model.onnx');
  if (!existsSync(model)) return null;
  const count = readdirSync(folder).filter(file => /^input_\d+\.pb$/.test(file)).length;
  const inputs = Array.from({length: count}, (_, index) => path.join(folder, `input_${index}.pb`));
  return {model, inputs};
}

/** Shapes of the inputs by name. */
export function trainedShapes({inputs}: TrainedFiles): Record<string, readonly number[]> {
  const tensors = inputs.map(file => decodeTensor(readFileSync(file)));
  return Object.fromEntries(tensors.map(({name, dims}) => [name, dims]));
}
