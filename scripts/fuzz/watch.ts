// Runs fuzzing processes and watches over them: one that hangs, dies or takes too much memory is a finding.

import {type ChildProcess, fork} from 'node:child_process';
import {createHash} from 'node:crypto';
import {existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {readCase} from './case-file.js';
import type {FuzzCase, Target} from './oracle.js';
import type {FoundCase, WorkerOptions, WorkerReport} from './worker.js';

export interface WatchOptions {
  readonly target: Target;
  readonly seed: number;
  /** Cases of each worker. */
  readonly runs: number;
  readonly seconds: number;
  readonly workers: number;
  /** Where inputs of findings are written. */
  readonly outFolder: string;
}

export interface WatchResult {
  readonly runs: number;
  readonly outcomes: number;
  /** Distinct findings by what went wrong, with the file of the first. */
  readonly findings: ReadonlyMap<string, string>;
}

/** CPU time of one case. */
const HANG_MS = 5000;
const ASLEEP_MS = 120_000;
const TICK_MS = 10;
const POLL_MS = 250;
const MAX_RSS_BYTES = 1.5 * 2 ** 30;
const PAGE_BYTES = 4096;
/** Building the seeds takes a worker this long at most. */
const START_MS = 120_000;
/** After a hang or a crash a worker goes on elsewhere. */
const SEED_STEP = 0x1000_0001;

/** Fuzzes until the workers are done; every finding is saved as a file. */
export async function watch(options: WatchOptions): Promise<WatchResult> {
  mkdirSync(options.outFolder, {recursive: true});
  const findings = new Map<string, string>();
  const end = performance.now() + options.seconds * 1000;
  const results = await Promise.all(
    Array.from({length: options.workers}, (_, index) =>
      watchWorker(index, options, {end, findings}),
    ),
  );
  return {
    runs: results.reduce((sum, {runs}) => sum + runs, 0),
    outcomes: Math.max(0, ...results.map(({outcomes}) => outcomes)),
    findings,
  };
}

interface Shared {
  readonly end: number;
  readonly findings: Map<string, string>;
}

async function watchWorker(
  index: number,
  options: WatchOptions,
  shared: Shared,
): Promise<{runs: number; outcomes: number}> {
  const caseFile = path.join(options.outFolder, `worker-${index}.case`);
  let runs = 0;
  let outcomes = 0;
  for (let attempt = 0; runs < options.runs; attempt++) {
    const seconds = (shared.end - performance.now()) / 1000;
    if (seconds <= 0) break;
    const seed = options.seed + index * 0x0100_0000 + attempt * SEED_STEP;
    const worker: WorkerOptions = {
      target: options.target,
      seed,
      runs: options.runs - runs,
      seconds,
      caseFile,
    };
    const done = await runWorker(worker, finding => save(options, shared, finding));
    runs += Math.max(done.runs, 1);
    outcomes = Math.max(outcomes, done.outcomes);
    if (done.death === null) break;
    const found = readCase(caseFile)?.fuzzCase;
    if (found === undefined) throw new Error(`a worker could not start: ${done.death}`);
    save(options, shared, {problem: done.death, fuzzCase: found});
  }
  return {runs, outcomes};
}

interface Done {
  readonly runs: number;
  readonly outcomes: number;
  /** Why the process ended early; null when it did not. */
  readonly death: string | null;
}

/** A case and what is wrong with it. */
interface Finding {
  readonly problem: string;
  readonly fuzzCase: FuzzCase;
}

function runWorker(options: WorkerOptions, onFinding: (finding: Finding) => void): Promise<Done> {
  const script = path.join(import.meta.dirname, 'worker.js');
  writeFileSync(options.caseFile, '');
  const child = fork(script, [JSON.stringify(options)], {execArgv: ['--max-old-space-size=1024']});
  let last = {runs: 0, outcomes: 0};
  let killed: string | null = null;
  child.on('message', (report: WorkerReport) => {
    last = report;
    const {problem = '', found} = report;
    if (found !== undefined) onFinding({problem, fuzzCase: caseOf(found)});
  });
  const stop = pollWorker(child, options.caseFile, reason => {
    killed = reason;
    child.kill('SIGKILL');
  });
  return new Promise(resolve => {
    child.on('exit', (code, signal) => {
      stop();
      const death =
        code === 0 ? null : (killed ?? `the process died (${signal ?? `exit ${code}`})`);
      resolve({...last, death});
    });
  });
}

function caseOf({base64, ...rest}: FoundCase): FuzzCase {
  return {...rest, memoryBudgetBytes: rest.memoryBudgetBytes, bytes: Buffer.from(base64, 'base64')};
}

/** Calls `onStuck` when the worker stays at one case for too long or holds too much. */
function pollWorker(
  child: ChildProcess,
  caseFile: string,
  onStuck: (reason: string) => void,
): () => void {
  let known = -1;
  let since = {wall: 0, cpu: 0};
  const timer = setInterval(() => {
    const count = readCase(caseFile)?.count ?? 0;
    const now = {wall: performance.now(), cpu: cpuMs(child.pid)};
    if (count !== known) [known, since] = [count, now];
    // On a busy machine a case may wait long for its turn; asleep for that long it is stuck too.
    const isStuck = now.cpu - since.cpu > HANG_MS || now.wall - since.wall > ASLEEP_MS;
    if (count > 0 && isStuck) onStuck(`hang: over ${HANG_MS} ms`);
    else if (now.cpu - since.cpu > START_MS) onStuck(`no first case in ${START_MS} ms`);
    else if (residentBytes(child.pid) > MAX_RSS_BYTES) onStuck('memory: over 1.5 GiB resident');
  }, POLL_MS);
  return () => clearInterval(timer);
}

/** CPU time of a process and its threads, from Linux's table; the wall clock elsewhere. */
function cpuMs(pid: number | undefined): number {
  try {
    // After the name, which may hold anything: state is field 3, user and system ticks are 14 and 15.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return performance.now();
  }
}

function residentBytes(pid: number | undefined): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES;
  } catch {
    return 0;
  }
}

/** Writes the case of a finding that is not known yet. */
function save(
  {target, outFolder}: WatchOptions,
  {findings}: Shared,
  {problem, fuzzCase: {bytes, schedule, memoryBudgetBytes}}: Finding,
): void {
  const key = signature(problem);
  if (findings.has(key)) return;
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
  const file = path.join(outFolder, `${hash}.${target === 'models' ? 'onnx' : 'untp'}`);
  if (!existsSync(file)) writeFileSync(file, bytes);
  findings.set(key, file);
  console.log(
    `finding: ${file} (schedule ${schedule}, budget ${memoryBudgetBytes ?? 'none'})\n${problem}\n`,
  );
}

/** The message without numbers and the innermost places in the code. */
function signature(problem: string): string {
  const [message = '', ...stack] = problem.split('\n');
  const places = stack.filter(line => line.includes('/src/')).slice(0, 2);
  return [message.slice(0, 80).replace(/\d+/g, '#'), ...places].join('\n');
}
