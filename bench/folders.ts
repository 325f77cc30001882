// Where the benchmark finds and keeps things.

import path from 'node:path';

/** Of the repository; this file runs as dist/bench/folders.js. */
export const ROOT = path.resolve(import.meta.dirname, '..', '..');

/** What is made on the way: models, workers, results. Ignored by git. */
export const OUT = path.join(ROOT, 'out', 'bench');
