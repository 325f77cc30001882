// Whether processes keep what budgets promise: resident memory at its peak beside the counted bytes (docs/05-memory.md).
//
// `node dist/scripts/resident-figures.js MODEL.onnx|FOLDER ...`. Each figure comes from a process of its own, which opens a program
// within its budget and runs it three times. What a tiny session leaves behind and the inputs do not count. Ends with
// status 1 where more than the overhead is beside a budget.

import {execFileSync} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {setTimeout} from 'node:timers/promises';
import {load} from '../src/index.js';
import {
  compileFor,
  type FigureModel,
  feedsFor,
  leastBytes,
  readFigureModel,
  THREADS,
} from './figure-models.js';
import {resident} from './resident.js';

const MIB = 2 ** 20;
const BUDGETS = 5;
const RUNS = 3;
/** What docs/05-memory.md declares beside a budget. */
const OVERHEAD_BYTES = 7 * MIB;

const TINY = path.resolve(import.meta.dirname, '..', '..', 'models', 'dcgan-faces.onnx');

async function runFor(file: string, runs: number, memoryBudgetBytes?: number): Promise<number> {
  const session = await load(file, {threads: THREADS, memoryBudgetBytes});
  const feeds = feedsFor(session.inputs);
  for (let run = 0; run < runs; run++) await session.run(feeds);
  await session.dispose();
  return Object.values(feeds).reduce((sum, {byteLength}) => sum + byteLength, 0);
}

/** Prints the bytes that became resident at the peak, without the inputs. */
async function measure(file: string, tiny: string, budgetBytes: number): Promise<void> {
  await runFor(tiny, 1);
  globalThis.gc!();
  await setTimeout(50);
  globalThis.gc!();
  // The peak begins anew.
  writeFileSync('/proc/self/clear_refs', '5');
  const before = resident('VmRSS');
  const inputBytes = await runFor(file, RUNS, budgetBytes);
  process.stdout.write(String(resident('VmHWM') - before - inputBytes));
}

function measured(...args: readonly string[]): number {
  const script = [import.meta.filename, '--measure', ...args];
  return Number(execFileSync(process.execPath, ['--expose-gc', ...script]));
}

/** Bytes beside each of some budgets of a model, from the least to all that it takes. */
function besideBudgets(model: FigureModel, folder: string, tiny: string): number[] {
  const least = leastBytes(model);
  const most = compileFor(model).explanation.totals.totalBytes;
  const beside: number[] = [];
  for (let index = 0; index < BUDGETS; index++) {
    const budget = Math.round(least + ((most - least) * index) / (BUDGETS - 1));
    const file = path.join(folder, 'budget.untp');
    writeFileSync(file, compileFor(model, {memoryBudgetBytes: budget}).bytes);
    beside.push(measured(file, tiny, String(budget)) - budget);
  }
  return beside;
}

function report(places: readonly string[]): void {
  const folder = mkdtempSync(path.join(tmpdir(), 'untangle-resident-'));
  let worst = Number.NEGATIVE_INFINITY;
  try {
    const tiny = path.join(folder, 'tiny.untp');
    writeFileSync(tiny, compileFor(readFigureModel(TINY), {shapes: {z: [1, 32, 1, 1]}}).bytes);
    console.log('| model | MiB beside five budgets, from the least to all |');
    console.log('|---|---|');
    for (const place of places) {
      const model = readFigureModel(place);
      const beside = besideBudgets(model, folder, tiny);
      console.log(
        `| ${model.name} | ${beside.map(bytes => (bytes / MIB).toFixed(1)).join(', ')} |`,
      );
      worst = Math.max(worst, ...beside);
    }
  } finally {
    rmSync(folder, {recursive: true});
  }
  const isKept = worst <= OVERHEAD_BYTES;
  console.log(`at most ${(worst / MIB).toFixed(1)} MiB, ${OVERHEAD_BYTES / MIB} declared`);
  process.exitCode = isKept ? 0 : 1;
}

const [first, ...rest] = process.argv.slice(2);
if (first === '--measure') await measure(rest[0]!, rest[1]!, Number(rest[2]));
else if (first === undefined) {
  console.error('expected: resident-figures.js MODEL.onnx|FOLDER ...');
  process.exitCode = 1;
} else report([first, ...rest]);
