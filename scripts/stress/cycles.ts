// Load, run and dispose, again and again: memory must not grow.

import {load} from '../../src/index.js';
import {finish, IS_SHORT, inMib, residentBytes, SMALL} from './support.js';

const CYCLES = IS_SHORT ? 200 : 10_000;
/** V8's heap and code are still finding their size after 8000 cycles; from 16,000 on memory goes up and down by less than a MiB. */
const WARM_UP = IS_SHORT ? 200 : 16_000;
const LIMIT_BYTES = (IS_SHORT ? 16 : 1) * 2 ** 20;

/** Resident memory goes up and down by a MiB: compared are the least of some samples. */
const SAMPLES = 5;
const SAMPLE_EVERY = IS_SHORT ? 20 : 500;

async function cycle(): Promise<Float32Array> {
  const session = await load(SMALL.bytes, {threads: 2});
  const {y} = await session.run({x: SMALL.x});
  await session.dispose();
  return y!.data;
}

const expected = await cycle();
let wrong = 0;

async function cycles(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const data = await cycle();
    if (!data.every((value, index) => value === expected[index])) wrong++;
  }
}

/** `count` cycles; the least memory seen towards their end. */
async function leastAfter(count: number): Promise<number> {
  await cycles(count - SAMPLES * SAMPLE_EVERY);
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < SAMPLES; i++) {
    await cycles(SAMPLE_EVERY);
    least = Math.min(least, await residentBytes());
  }
  return least;
}

const before = await leastAfter(WARM_UP);
const grown = (await leastAfter(CYCLES)) - before;
finish(
  'cycles',
  wrong === 0 && grown <= LIMIT_BYTES,
  `${CYCLES} sessions loaded, run and disposed, ${wrong} wrong; resident memory ${inMib(before)} after ${WARM_UP}, grown by ${inMib(grown)} (limit ${inMib(LIMIT_BYTES)})`,
);
