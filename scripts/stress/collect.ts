// Sessions that nobody disposes: the garbage collector frees them, native memory and threads included.

import {existsSync, readdirSync} from 'node:fs';
import {load} from '../../src/index.js';
import {finish, IS_SHORT, inMib, residentBytes, SLOW_ELEMENTS, slowModel} from './support.js';

const SESSIONS = IS_SHORT ? 20 : 100;
const LIMIT_BYTES = 32 * 2 ** 20;
const MODEL = slowModel(1);
const TASKS = '/proc/self/task';

/** Of this process; Linux tells. */
const threads = () => (existsSync(TASKS) ? readdirSync(TASKS).length : 0);

/** Returns what `count` sessions hold together; nothing refers to them afterwards. */
async function leak(count: number): Promise<number> {
  let held = 0;
  for (let i = 0; i < count; i++) {
    const session = await load(MODEL, {threads: 2});
    await session.run({x: new Float32Array(SLOW_ELEMENTS)});
    held += session.heldBytes;
  }
  return held;
}

await leak(3);
const before = await residentBytes();
const threadsBefore = threads();
const held = await leak(SESSIONS);
const grown = (await residentBytes()) - before;
const threadsGrown = threads() - threadsBefore;
finish(
  'collect',
  grown <= LIMIT_BYTES && threadsGrown <= 0,
  `${SESSIONS} sessions of ${inMib(held)} together collected; resident memory grown by ${inMib(grown)} (limit ${inMib(LIMIT_BYTES)}), threads by ${threadsGrown}`,
);
