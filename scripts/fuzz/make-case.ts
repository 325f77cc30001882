// A random case from a pool of inputs.

import {SCHEDULES} from '../../src/schedule/candidates.js';
import {MAX_CASE_BYTES} from './case-file.js';
import {mutateBytes} from './mutate-bytes.js';
import {mutateModel} from './mutate-model.js';
import {hasLayout, mutateProgram} from './mutate-program.js';
import type {FuzzCase, Target} from './oracle.js';
import type {Random} from './random.js';

/** One input of `pool`, mutated, with options to compile it by. */
export function makeCase(random: Random, target: Target, pool: readonly Uint8Array[]): FuzzCase {
  const [first, second] = [random.pick(pool), random.pick(pool)];
  const options = {
    schedule: random.oneIn(3) ? random.pick(SCHEDULES) : 'auto',
    memoryBudgetBytes: random.oneIn(10) ? 2 ** 18 + random.below(2 ** 14) : undefined,
  } as const;
  return {bytes: mutate(random, target, {first, second}).subarray(0, MAX_CASE_BYTES), ...options};
}

function mutate(
  random: Random,
  target: Target,
  {first, second}: {readonly first: Uint8Array; readonly second: Uint8Array},
): Uint8Array {
  if (target === 'programs' && hasLayout(first)) return mutateProgram(random, first, second);
  const changed =
    target === 'models' && !random.oneIn(4) ? mutateModel(random, first, second) : null;
  return changed ?? mutateBytes(random, first, second);
}
