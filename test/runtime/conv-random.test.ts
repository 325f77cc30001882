// Random convolutions over one, two and three axes: every schedule and every instruction set of this machine.
//
// UNTANGLE_PROPERTY_RUNS sets how many attribute sets (20000), UNTANGLE_PROPERTY_SEED which ones.

import test from 'ava';
import fc from 'fast-check';
import {loadAddon} from '../../src/runtime/native.js';
import {SCHEDULES} from '../../src/schedule/candidates.js';
import {type ConvCase, RANKED_CASES} from '../schedule/conv-cases.js';
import {checkCase, type Way} from './conv-native.js';

const RUNS = Number(process.env.UNTANGLE_PROPERTY_RUNS ?? 20_000);
const SEED = Number(process.env.UNTANGLE_PROPERTY_SEED ?? 20_241_107);
const SHARDS = 4;

/** 'auto' and 'winograd', which seldom applies, on every instruction set, the other schedules on one each. */
function waysOf(conv: ConvCase, available: readonly string[]): Way[] {
  return SCHEDULES.flatMap((schedule, index): Way[] =>
    schedule === 'auto' || schedule === 'winograd'
      ? available.map(isa => ({schedule, isa}))
      : [{schedule, isa: available[(conv.seed + index) % available.length]!}],
  );
}

for (let shard = 0; shard < SHARDS; shard++) {
  test(`random convolutions equal the definition: every schedule and instruction set (${shard + 1}/${SHARDS})`, async t => {
    t.timeout(600_000);
    const seed = SEED + shard;
    const numRuns = Math.ceil(RUNS / SHARDS);
    const {available} = loadAddon().cpuInfo();
    const seen = new Set<string>();
    t.log(`${numRuns} attribute sets, seed ${seed}`);
    await t.notThrowsAsync(() =>
      fc.assert(
        fc.asyncProperty(RANKED_CASES, async conv => {
          for (const name of await checkCase(conv, waysOf(conv, available))) seen.add(name);
        }),
        {numRuns, seed},
      ),
    );
    t.log(`ran ${[...seen].sort().join(', ')}`);
    for (const isa of available) {
      t.true(seen.has(`cks on ${isa}`), isa);
      // One attribute set in some hundreds is a 3x3 of stride 1.
      if (numRuns >= 1000) t.true(seen.has(`winograd on ${isa}`), isa);
    }
  });
}
