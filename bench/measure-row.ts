// One row with all contenders: load, compare outputs, then rounds of A B C A B C.

import {setTimeout as sleep} from 'node:timers/promises';
import {percentile} from '../src/cli/timing.js';
import {type Contender, isAbsent, type Task} from './contenders/contender.js';
import {rowMacs} from './models/compile-row.js';
import {coreWaitMs, waitUntilQuiet} from './noise.js';
import {
  type Circumstances,
  type Counted,
  type ResultLine,
  type SkipLine,
  withRatios,
} from './results.js';
import type {Macs, Row} from './shapes.js';
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
  readonly output: OutputSummary;
  readonly matches: boolean;
  readonly runsPerTurn: number;
  readonly times: number[];
  turns: number;
  dirtyTurns: number;
}

/** Lines of all who ran the row and of those who did not. */
export async function measureRow(
  participants: readonly Participant[],
  options: RowOptions,
): Promise<{results: ResultLine[]; skips: SkipLine[]}> {
  const {row, threads, rounds} = options;
  const skips: SkipLine[] = [];
  const skip = ({contender}: Participant, reason: string) =>
    skips.push({kind: 'skip', shape: row.id, contender: contender.name, reason});
  const entries: Entry[] = [];
  for (const participant of participants) {
    const task = participant.contender.task(row, threads);
    if (isAbsent(task)) {
      skip(participant, task.absent);
      continue;
    }
    try {
      entries.push(await loadEntry(participant, task, entries[0]?.output));
    } catch (error) {
      skip(participant, (error as Error).message);
    }
  }

  const failed = new Set<Entry>();
  for (let round = 0; round < rounds; round++) {
    for (const entry of entries.filter(each => !failed.has(each))) {
      try {
        await takeTurn(entry);
      } catch (error) {
        failed.add(entry);
        skip(entry, (error as Error).message);
      }
    }
  }
  const finished = entries.filter(entry => !failed.has(entry));
  // Once a row: those of a trained model are counted by compiling it.
  const macs = rowMacs(row);
  return {results: withRatios(finished.map(entry => resultLine(entry, macs, options))), skips};
}

/** Loads the task, looks at its output and warms up for a turn. */
async function loadEntry(
  participant: Participant,
  task: Task,
  reference: OutputSummary | undefined,
): Promise<Entry> {
  const {worker} = participant;
  const about = await worker.load(task);
  const [firstMs] = await worker.run(1);
  const output = await worker.output();
  const matches = reference === undefined || sameOutput(output, reference);
  const runsPerTurn = runsFor(Math.min(firstMs!, ...(await worker.run(1))));
  await worker.run(runsPerTurn);
  return {
    ...participant,
    about,
    output,
    matches,
    runsPerTurn,
    times: [],
    turns: 0,
    dirtyTurns: 0,
  };
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
  entry.turns++;
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

function resultLine(entry: Entry, macs: Macs, {row, threads, ...rest}: RowOptions): ResultLine {
  const {contender, about, matches, times, turns, dirtyTurns} = entry;
  const {machine, node, commit} = rest;
  return {
    kind: 'result',
    shape: row.id,
    family: row.family,
    contender: contender.name,
    isPeer: contender.isPeer,
    version: about.get('version') ?? '',
    threads,
    msP50: percentile(times, 0.5),
    msP90: percentile(times, 0.9),
    runs: times.length,
    turns,
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
