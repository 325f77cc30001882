// The loop of a fuzzing process: mutate a seed, run it, keep what was new.
//
// Everything that hangs or ends the process is left to the parent, which reads the case from a file.

import {cpuUsage, resourceUsage} from 'node:process';
import {CaseWriter} from './case-file.js';
import {modelCorpus, programCorpus} from './corpus.js';
import {makeCase} from './make-case.js';
import {type FuzzCase, runCase, type Target} from './oracle.js';
import {Random} from './random.js';

/** What the parent asks for, as JSON in the first argument. */
export interface WorkerOptions {
  readonly target: Target;
  readonly seed: number;
  readonly runs: number;
  readonly seconds: number;
  readonly caseFile: string;
}

/** What a worker tells while it runs and when it is done. */
export interface WorkerReport {
  readonly kind: 'finding' | 'progress';
  /** Cases done so far. */
  readonly runs: number;
  readonly outcomes: number;
  /** Of a finding. */
  readonly problem?: string;
  readonly found?: FoundCase;
}

/** A case as a message. */
export interface FoundCase extends Omit<FuzzCase, 'bytes'> {
  readonly base64: string;
}

/** CPU time and growth of the peak that refusing a file may cost. */
const REFUSAL_MS = 1000;
const REFUSAL_BYTES = 64 * 2 ** 20;
/** Asking for the peak costs more than most cases; filling much memory takes at least this long. */
const MEMORY_MS = 20;
const MAX_POOL = 4000;
let knownPeak = 0;
const PROGRAM_BYTES = 16 * 1024;

async function main(options: WorkerOptions): Promise<void> {
  const seeds = options.target === 'models' ? modelCorpus().seeds : programCorpus(PROGRAM_BYTES);
  const pool = seeds.map(({bytes}) => bytes);
  const outcomes = new Set<string>();
  const writer = new CaseWriter(options.caseFile);
  const end = performance.now() + options.seconds * 1000;
  knownPeak = resourceUsage().maxRSS * 1024;
  let runs = 0;
  const report = (kind: WorkerReport['kind'], more: Partial<WorkerReport> = {}): void => {
    process.send?.({kind, runs, outcomes: outcomes.size, ...more} satisfies WorkerReport);
  };

  for (; runs < options.runs && performance.now() < end; runs++) {
    const random = new Random(options.seed + runs);
    const fuzzCase = makeCase(random, options.target, pool);
    writer.begin(fuzzCase);
    const {outcome, problem} = await judge(options.target, fuzzCase);
    if (problem !== null) report('finding', {problem, found: messageOf(fuzzCase)});
    // What was new is mutated further, but the seeds stay the larger part.
    else if (!outcomes.has(outcome) && pool.length < MAX_POOL) pool.push(fuzzCase.bytes);
    outcomes.add(outcome);
    if (runs % 1000 === 0) report('progress');
  }
  report('progress');
  writer.close();
}

function messageOf({bytes, ...rest}: FuzzCase): FoundCase {
  return {...rest, base64: Buffer.from(bytes).toString('base64')};
}

async function judge(
  target: Target,
  fuzzCase: FuzzCase,
): Promise<{readonly outcome: string; readonly problem: string | null}> {
  const start = cpuUsage();
  let outcome = '';
  try {
    outcome = await runCase(target, fuzzCase);
  } catch (error) {
    return {outcome, problem: (error instanceof Error && error.stack) || String(error)};
  }
  const {user, system} = cpuUsage(start);
  const ms = (user + system) / 1000;
  if (ms < MEMORY_MS) return {outcome, problem: null};
  const peak = resourceUsage().maxRSS * 1024;
  const growth = peak - knownPeak;
  knownPeak = peak;
  // What is accepted may be large; its time is bounded by the parent.
  if (!outcome.startsWith('ERR_')) return {outcome, problem: null};
  if (ms > REFUSAL_MS) return {outcome, problem: `slow: ${Math.round(ms)} ms, ${outcome}`};
  if (growth <= REFUSAL_BYTES) return {outcome, problem: null};
  return {
    outcome,
    problem: `memory: peak grew by ${Math.round(growth / 2 ** 20)} MiB, ${outcome}`,
  };
}

await main(JSON.parse(process.argv[2] ?? '{}') as WorkerOptions);
