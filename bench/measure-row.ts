// One row with all contenders: load, compare outputs, then rounds of A B C A B C.

import {setTimeout as sleep} from 'node:timers/promises';
import {percentile} from '../src/cli/timing.js';
import {type Contender, isAbsent} from './contenders/contender.js';
import {netMacs} from './models/generators.js';
import {coreWaitMs, waitUntilQuiet} from './noise.js';
import type {Circumstances, Counted, ResultLine, SkipLine} from './results.js';
import {withRatios} from './results.js';
import {layerMacs, type Row} from './shapes.js';
import type {OutputSummary, WorkerProcess} from './worker-process.js';

/** A contender with its process. */
export interface Participant {
  readonly contender: Contender;
  readonly worker: WorkerProcess;
}

export interface RowOptions extends Circumstances {
  readonly row: Row;
  readonly threads: number;
  readonly rounds: number;
}

/** A turn is repeated when its threads waited for a core for more than this part of its time. */
const DIRTY_SHARE = 0.02;
const MAX_REPEATS = 6;
/** A turn takes about as long; with runs of a microsecond it would still end. */
const TURN_MS = 60;
const MAX_RUNS_PER_TURN = 200;
const MIN_RUNS_PER_TURN = 2;
/** Runs longer than this come one to a turn. */
const LONG_RUN_MS = 1000;

/** A participant that has loaded the row. */
interface Entry extends Participant {
  readonly about: ReadonlyMap<string, string>;
  readonly matches: boolean;
  readonly runsPerTurn: number;
  readonly times: number[];
  dirtyTurns: number;
}

/** Lines of all who ran the row and of those who did not. */
export async function measureRow(
  participants: readonly Participant[],
  options: RowOptions,
): Promise<{results: ResultLine[]; skips: SkipLine[]}> {
  const {row, threads, rounds} = options;
  const skips: SkipLine[] = [];
  const entries: Entry[] = [];
  let reference: OutputSummary | null = null;
  for (const participant of participants) {
    const {contender, worker} = participant;
    const task = contender.task(row, threads);
    const skip = (reason: string) =>
      skips.push({kind: 'skip', shape: row.id, contender: contender.name, reason});
    if (isAbsent(task)) {
      skip(task.absent);
      continue;
    }
    try {
      const about = await worker.load(task);
      const [firstMs] = await worker.run(1);
      const output = await worker.output();
      reference ??= output;
      const runsPerTurn = runsFor(Math.min(firstMs!, ...(await worker.run(1))));
      entries.push({
        ...participant,
        about,
        matches: sameOutput(output, reference),
        runsPerTurn,
        times: [],
        dirtyTurns: 0,
      });
    } catch (error) {
      skip((error as Error).message);
    }
  }
  for (const {worker, runsPerTurn} of entries) await worker.run(runsPerTurn);
  for (let round = 0; round < rounds; round++) {
    for (const entry of entries) await takeTurn(entry);
  }
  return {results: withRatios(entries.map(entry => resultLine(entry, options))), skips};
}

/** Runs of a turn, for runs of `ms` milliseconds. */
export function runsFor(ms: number): number {
  if (ms > LONG_RUN_MS) return 1;
  return Math.min(MAX_RUNS_PER_TURN, Math.max(MIN_RUNS_PER_TURN, Math.round(TURN_MS / ms)));
}

/** The least disturbed of a few tries counts. */
async function takeTurn(entry: Entry): Promise<void> {
  const {worker, runsPerTurn} = entry;
  let best: {times: number[]; waitShare: number} | null = null;
  for (let attempt = 0; attempt <= MAX_REPEATS; attempt++) {
    await waitUntilQuiet();
    const before = coreWaitMs(worker.pid);
    const times = await worker.run(runsPerTurn);
    const totalMs = times.reduce((sum, ms) => sum + ms, 0);
    const waitShare = (coreWaitMs(worker.pid) - before) / totalMs;
    if (best === null || waitShare < best.waitShare) best = {times, waitShare};
    if (waitShare <= DIRTY_SHARE) break;
    // Others are at work; their slices are some ten milliseconds long.
    await sleep(10 + 60 * Math.random());
  }
  entry.times.push(...best!.times);
  if (best!.waitShare > DIRTY_SHARE) entry.dirtyTurns++;
}

/** Equal lengths, sums and samples, as far as f32 sums in another order are equal. */
export function sameOutput(output: OutputSummary, reference: OutputSummary): boolean {
  if (output.count !== reference.count) return false;
  const relative = Math.abs(output.sumAbs - reference.sumAbs) / reference.sumAbs;
  let error = 0;
  let energy = 0;
  for (const [index, value] of reference.samples.entries()) {
    error += (output.samples[index]! - value) ** 2;
    energy += value ** 2;
  }
  return relative <= 1e-3 && error <= 1e-6 * energy;
}

function resultLine(entry: Entry, {row, threads, ...rest}: RowOptions): ResultLine {
  const {contender, about, matches, times, dirtyTurns} = entry;
  const {machine, node, commit} = rest;
  const macs = row.kind === 'net' ? netMacs(row) : layerMacs(row);
  return {
    kind: 'result',
    shape: row.id,
    family: row.family,
    contender: contender.name,
    isPeer: contender.isPeer,
    about: describe(about),
    threads,
    msP50: percentile(times, 0.5),
    msP90: percentile(times, 0.9),
    runs: times.length,
    dirtyTurns,
    matches,
    flops: 2 * macs.nominal,
    macsInBounds: macs.inBounds,
    counted: countedOf(about),
    ratioToBestPeer: null,
    machine,
    node,
    commit,
  };
}

const COUNTED = ['macs', 'readBytes', 'writtenBytes', 'arenaPeakBytes'] as const;

function countedOf(about: ReadonlyMap<string, string>): Counted | null {
  if (!about.has('readBytes')) return null;
  return Object.fromEntries(COUNTED.map(key => [key, Number(about.get(key))])) as Record<
    (typeof COUNTED)[number],
    number
  >;
}

/** What a worker says of itself, without the counts. */
function describe(about: ReadonlyMap<string, string>): string {
  return [...about]
    .filter(([key]) => !COUNTED.some(counted => counted === key))
    .map(([, value]) => value)
    .join(' ');
}
