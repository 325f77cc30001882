// Random convolutions over one, two and three axes on the GPU: every schedule against the definition, exactly.
//
// UNTANGLE_PROPERTY_RUNS sets how many attribute sets (2100), UNTANGLE_PROPERTY_SEED which ones.

import fc from 'fast-check';
import {SCHEDULES} from '../../src/schedule/candidates.js';
import {PRECISIONS} from '../../src/schedule/device.js';
import {DRIVER, gpuTest} from '../helpers/gpu.js';
import {checkCase} from '../runtime/conv-native.js';
import {type ConvCase, RANKED_CASES} from '../schedule/conv-cases.js';

const RUNS = Math.min(2100, Number(process.env.UNTANGLE_PROPERTY_RUNS ?? 2100));
const SEED = Number(process.env.UNTANGLE_PROPERTY_SEED ?? 20_241_107);

/** Forms of the CPU: compiled for a GPU they give way to others, and GPUs run programs of the CPU. */
const OF_CPU = ['planar', 'winograd'] as const;
const ON_GPU = SCHEDULES.filter(schedule => schedule !== 'planar' && schedule !== 'winograd');

gpuTest('random convolutions equal the definition on the GPU: every schedule', async t => {
  t.timeout(600_000);
  const seen = new Set<string>();
  t.log(`${RUNS} attribute sets, seed ${SEED}`);
  const gpu = {isa: '', driver: DRIVER};
  const waysOf = ({seed}: ConvCase) => [
    ...ON_GPU.map(schedule => ({schedule, ...gpu})),
    ...OF_CPU.map(schedule => ({schedule, compiledFor: 'cpu' as const, ...gpu})),
    // Small integers are exact in every precision; they take turns.
    {schedule: 'uks' as const, precision: PRECISIONS[seed % PRECISIONS.length]!, ...gpu},
  ];
  await t.notThrowsAsync(() =>
    fc.assert(
      fc.asyncProperty(RANKED_CASES, async conv => {
        for (const name of await checkCase(conv, waysOf(conv))) seen.add(name);
      }),
      {numRuns: RUNS, seed: SEED},
    ),
  );
  t.log(`ran ${[...seen].sort().join(', ')}`);
  for (const schedule of SCHEDULES.filter(name => name !== 'auto'))
    t.true(seen.has(`${schedule} on the GPU`), schedule);
});
