// What refusing a hostile file costs: peak memory and CPU time of each of many refused models and programs.
//
//   node dist/scripts/fuzz/measure-rejections.js [--count 10000] [--seed N]
//
// Measured is, for every case: the growth of the process's peak resident memory (getrusage maxRSS, after against before)
// and the CPU time (user and system) of compile or decodeProgram. The process starts anew for every 500 cases and,
// before the first, refuses 50 others, so that compiled code and pools are there; memory that V8 keeps from the
// cases before counts as theirs. Where util-linux's prlimit is there, each case also runs under an RLIMIT_AS of 64 MiB
// beyond what the process had mapped before it: one that asks for more ends the measurement. Exits with 1 when one case
// costs more than 64 MiB or 1 s.

import {execFileSync, fork, spawnSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {cpuUsage, resourceUsage} from 'node:process';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';
import {UntangleError} from '../../src/errors.js';
import {modelCorpus, programCorpus} from './corpus.js';
import {makeCase} from './make-case.js';
import {type FuzzCase, judgeBytes, type Target} from './oracle.js';
import {Random} from './random.js';

const MAX_BYTES = 64 * 2 ** 20;
const MAX_MS = 1000;
const BATCH = 500;
const WARM_UP = 50;
const PAGE_BYTES = 4096;
const HAS_PRLIMIT = spawnSync('prlimit', ['--version']).status === 0;

interface Cost {
  readonly target: Target;
  readonly number: number;
  readonly error: string;
  readonly bytes: number;
  readonly ms: number;
}

const batch = process.env.UNTANGLE_FUZZ_BATCH;
if (batch === undefined) await measureAll();
else measureBatch(JSON.parse(batch) as Batch);

interface Batch {
  readonly target: Target;
  readonly seed: number;
  readonly count: number;
}

async function measureAll(): Promise<void> {
  const {values} = parseArgs({
    options: {count: {type: 'string', default: '10000'}, seed: {type: 'string', default: '1'}},
  });
  const costs: Cost[] = [];
  for (const target of ['models', 'programs'] as const) {
    const count = Math.ceil(Number(values.count) / 2);
    for (let done = 0; done < count; ) {
      const seed = Number(values.seed) * 0x10000 + done;
      const measured = await runBatch({target, seed, count: Math.min(BATCH, count - done)});
      costs.push(...measured);
      done += measured.length;
    }
  }
  report(costs);
}

function runBatch(options: Batch): Promise<Cost[]> {
  const env = {...process.env, UNTANGLE_FUZZ_BATCH: JSON.stringify(options)};
  const child = fork(fileURLToPath(import.meta.url), [], {env});
  return new Promise((resolve, reject) => {
    let costs: Cost[] | null = null;
    child.on('message', message => {
      costs = message as Cost[];
    });
    child.on('exit', code => {
      if (costs === null)
        reject(new Error(`a batch ended with ${code}: ${JSON.stringify(options)}`));
      else resolve(costs);
    });
  });
}

function measureBatch({target, seed, count}: Batch): void {
  const seeds = target === 'models' ? modelCorpus().seeds : programCorpus(16 * 1024);
  const pool = seeds.map(({bytes}) => bytes);
  const costs: Cost[] = [];
  let refused = -WARM_UP;
  for (let number = 0; refused < count; number++) {
    const fuzzCase = makeCase(new Random(seed * 0x1000 + number), target, pool);
    const cost = measure(target, number, fuzzCase);
    if (cost === null) continue;
    if (refused++ >= 0) costs.push(cost);
  }
  process.send?.(costs);
}

/** Lets the process map MAX_BYTES more than it has. */
function limitAddressSpace(): void {
  const pages = Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[0]);
  const soft = pages * PAGE_BYTES + MAX_BYTES;
  execFileSync('prlimit', ['--pid', String(process.pid), `--as=${soft}:`]);
}

/** The cost of one case; null when it is not refused. */
function measure(target: Target, number: number, fuzzCase: FuzzCase): Cost | null {
  if (HAS_PRLIMIT) limitAddressSpace();
  const peak = resourceUsage().maxRSS;
  const start = cpuUsage();
  let error: string | null = null;
  try {
    judgeBytes(target, fuzzCase);
  } catch (thrown) {
    if (!(thrown instanceof UntangleError)) throw thrown;
    error = thrown.message.slice(0, 120);
  }
  const {user, system} = cpuUsage(start);
  const bytes = (resourceUsage().maxRSS - peak) * 1024;
  return error === null ? null : {target, number, error, bytes, ms: (user + system) / 1000};
}

function report(costs: readonly Cost[]): void {
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const show = ({target, error, bytes, ms}: Cost): string =>
    `  ${mib(bytes)}, ${ms.toFixed(1)} ms: ${target}, ${error}`;
  const byBytes = costs.toSorted((a, b) => b.bytes - a.bytes);
  const byTime = costs.toSorted((a, b) => b.ms - a.ms);
  const limited = HAS_PRLIMIT
    ? `RLIMIT_AS ${mib(MAX_BYTES)} above each`
    : 'no prlimit, no RLIMIT_AS';
  console.log(`${costs.length} refused files (${limited})`);
  console.log(`most memory:\n${byBytes.slice(0, 3).map(show).join('\n')}`);
  console.log(`longest:\n${byTime.slice(0, 3).map(show).join('\n')}`);
  const middle = byTime[Math.floor(byTime.length / 2)];
  console.log(`median time ${middle?.ms.toFixed(2)} ms`);
  const worse = costs.filter(({bytes, ms}) => bytes > MAX_BYTES || ms > MAX_MS);
  if (worse.length > 0) {
    console.error(`${worse.length} cost more than ${mib(MAX_BYTES)} or ${MAX_MS} ms`);
    process.exitCode = 1;
  }
}
