// onnxruntime-node, the usual way to run ONNX from JavaScript. NCHW in and out.

import {createRequire} from 'node:module';
import path from 'node:path';
import {type Absence, type Contender, type Launch, modelTask} from './contender.js';

const WORKER = path.join(import.meta.dirname, '..', 'workers', 'onnxruntime.js');

export const onnxruntime: Contender = {
  name: 'onnxruntime',
  isPeer: true,
  find,
  task: modelTask,
};

/** Beside us, or in the folder that UNTANGLE_BENCH_PEERS names: this project does not depend on it. */
function find(): Launch | Absence {
  const folders = [process.env.UNTANGLE_BENCH_PEERS, import.meta.dirname];
  for (const folder of folders) {
    const file = folder === undefined ? null : resolveFrom(folder);
    if (file !== null)
      return {command: [process.execPath, WORKER], env: {UNTANGLE_BENCH_MODULE: file}};
  }
  return {
    absent: 'the package onnxruntime-node is not in UNTANGLE_BENCH_PEERS or any node_modules here',
  };
}

function resolveFrom(folder: string): string | null {
  try {
    return createRequire(path.join(path.resolve(folder), 'index.js')).resolve('onnxruntime-node');
  } catch {
    return null;
  }
}
