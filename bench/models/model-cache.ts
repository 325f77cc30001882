// Model files, written when they are first wanted.

import {createHash} from 'node:crypto';
import {existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {OUT} from '../folders.js';
import type {Layer, Net} from '../shapes.js';
import {netModel} from './generators.js';
import {layerModel} from './layer-model.js';
import {type ModelSpec, model} from './onnx-file.js';

const FOLDER = path.join(OUT, 'models');

/** The model of a layer or net as it is. */
export function rowModelFile(row: Layer | Net): string {
  return modelFile(row, 'model', () => (row.kind === 'net' ? netModel(row) : layerModel(row)));
}

/** The file of a row computed in some `way`; its name changes with the row and with the code that writes it. */
export function modelFile(row: Layer | Net, way: string, build: () => ModelSpec): string {
  const digest = createHash('sha256').update(sources()).update(JSON.stringify(row)).digest('hex');
  const file = path.join(FOLDER, `${row.id}-${way}-${digest.slice(0, 8)}.onnx`);
  if (existsSync(file)) return file;
  mkdirSync(FOLDER, {recursive: true});
  // Renamed when complete: an interrupted run leaves no half of a model.
  const part = `${file}.${process.pid}`;
  writeFileSync(part, model(build()));
  renameSync(part, file);
  return file;
}

let cachedSources: string | null = null;

/** The modules of this folder. */
function sources(): string {
  const folder = import.meta.dirname;
  cachedSources ??= readdirSync(folder)
    .filter(file => file.endsWith('.js'))
    .sort()
    .map(file => readFileSync(path.join(folder, file), 'utf8'))
    .join('');
  return cachedSources;
}
