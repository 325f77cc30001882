// Counted instructions: a second figure beside time that no neighbour on the machine can move.
//
// A native worker runs a compiled program once and twice on one thread; the difference is one run without loading. `perf`
// counts where the machine lets it, else valgrind, which has no AVX-512: then the program runs with AVX2.

import {spawnSync} from 'node:child_process';
import {mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {cpuInfo} from '../src/index.js';
import {compileWorker} from './contenders/compile-worker.js';
import {isAbsent} from './contenders/contender.js';
import {OUT} from './folders.js';
import {compileRow, rowMacs} from './models/compile-row.js';
import type {Circumstances, Line} from './results.js';
import type {Row} from './shapes.js';

/** A way of counting the user-mode instructions of a command. */
interface Counter {
  readonly tool: string;
  readonly isa: string;
  /** Command that counts, before the command to be counted. */
  readonly prefix: readonly [string, ...string[]];
  /** Where the number stands in what it writes to stderr; group 1. */
  readonly pattern: RegExp;
}

const PERF: Omit<Counter, 'isa'> = {
  tool: 'perf stat -e instructions:u',
  prefix: ['perf', 'stat', '-x', ',', '-e', 'instructions:u'],
  pattern: /^(\d+),.*instructions:u/m,
};
const CALLGRIND: Omit<Counter, 'isa'> = {
  tool: 'valgrind --tool=callgrind',
  prefix: ['valgrind', '--tool=callgrind', '--callgrind-out-file=/dev/null'],
  pattern: /Collected\s*:\s*(\d+)/,
};
const WITHOUT_AVX512 = 'avx2';

const PROGRAMS = path.join(OUT, 'programs');
const CORE = 'build/libuntangle_core.a';

/** Counts our own runtime on every row, or says what is missing for it. */
export function countInstructions(
  rows: readonly Row[],
  {circumstances, write}: {circumstances: Circumstances; write(lines: readonly Line[]): void},
): void {
  const setup = findSetup();
  if (typeof setup === 'string') {
    console.log(`skipped: instructions, ${setup}`);
    write([{kind: 'skip', shape: '*', contender: 'instructions', reason: setup}]);
    return;
  }
  const {counter, worker} = setup;
  console.log(`instructions of one run on one thread, ${counter.isa}, by ${counter.tool}`);
  for (const row of rows) {
    const instructions = countRow(row, counter, worker);
    if (instructions === null) continue;
    const macs = rowMacs(row);
    const {tool, isa} = counter;
    const {id: shape, family} = row;
    const macsInBounds = macs.inBounds;
    write([
      {
        kind: 'instructions',
        shape,
        family,
        isa,
        tool,
        instructions,
        macsInBounds,
        ...circumstances,
      },
    ]);
    const perMac = (instructions / macs.inBounds).toFixed(4);
    console.log(`${row.id.padEnd(14)} ${instructions} instructions, ${perMac} a MAC in bounds`);
  }
}

/** What to count with and the program that is counted, or why there is none. */
function findSetup(): {counter: Counter; worker: string} | string {
  const {isa, available} = cpuInfo();
  const counter = [
    {...PERF, isa},
    {...CALLGRIND, isa: available.includes(WITHOUT_AVX512) ? WITHOUT_AVX512 : isa},
  ].find(each => count(each, ['true']) !== null);
  if (counter === undefined) return `neither "${PERF.tool}" nor "${CALLGRIND.tool}" works here`;
  const worker = compileWorker({
    name: 'run_program',
    files: ['bench/workers/run_program.cc', 'native/addon/session_state.cc', CORE],
    link: [CORE, '-lpthread'],
  });
  return isAbsent(worker) ? worker.absent : {counter, worker: worker.file};
}

/** Null for a model that is not on this machine. */
function countRow(row: Row, counter: Counter, worker: string): number | null {
  const program = compileRow(row, {threads: 1});
  if (program === null) return null;
  mkdirSync(PROGRAMS, {recursive: true});
  const file = path.join(PROGRAMS, `${row.id}.untp`);
  writeFileSync(file, program.bytes);
  const [once, twice] = [1, 2].map(runs => count(counter, [worker, file, String(runs)]));
  if (typeof once !== 'number' || typeof twice !== 'number')
    throw new Error(`${counter.tool} counted nothing for ${row.id}`);
  return twice - once;
}

/** Instructions of `command`; null when it or the counter fails. */
function count({prefix, pattern, isa}: Counter, command: readonly string[]): number | null {
  const [file, ...args] = prefix;
  const {status, stderr} = spawnSync(file, [...args, ...command], {
    encoding: 'utf8',
    env: {...process.env, UNTANGLE_ISA: isa},
  });
  const found = status === 0 ? pattern.exec(stderr) : null;
  return found === null ? null : Number(found[1]);
}
