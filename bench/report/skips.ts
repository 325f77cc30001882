// What was not run and why, one line per contender and reason.

import type {Results} from './collect.js';

/** Phrases such as "onednn: runs single layers only (dcgan_k4, unet_256)". */
export function describeSkips({skips, mismatches}: Results): string[] {
  const shapes = new Map<string, string[]>();
  const add = (key: string, shape: string) => {
    const known = shapes.get(key);
    if (known === undefined) shapes.set(key, [shape]);
    else if (!known.includes(shape)) known.push(shape);
  };
  for (const {contender, reason, shape} of skips) {
    // Sizes differ from row to row, reasons do not.
    add(`${contender}: ${reason.replace(/of \d+ MiB/, 'of more than 512 MiB')}`, shape);
  }
  for (const {contender, shape} of mismatches) add(`${contender}: its output differs`, shape);
  return [...shapes].map(([line, rows]) =>
    rows.includes('*') ? line : `${line} (${rows.join(', ')})`,
  );
}
