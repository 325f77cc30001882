// fast-check inside AVA: failures show the seed and the shrunk counterexample.

import type {ExecutionContext} from 'ava';
import fc from 'fast-check';

/** Checks `predicate` (which throws, e.g. node:assert) on random values. */
export function checkProperty<T>(
  t: ExecutionContext,
  arbitrary: fc.Arbitrary<T>,
  predicate: (value: T) => void,
  numRuns = 200,
): void {
  t.notThrows(() => fc.assert(fc.property(arbitrary, predicate), {numRuns}));
}
