// npm run bench: rows of real networks, ours beside other runtimes, one JSON line per result.
//
//   node dist/bench/run.js --quick
//   node dist/bench/run.js --rows '^aspp' --contenders ours,methods --threads 1
//
// `node dist/bench/report.js out/bench/*.jsonl` makes the page of them.

import {appendFileSync, mkdirSync} from 'node:fs';
import path from 'node:path';
import {isAbsent} from './contenders/contender.js';
import {countInstructions} from './instructions.js';
import {describeCircumstances} from './machine.js';
import {measureRow, type Participant} from './measure-row.js';
import {type BenchOptions, HELP, parseOptions, UsageError} from './options.js';
import type {Circumstances, Line, ResultLine, SkipLine} from './results.js';
import {type Row, readQuickIds, readRows} from './shapes.js';
import {WorkerProcess} from './worker-process.js';

/** @throws UsageError when no row is left. */
function selectRows({isQuick, rows, kinds}: BenchOptions): Row[] {
  const quickIds = readQuickIds();
  const selected = readRows().filter(
    ({id, kind}) => rows.test(id) && kinds.has(kind) && (!isQuick || quickIds.has(id)),
  );
  if (selected.length === 0) throw new UsageError('no row is left; see bench/shapes for their ids');
  return selected;
}

async function bench(options: BenchOptions): Promise<void> {
  const rows = selectRows(options);
  mkdirSync(path.dirname(path.resolve(options.outFile)), {recursive: true});
  const write = (lines: readonly Line[]): void =>
    appendFileSync(options.outFile, lines.map(line => `${JSON.stringify(line)}\n`).join(''));
  const circumstances = describeCircumstances(options.threads);
  const {machine, commit} = circumstances;
  console.log(`${machine.processor}, ${machine.isa}, commit ${commit}`);
  for (const {threads, gflops, readGbs} of machine.peaks)
    console.log(
      `${threads} thread(s): ${gflops.toFixed(0)} GFLOP/s, ${readGbs.toFixed(0)} GB/s read`,
    );
  if (options.countsInstructions) countInstructions(rows, {circumstances, write});
  else await measureAll(rows, options, {circumstances, write});
  console.log(`written: ${options.outFile}`);
}

async function measureAll(
  rows: readonly Row[],
  options: BenchOptions,
  {circumstances, write}: {circumstances: Circumstances; write(lines: readonly Line[]): void},
): Promise<void> {
  for (const threads of options.threads) {
    const {participants, skips} = startAll(options, threads);
    write(skips);
    try {
      for (const row of rows) {
        const {rounds} = options;
        const lines = await measureRow(participants, {row, threads, rounds, ...circumstances});
        write([...lines.results, ...lines.skips]);
        console.log(formatRow(row, threads, lines));
      }
    } finally {
      await Promise.all(participants.map(({worker}) => worker.close()));
    }
  }
}

function startAll(
  {contenders}: BenchOptions,
  threads: number,
): {participants: Participant[]; skips: SkipLine[]} {
  const participants: Participant[] = [];
  const skips: SkipLine[] = [];
  for (const contender of contenders) {
    const found = contender.find(threads);
    if (!isAbsent(found)) {
      participants.push({contender, worker: new WorkerProcess(found)});
      continue;
    }
    skips.push({kind: 'skip', shape: '*', contender: contender.name, reason: found.absent});
    console.log(`skipped: ${contender.name}, ${found.absent}`);
  }
  return {participants, skips};
}

function formatRow(
  {id}: Row,
  threads: number,
  {results, skips}: {results: readonly ResultLine[]; skips: readonly SkipLine[]},
): string {
  const cells = results.map(({contender, msP50, matches, dirtyTurns}) => {
    const notes = `${matches ? '' : ' OTHER OUTPUT'}${dirtyTurns > 0 ? ` (${dirtyTurns} dirty)` : ''}`;
    return `${contender} ${msP50.toPrecision(3)}${notes}`;
  });
  const missing = skips.map(({contender, reason}) => `${contender} – (${reason})`);
  return `${id.padEnd(14)} ${threads}T  ${[...cells, ...missing].join('  ')}`;
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') console.log(HELP);
  else await bench(options);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}
