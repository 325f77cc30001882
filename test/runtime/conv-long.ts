// Half a million random convolutions over one, two and three axes against their definition: `npm run test:long`.
//
// Each attribute set runs under 'auto' and under one other schedule, on one instruction set; all of them take turns.
// UNTANGLE_PROPERTY_RUNS sets how many attribute sets (500000), UNTANGLE_PROPERTY_SEED which ones. Ends with status 1 after a
// mismatch, having printed every attribute set that has one.

import fc from 'fast-check';
import {loadAddon} from '../../src/runtime/native.js';
import {SCHEDULES} from '../../src/schedule/candidates.js';
import {type ConvCase, RANKED_CASES} from '../schedule/conv-cases.js';
import {checkCase} from './conv-native.js';

const RUNS = Number(process.env.UNTANGLE_PROPERTY_RUNS ?? 500_000);
const SEED = Number(process.env.UNTANGLE_PROPERTY_SEED ?? 20_241_107);
/** Attribute sets drawn at a time, each with the next seed: fast-check keeps all of a draw. */
const BATCH = 1000;
const REPORT_EVERY = 20_000;

const {available} = loadAddon().cpuInfo();
const others = SCHEDULES.filter(schedule => schedule !== 'auto');

/** Kinds of convolutions and ways to run them, with how often each occurred. */
const tally = new Map<string, number>();
const count = (what: string) => tally.set(what, (tally.get(what) ?? 0) + 1);

async function checkOne(conv: ConvCase, index: number): Promise<boolean> {
  const isa = available[index % available.length]!;
  const other = others[Math.floor(index / available.length) % others.length]!;
  count(`${conv.definition.kernel.length}-D ${conv.transposed ? 'ConvTranspose' : 'Conv'}`);
  try {
    for (const name of await checkCase(conv, [
      {schedule: 'auto', isa},
      {schedule: other, isa},
    ])) {
      count(name);
    }
    return true;
  } catch (error) {
    console.log(`mismatch: ${JSON.stringify(conv)}\n${String(error)}`);
    return false;
  }
}

async function main(): Promise<void> {
  let mismatches = 0;
  let index = 0;
  console.log(`${RUNS} attribute sets, seed ${SEED}, on ${available.join(', ')}`);
  for (let batch = 0; index < RUNS; batch++) {
    const numRuns = Math.min(BATCH, RUNS - index);
    for (const conv of fc.sample(RANKED_CASES, {numRuns, seed: SEED + batch})) {
      if (!(await checkOne(conv, index++))) mismatches++;
    }
    if (index % REPORT_EVERY === 0) console.log(`${index} checked, ${mismatches} mismatches`);
  }
  for (const [what, times] of [...tally].sort()) console.log(`${what}: ${times}`);
  console.log(`${index} attribute sets, seed ${SEED}: ${mismatches} mismatches`);
  process.exitCode = mismatches > 0 ? 1 : 0;
}

await main();
