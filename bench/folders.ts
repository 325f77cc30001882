// Where the benchmark finds and keeps things.

import path from 'node:path';

/** Of the repository; this file runs as dist/bench/folders.js. */
export const ROOT = path.resolve(import.meta.dirname, '..', '..');

/** Trained models, a folder each: third-party data, beside this repository unless UNTANGLE_BENCH_MODELS says where. */
export const MODELS = path.resolve(
  process.env.UNTANGLE_BENCH_MODELS ?? path.join(ROOT, '..', 'shared', 'models'),
);

/** What is made on the way: models, workers, results. Ignored by git. */
export const OUT = path.join(ROOT, 'out', 'bench');
