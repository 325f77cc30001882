// Predicted bytes from memory and from the second level, beside what cachegrind counts for the same programs.
//
//   cmake -S . -B build-run -DUNTANGLE_CUDA=off && cmake --build build-run --target untangle_run
//   node dist/scripts/cachegrind-traffic.js [--board NAME|FILE] [--rows REGEX] [--schedules LIST] [--runner FILE] [--markdown]
//
// Programs run on one thread of a simulated machine with the board's first and last cache. What loading costs falls out: the
// misses of one run are taken from those of three. Ends with status 1 where a prediction is more than a quarter off, or two
// schedules of a layer that differ by more than that come in another order.

import {spawn} from 'node:child_process';
import {existsSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {availableParallelism, tmpdir} from 'node:os';
import path from 'node:path';
import {parseArgs} from 'node:util';
import {compileRow} from '../bench/models/compile-row.js';
import {type Layer, readRows} from '../bench/shapes.js';
import {type Board, type BoardCache, readBoard, type ScheduleName} from '../src/index.js';

const TOLERANCE = 0.25;
/** Fewer misses are noise: stacks, tables, the runner itself. */
const LEAST_BYTES = 2 ** 16;

const {values} = parseArgs({
  options: {
    board: {type: 'string', default: 'jetson-nano'},
    runner: {type: 'string', default: 'build-run/untangle_run'},
    rows: {
      type: 'string',
      default: '^(dcgan_k4_2|dcgan_k4_3|fcn_k4s2|odd_k3s2|odd_rect|pix2pix_1|s3_k5|unet_k2s2)$',
    },
    schedules: {type: 'string', default: 'fused-taps,huge2,winograd'},
    markdown: {type: 'boolean', default: false},
  },
});

interface Case {
  readonly row: Layer;
  readonly schedule: ScheduleName;
}

/** Bytes that come from behind the first, and behind the last cache. */
interface Fetched {
  readonly first: number;
  readonly last: number;
}

interface Result extends Case {
  readonly predicted: Fetched;
  readonly counted: Fetched;
}

/** A program's bytes, as predicted: what cachegrind cannot know of, stores past the caches, counts as fetched. */
function predict(
  commands: NonNullable<ReturnType<typeof compileRow>>['explanation']['commands'],
): Fetched {
  const sum = (level: 0 | -1) =>
    commands.reduce((total, {levels = []}) => {
      const {readBytes = 0, streamedBytes = 0} = levels.at(level) ?? {};
      return total + readBytes + streamedBytes;
    }, 0);
  return {first: sum(0), last: sum(-1)};
}

/** Misses of a whole process, as bytes. */
async function simulate(program: string, runs: number, board: Board): Promise<Fetched> {
  const cache = ({bytes, ways, lineBytes}: BoardCache) => `${bytes},${ways},${lineBytes}`;
  const [first, last] = [board.caches[0]!, board.caches.at(-1)!];
  const child = spawn(
    'valgrind',
    [
      '--tool=cachegrind',
      '--cache-sim=yes',
      `--I1=${cache(first)}`,
      `--D1=${cache(first)}`,
      `--LL=${cache(last)}`,
      '--cachegrind-out-file=/dev/null',
      values.runner,
      program,
      '--threads',
      '1',
      '--runs',
      String(runs),
    ],
    {stdio: ['ignore', 'ignore', 'pipe']},
  );
  let text = '';
  child.stderr.on('data', chunk => {
    text += chunk;
  });
  const code = await new Promise(resolve => child.on('close', resolve));
  const misses = (name: string) =>
    Number(new RegExp(`${name} *misses: *([\\d,]+)`).exec(text)?.[1]?.replaceAll(',', ''));
  const [d1, ll] = [misses('D1'), misses('LLd')];
  if (code !== 0 || Number.isNaN(d1 + ll)) throw new Error(`valgrind failed: ${text.slice(-500)}`);
  return {first: d1 * first.lineBytes, last: ll * last.lineBytes};
}

async function measure(
  {row, schedule}: Case,
  board: Board,
  folder: string,
): Promise<Result | null> {
  const program = compileRow(row, {board, schedule, threads: 1})!;
  const {commands} = program.explanation;
  if (!commands.some(command => command.schedule === schedule)) return null;
  const file = path.join(folder, `${row.id}-${schedule}.untp`);
  writeFileSync(file, program.bytes);
  const [one, three] = [await simulate(file, 1, board), await simulate(file, 3, board)];
  rmSync(file);
  const counted = {first: (three.first - one.first) / 2, last: (three.last - one.last) / 2};
  return {row, schedule, predicted: predict(commands), counted};
}

/** Whether a prediction is close enough to what was counted. */
function isClose(predicted: number, counted: number): boolean {
  const most = Math.max(predicted, counted);
  return most < LEAST_BYTES || Math.abs(predicted - counted) <= TOLERANCE * counted;
}

/** Pairs of schedules of one layer whose order is another one; near ties have none. */
function disorders(results: readonly Result[]): string[] {
  return results.flatMap((one, index) =>
    results.slice(index + 1).flatMap(other => {
      const [a, b] = [one.counted.last, other.counted.last];
      const isTie = one.row !== other.row || Math.abs(a - b) <= TOLERANCE * Math.max(a, b);
      const isSame = a < b === one.predicted.last < other.predicted.last;
      return isTie || isSame ? [] : [`${one.row.id}: ${one.schedule} and ${other.schedule}`];
    }),
  );
}

function format({row, schedule, predicted, counted}: Result): string {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(2);
  const off = (of: keyof Fetched) =>
    Math.max(predicted[of], counted[of]) < LEAST_BYTES
      ? '–'
      : `${((predicted[of] / counted[of] - 1) * 100).toFixed(0)} %`;
  const cells = [
    row.id,
    schedule,
    megabytes(predicted.last),
    megabytes(counted.last),
    off('last'),
    megabytes(predicted.first),
    megabytes(counted.first),
    off('first'),
  ];
  return values.markdown
    ? `| ${cells.join(' | ')} |`
    : cells.map((cell, i) => cell.padEnd(i < 2 ? 14 : 9)).join(' ');
}

if (!existsSync(values.runner))
  throw new Error(`${values.runner} is not built; see the head of this script`);
// valgrind runs AVX2 at best; the program is the same.
const board: Board = {...(await readBoard(values.board)), instructionSets: ['avx2']};
const pattern = new RegExp(values.rows);
const schedules = values.schedules.split(',') as ScheduleName[];
const rows = readRows().filter((row): row is Layer => row.kind === 'layer' && pattern.test(row.id));
const cases = rows.flatMap(row => schedules.map(schedule => ({row, schedule})));
const folder = mkdtempSync(path.join(tmpdir(), 'untangle-cachegrind-'));
const results: Result[] = [];
const queue = cases[Symbol.iterator]();
const worker = async () => {
  for (const one of queue) {
    const result = await measure(one, board, folder);
    if (result === null) continue;
    results.push(result);
    console.log(format(result));
  }
};
try {
  await Promise.all(Array.from({length: Math.min(2, availableParallelism())}, worker));
} finally {
  rmSync(folder, {recursive: true});
}
const wrong = results.filter(({predicted, counted}) => !isClose(predicted.last, counted.last));
const swapped = disorders(results);
console.log(
  `${results.length} programs, ${wrong.length} more than ${TOLERANCE * 100} % off; in another order: ${swapped.join(', ') || 'none'}`,
);
if (wrong.length + swapped.length > 0) process.exitCode = 1;
