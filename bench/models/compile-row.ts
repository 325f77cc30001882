// Our program of any row, and what a row has to multiply.

import {readFileSync} from 'node:fs';
import {type CompileOptions, compile, type Program} from '../../src/index.js';
import {layerMacs, type Macs, type Row} from '../shapes.js';
import {netMacs} from './generators.js';
import {rowModelFile} from './model-cache.js';
import {trainedFiles, trainedShapes} from './trained.js';

/** Null for a model that is not on this machine. */
export function compileRow(row: Row, options: CompileOptions): Program | null {
  if (row.kind !== 'model') return compile(readFileSync(rowModelFile(row)), options);
  const files = trainedFiles(row);
  if (files === null) return null;
  return compile(readFileSync(files.model), {shapes: trainedShapes(files), ...options});
}

/** Of a trained model what our exact program multiplies: the definition without padding and inserted zeros. */
export function rowMacs(row: Row): Macs {
  if (row.kind === 'layer') return layerMacs(row);
  if (row.kind === 'net') return netMacs(row);
  const macs = compileRow(row, {exact: true})?.explanation.totals.macs ?? 0;
  return {nominal: macs, inBounds: macs};
}
