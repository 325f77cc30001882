// Load, run and dispose, again and again: memory must not grow.

import {load} from '../../src/index.js';
import {finish, IS_SHORT, inMib, residentBytes, SMALL} from './support.js';

const CYCLES = IS_SHORT ? 200 : 10_000;
const WARM_UP = IS_SHORT ? 200 : 1000;
/** A short series ends before the heap has found its size. */
const LIMIT_BYTES = (IS_SHORT ? 16 : 1) * 2 ** 20;

async function cycle(): Promise<Float32Array> {
  const session = await load(SMALL.bytes, {threads: 2});
  const {y} = await session.run({x: SMALL.x});
  await session.dispose();
  return y!.data;
}

const expected = await cycle();
for (let i = 1; i < WARM_UP; i++) await cycle();
const before = await residentBytes();
let wrong = 0;
for (let i = 0; i < CYCLES; i++) {
  const data = await cycle();
  if (!data.every((value, index) => value === expected[index])) wrong++;
}
const grown = (await residentBytes()) - before;
finish(
  'cycles',
  wrong === 0 && grown <= LIMIT_BYTES,
  `${CYCLES} sessions loaded, run and disposed, ${wrong} wrong; resident memory ${inMib(before)} after ${WARM_UP}, grown by ${inMib(grown)} (limit ${inMib(LIMIT_BYTES)})`,
);
