// Models that figures are made of: an .onnx file, or a folder with model.onnx and input_K.pb as the ONNX tests have them.

import {existsSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {filesIn, trainedShapes} from '../bench/models/trained.js';
import {type CompileOptions, compile, type Program, UntangleError} from '../src/index.js';

export const THREADS = 2;

export interface FigureModel {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly shapes: Record<string, readonly number[]>;
}

/** @throws when a place is neither */
export function readFigureModel(place: string): FigureModel {
  const name = path.basename(place, '.onnx');
  if (place.endsWith('.onnx') && existsSync(place))
    return {name, bytes: readFileSync(place), shapes: {}};
  const files = filesIn(place);
  if (files === null)
    throw new Error(`expected an .onnx file or a folder with model.onnx, but ${place} is neither`);
  return {name, bytes: readFileSync(files.model), shapes: trainedShapes(files)};
}

/** The program of a model, within a budget where there is one. */
export function compileFor({bytes, shapes}: FigureModel, options: CompileOptions = {}): Program {
  return compile(bytes, {shapes, threads: THREADS, ...options});
}

/** The smallest budget that a model runs in. */
export function leastBytes(model: FigureModel, options: CompileOptions = {}): number {
  try {
    compileFor(model, {...options, memoryBudgetBytes: 1});
  } catch (error) {
    if (error instanceof UntangleError && error.code === 'ERR_BUDGET_EXCEEDED')
      return Number(error.fields.neededBytes);
    throw error;
  }
  throw new Error('one byte was enough');
}

/** Numbers in [0, 1) for every input, the same every time. */
export function feedsFor(
  inputs: readonly {readonly name: string; readonly shape: readonly number[]}[],
): Record<string, Float32Array> {
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state / 2 ** 31;
  };
  const filled = (shape: readonly number[]) =>
    Float32Array.from({length: shape.reduce((a, b) => a * b, 1)}, next);
  return Object.fromEntries(inputs.map(({name, shape}) => [name, filled(shape)]));
}
