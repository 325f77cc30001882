// Random convolutions on the native executor: every schedule and every instruction set of this machine against the
// definition, exactly (the data are small integers).
//
// UNTANGLE_PROPERTY_RUNS sets how many attribute sets (20000), UNTANGLE_PROPERTY_SEED which ones.

import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import {loadAddon} from '../../src/runtime/native.js';
import {SCHEDULES, type ScheduleName} from '../../src/schedule/candidates.js';
import {schedule} from '../../src/schedule/schedule.js';
import {
  type ConvCase,
  type ConvData,
  dataOf,
  definitionOf,
  graphOf,
  RANKED_CASES,
} from '../schedule/conv-cases.js';
import {encodeSchedule} from '../schedule/lower-run.js';

const RUNS = Number(process.env.UNTANGLE_PROPERTY_RUNS ?? 20_000);
const SEED = Number(process.env.UNTANGLE_PROPERTY_SEED ?? 20_241_107);
const SHARDS = 4;

/** Definition, bias and activation, in NCHW. */
function expectedOf(conv: ConvCase, data: ConvData): number[] {
  const {outChannels, output} = conv.definition;
  const plane = output.reduce((product, size) => product * size, 1);
  return definitionOf(conv, data).map((sum, i) =>
    Math.max(0, sum + data.bias[Math.floor(i / plane) % outChannels]!),
  );
}

async function runNative(
  program: Uint8Array,
  x: Float32Array,
  size: number,
  isa: string,
  threads: number,
) {
  const session = loadAddon().open(program, threads, isa);
  const y = new Float32Array(size).fill(Number.NaN);
  await session.run([x], [y], false);
  session.dispose();
  return y;
}

async function checkCase(conv: ConvCase, seen: Set<string>): Promise<void> {
  const {available} = loadAddon().cpuInfo();
  const data = dataOf(conv);
  const graph = graphOf(conv, data.weights, data.bias);
  const expected = expectedOf(conv, data);
  for (const [index, name] of SCHEDULES.entries()) {
    const planned = schedule(graph, {schedule: name as ScheduleName});
    const program = encodeSchedule(graph, planned);
    for (const isa of name === 'auto'
      ? available
      : [available[(conv.seed + index) % available.length]!]) {
      const threads = 1 + (conv.seed % 2);
      const y = await runNative(program, data.x, expected.length, isa, threads);
      assert.deepEqual(
        Array.from(y, v => v + 0),
        expected,
        `${name} on ${isa}, ${threads} thread(s)`,
      );
      seen.add(`${planned.steps.find(step => step.schedule !== '')?.schedule} on ${isa}`);
    }
  }
}

for (let shard = 0; shard < SHARDS; shard++) {
  test(`random convolutions equal the definition: every schedule and instruction set (${shard + 1}/${SHARDS})`, async t => {
    t.timeout(600_000);
    const seed = SEED + shard;
    const numRuns = Math.ceil(RUNS / SHARDS);
    const seen = new Set<string>();
    t.log(`${numRuns} attribute sets, seed ${seed}`);
    await t.notThrowsAsync(() =>
      fc.assert(
        fc.asyncProperty(RANKED_CASES, conv => checkCase(conv, seen)),
        {numRuns, seed},
      ),
    );
    t.log(`ran ${[...seen].sort().join(', ')}`);
    t.true(
      loadAddon()
        .cpuInfo()
        .available.every(isa => seen.has(`cks on ${isa}`)),
    );
  });
}
