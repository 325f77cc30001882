// What the stress scripts share: a small model with its right answer, memory after collection, one line at the end.
//
// node dist/scripts/stress/NAME.js [--short]: prints "PASS NAME: figures" or "FAIL NAME: figures" and exits with 0 or 1.

import {setImmediate} from 'node:timers/promises';
import {setFlagsFromString} from 'node:v8';
import {runInNewContext} from 'node:vm';
import {chain, GENERATOR_LAYER, integers, weights} from '../../test/runtime/small-models.js';

/** Fewer repetitions, for the test suite. */
export const IS_SHORT = process.argv.includes('--short');

const MIB = 2 ** 20;

/** A layer of a generator and a feed for it. */
export const SMALL = {bytes: GENERATOR_LAYER, x: integers(2 * 5 * 4 * 6, 1)};

/** Layers of 0.6 GMAC each: a run can be interrupted at many moments. */
export const slowModel = (layers: number): Uint8Array =>
  chain({
    input: [1, 64, 128, 128],
    output: [1, 64, 128, 128],
    nodes: Array.from({length: layers}, () => ({
      op: 'Conv',
      extra: ['w'],
      attrs: {pads: [1, 1, 1, 1]},
    })),
    initializers: {w: weights([64, 64, 3, 3])},
  });
export const SLOW_ELEMENTS = 64 * 128 * 128;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Collects garbage until finalizers, which run between turns of the event loop, have nothing left to free. */
export async function collectGarbage(): Promise<void> {
  for (let i = 0; i < 5; i++) {
    collect();
    await setImmediate();
  }
}

/** Resident memory after a collection. */
export async function residentBytes(): Promise<number> {
  await collectGarbage();
  return process.memoryUsage.rss();
}

export function inMib(bytes: number): string {
  return `${(bytes / MIB).toFixed(2)} MiB`;
}

/** The value below which the part `p` of `values` lies. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(p * sorted.length) - 1)] ?? Number.NaN;
}

/** The last line. */
export function finish(name: string, passed: boolean, figures: string): void {
  console.log(`${passed ? 'PASS' : 'FAIL'} ${name}: ${figures}`);
  process.exitCode = passed ? 0 : 1;
}
