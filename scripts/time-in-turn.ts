// Times of several sessions side by side: what disturbs the machine disturbs all of them.

import type {Session} from '../src/index.js';

/** A session and what it runs on. */
export interface Timed {
  readonly session: Session;
  readonly feeds: Readonly<Record<string, Float32Array>>;
}

/** Milliseconds of `rounds` runs of each, ascending. */
export async function timesInTurn(all: readonly Timed[], rounds: number): Promise<number[][]> {
  const times = all.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, {session, feeds}] of all.entries()) {
      // The first brings its own buffers back into the caches.
      await session.run(feeds);
      const start = performance.now();
      await session.run(feeds);
      times[index]!.push(performance.now() - start);
    }
  }
  return times.map(each => each.sort((a, b) => a - b));
}
