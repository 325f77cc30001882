// untangle-edge through its public API: as it decides itself, with each published schedule, and the usual methods on the same
// executor. NCHW in and out, as JavaScript callers have it.

import path from 'node:path';
import {METHODS, type Method, methodModel, methodRefusal} from '../models/methods.js';
import {modelFile} from '../models/model-cache.js';
import type {Row} from '../shapes.js';
import {
  type Absence,
  type Contender,
  isAbsent,
  type Launch,
  modelTask,
  type Task,
} from './contender.js';

const WORKER = path.join(import.meta.dirname, '..', 'workers', 'ours.js');

const find = (): Launch => ({command: [process.execPath, WORKER], env: {}});

export const ours: Contender = {
  name: 'ours',
  isPeer: false,
  find,
  task: modelTask,
};

/** Each published schedule, forced for every convolution. */
export const schedules: readonly Contender[] = ['huge2', 'ks', 'uks', 'cks', 'fused-taps'].map(
  schedule => ({
    ...ours,
    name: schedule,
    task: (row, threads) => {
      const task = modelTask(row, threads);
      return isAbsent(task) ? task : {...task, schedule};
    },
  }),
);

/** Zero insertion and GEMM + col2im, of layers; exact, because Winograd's form would be another method. */
export const methods: readonly Contender[] = METHODS.map(method => ({
  name: method,
  isPeer: false,
  find,
  task: (row, threads) => methodTask(method, row, threads),
}));

function methodTask(method: Method, row: Row, threads: number): Task | Absence {
  if (row.kind !== 'layer') return {absent: 'runs single layers only'};
  const reason = methodRefusal(method, row);
  if (reason !== null) return {absent: reason};
  const model = modelFile(row, method, () => methodModel(method, row));
  return {...modelTask(row, threads), model, exact: 1};
}
