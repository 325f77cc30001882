// How far the memory of models goes down, and what it costs: the table of docs/05-memory.md.
//
// `node dist/scripts/memory-figures.js [--rounds N] MODEL.onnx|FOLDER ...`. Times are the best of some runs, the schedules in
// turn, in one process.

import {parseArgs} from 'node:util';
import {open, type Program} from '../src/index.js';
import {compileFor, feedsFor, leastBytes, readFigureModel, THREADS} from './figure-models.js';
import {timesInTurn} from './time-in-turn.js';

const MIB = 2 ** 20;
/** Of activations: weights stay in memory. */
const HELD = {streamWeights: false};

async function row(place: string, rounds: number): Promise<string> {
  const model = readFigureModel(place);
  const free = compileFor(model, HELD);
  const {arenaPeakBytes, totalBytes, macs} = free.explanation.totals;
  const least = leastBytes(model, HELD);
  const start = performance.now();
  const smallest = compileFor(model, {...HELD, memoryBudgetBytes: least});
  const planMs = performance.now() - start;
  const middle = Math.max(least, totalBytes - Math.floor(arenaPeakBytes / 2));
  const half = compileFor(model, {...HELD, memoryBudgetBytes: middle});
  const sessions = await Promise.all(
    [free, half, smallest].map(program => open(program, {threads: THREADS})),
  );
  const feeds = feedsFor(free.explanation.inputs);
  const times = await timesInTurn(
    sessions.map(session => ({session, feeds})),
    rounds,
  );
  const [whole, halved, tight] = times.map(each => each[0]!) as [number, number, number];
  for (const session of sessions) await session.dispose();
  const arena = ({explanation}: Program) => explanation.totals.arenaPeakBytes;
  return [
    model.name,
    (arenaPeakBytes / MIB).toFixed(2),
    (arena(smallest) / MIB).toFixed(2),
    `${((100 * arena(smallest)) / arenaPeakBytes).toFixed(0)} %`,
    (smallest.explanation.totals.macs / macs).toFixed(2),
    (tight / whole).toFixed(2),
    `${((100 * arena(half)) / arenaPeakBytes).toFixed(0)} %`,
    (halved / whole).toFixed(2),
    planMs.toFixed(0),
  ].join(' | ');
}

const {values, positionals: places} = parseArgs({
  options: {rounds: {type: 'string', default: '21'}},
  allowPositionals: true,
});
const rounds = Number(values.rounds);
if (!(rounds >= 1) || places.length === 0) {
  console.error('expected: memory-figures.js [--rounds N] MODEL.onnx|FOLDER ...');
  process.exit(1);
}
console.log(
  '| model | arena, MiB | smallest | of it | MACs | time | near half | time | planned in, ms |',
);
console.log('|---|---|---|---|---|---|---|---|---|');
for (const place of places) console.log(`| ${await row(place, rounds)} |`);
