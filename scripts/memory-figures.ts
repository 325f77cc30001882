// How far the memory of models goes down, and what it costs: the table of docs/05-memory.md.
//
// `node dist/scripts/memory-figures.js MODEL.onnx|FOLDER ...`, folders with model.onnx and input_K.pb as the ONNX tests have
// them. Times are the best of some runs, the schedules in turn, in one process.

import {existsSync, readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {compile, open, type Program, type Session, UntangleError} from '../src/index.js';
import {decodeTensor} from '../src/onnx/tensor-file.js';

const THREADS = 2;
const ROUNDS = 21;
const MIB = 2 ** 20;

type Feeds = Record<string, Float32Array>;

interface Model {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly shapes: Record<string, readonly number[]>;
}

function readModel(place: string): Model {
  if (place.endsWith('.onnx'))
    return {name: path.basename(place, '.onnx'), bytes: readFileSync(place), shapes: {}};
  const inputs = readdirSync(place)
    .filter(file => /^input_\d+\.pb$/.test(file))
    .map(file => decodeTensor(readFileSync(path.join(place, file))));
  return {
    name: path.basename(place),
    bytes: readFileSync(path.join(place, 'model.onnx')),
    shapes: Object.fromEntries(inputs.map(({name, dims}) => [name, dims])),
  };
}

/** The program within a budget, null for none. */
function compileWithin({bytes, shapes}: Model, memoryBudgetBytes?: number): Program {
  const session = {threads: THREADS, streamWeights: false};
  return compile(bytes, {shapes, ...session, memoryBudgetBytes});
}

function leastBytes(model: Model): number {
  try {
    compileWithin(model, 1);
  } catch (error) {
    if (error instanceof UntangleError && error.code === 'ERR_BUDGET_EXCEEDED')
      return Number(error.fields.neededBytes);
    throw error;
  }
  throw new Error('one byte was enough');
}

/** Numbers in [0, 1), the same every time. */
function feedsOf(program: Program): Feeds {
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state / 2 ** 31;
  };
  return Object.fromEntries(
    program.explanation.inputs.map(({name, shape}) => [
      name,
      Float32Array.from({length: shape.reduce((a, b) => a * b, 1)}, next),
    ]),
  );
}

async function bestTimes(sessions: readonly Session[], feeds: Feeds): Promise<number[]> {
  const best = sessions.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, session] of sessions.entries()) {
      const start = performance.now();
      await session.run(feeds);
      best[index] = Math.min(best[index]!, performance.now() - start);
    }
  }
  return best;
}

async function row(place: string): Promise<string> {
  const model = readModel(place);
  const free = compileWithin(model);
  const {arenaPeakBytes, totalBytes, macs} = free.explanation.totals;
  const least = leastBytes(model);
  const start = performance.now();
  const smallest = compileWithin(model, least);
  const planMs = performance.now() - start;
  const half = compileWithin(model, Math.max(least, totalBytes - Math.floor(arenaPeakBytes / 2)));
  const sessions = await Promise.all(
    [free, half, smallest].map(program => open(program, {threads: THREADS})),
  );
  const [whole, halved, tight] = (await bestTimes(sessions, feedsOf(free))) as [
    number,
    number,
    number,
  ];
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

const places = process.argv.slice(2);
if (places.length === 0 || !places.every(place => existsSync(place))) {
  console.error('expected: memory-figures.js MODEL.onnx|FOLDER ...');
  process.exit(1);
}
console.log(
  '| model | arena, MiB | smallest | of it | MACs | time | near half | time | planned in, ms |',
);
console.log('|---|---|---|---|---|---|---|---|---|');
for (const place of places) console.log(`| ${await row(place)} |`);
