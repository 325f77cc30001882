// Fuzzes the ONNX reader and everything behind it, or the decoder of program files.
//
//   node dist/scripts/fuzz/fuzz-models.js [--target models|programs] [--runs N] [--seconds N] [--seed N] [--workers N]
//   node dist/scripts/fuzz/fuzz-models.js --replay FILE [--target programs] [--schedule NAME] [--budget BYTES]
//
// Exits with 1 when something was found. Inputs of findings are kept in --out (default out/fuzz).

import {readFileSync} from 'node:fs';
import {parseArgs} from 'node:util';
import {SCHEDULES} from '../../src/schedule/candidates.js';
import {modelCorpus} from './corpus.js';
import {runCase, type Target} from './oracle.js';
import {watch} from './watch.js';

const {values} = parseArgs({
  options: {
    target: {type: 'string', default: 'models'},
    runs: {type: 'string', default: 'Infinity'},
    seconds: {type: 'string', default: '60'},
    seed: {type: 'string', default: '1'},
    workers: {type: 'string', default: '1'},
    out: {type: 'string', default: 'out/fuzz'},
    replay: {type: 'string'},
    schedule: {type: 'string', default: 'auto'},
    budget: {type: 'string'},
  },
});
if (values.target !== 'models' && values.target !== 'programs')
  throw new TypeError(`--target: expected models or programs but received ${values.target}`);

if (values.replay === undefined) await fuzz(values.target);
else await replay(values.target, values.replay);

async function fuzz(target: Target): Promise<void> {
  const {withoutSeed} = modelCorpus();
  if (withoutSeed.length > 0) console.log(`operators that no seed uses: ${withoutSeed.join(', ')}`);
  const start = performance.now();
  const result = await watch({
    target,
    // JSON has no Infinity.
    runs: Math.min(Number(values.runs), Number.MAX_SAFE_INTEGER),
    seconds: Number(values.seconds),
    seed: Number(values.seed),
    workers: Number(values.workers),
    outFolder: values.out,
  });
  const seconds = (performance.now() - start) / 1000;
  console.log(
    `${result.runs} cases of ${target} in ${seconds.toFixed(0)} s (${Math.round(result.runs / seconds)}/s), seed ${values.seed}: ` +
      `${result.outcomes} distinct outcomes, ${result.findings.size} findings`,
  );
  process.exitCode = result.findings.size === 0 ? 0 : 1;
}

async function replay(target: Target, file: string): Promise<void> {
  const start = performance.now();
  const outcome = await runCase(target, {
    bytes: new Uint8Array(readFileSync(file)),
    schedule: SCHEDULES.find(name => name === values.schedule) ?? 'auto',
    memoryBudgetBytes: values.budget === undefined ? undefined : Number(values.budget),
  });
  console.log(`${outcome} (${(performance.now() - start).toFixed(1)} ms)`);
}
