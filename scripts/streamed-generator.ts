// node dist/scripts/streamed-generator.js [BUDGET_MIB]: EB-GAN 256 within a budget, its weights read from the disk in every run.
//
// Each figure comes from a process of its own. The system's cache of the file is emptied by posix_fadvise, as `dd iflag=nocache` asks
// for it; it stays full where the file has not reached the disk, so it is synced first. Ends with status 1 where the picture is
// another one, or the peak is above the budget.

import {execFileSync, spawnSync} from 'node:child_process';
import {
  closeSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import {ebganModel} from '../bench/models/generators.js';
import {model} from '../bench/models/onnx-file.js';
import {compile, load} from '../src/index.js';
import {resident} from './resident.js';

const MIB = 2 ** 20;
const THREADS = 2;
const RUNS = 9;
const CODE = Float32Array.from({length: 100}, (_, i) => Math.sin(i + 1));

/** What a process tells of itself. */
interface Figures {
  /** Milliseconds of the first run, and the median of all. */
  readonly firstMs: number;
  readonly medianMs: number;
  /** Peak of resident memory less that of the process before it loaded the program. */
  readonly peakBytes: number;
  readonly totalBytes: number;
  readonly hash: number;
}

/** FNV-1a of the bits of a picture. */
function hashOf(picture: Float32Array): number {
  let hash = 0x811c9dc5;
  for (const word of new Uint32Array(picture.buffer, picture.byteOffset, picture.length))
    hash = Math.imul(hash ^ word, 0x01000193) >>> 0;
  return hash;
}

async function measure(file: string, small: string, memoryBudgetBytes?: number): Promise<void> {
  // A small program first: what the addon and V8 take once is no part of the figure.
  const idle = await load(small, {threads: THREADS});
  await idle.run({z: CODE.subarray(0, 32)});
  await idle.dispose();
  const before = resident('VmRSS');
  const session = await load(file, {threads: THREADS, memoryBudgetBytes});
  const times: number[] = [];
  let picture = new Float32Array(0);
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now();
    const [output] = Object.values(await session.run({x: CODE}));
    times.push(performance.now() - start);
    picture = output!.data as Float32Array<ArrayBuffer>;
  }
  const figures: Figures = {
    firstMs: times[0]!,
    medianMs: times.toSorted((a, b) => a - b)[RUNS >> 1]!,
    peakBytes: resident('VmHWM') - before,
    totalBytes: session.explain().totals.totalBytes,
    hash: hashOf(picture),
  };
  await session.dispose();
  process.stdout.write(JSON.stringify(figures));
}

function measured(...args: readonly string[]): Figures {
  const text = execFileSync(process.execPath, [import.meta.filename, '--measure', ...args]);
  return JSON.parse(String(text)) as Figures;
}

/** Empties the system's cache of a file. */
function forget(file: string): void {
  spawnSync('dd', [`if=${file}`, 'iflag=nocache', 'count=0'], {stdio: 'ignore'});
}

/** Milliseconds to read a file once. */
function readMs(file: string): number {
  const start = performance.now();
  spawnSync('dd', [`if=${file}`, 'of=/dev/null', 'bs=1M'], {stdio: 'ignore'});
  return performance.now() - start;
}

function write(file: string, bytes: Uint8Array): void {
  writeFileSync(file, bytes);
  const descriptor = openSync(file, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

function report(budgetBytes: number): void {
  const folder = mkdtempSync(path.join(process.cwd(), 'streamed-'));
  const at = (name: string) => path.join(folder, name);
  try {
    const bytes = model(ebganModel());
    const options = {threads: THREADS, exact: true} as const;
    write(at('held'), compile(bytes, {...options, streamWeights: false}).bytes);
    const {bytes: streamed, explanation} = compile(bytes, {
      ...options,
      memoryBudgetBytes: budgetBytes,
    });
    write(at('streamed'), streamed);
    const {streamedBytes = 0} = explanation.totals;
    const small = path.resolve(import.meta.dirname, '..', '..', 'models', 'dcgan-faces.onnx');
    const tiny = at('tiny');
    write(tiny, compile(readFileSync(small), {shapes: {z: [1, 32, 1, 1]}}).bytes);

    const held = measured(at('held'), tiny);
    forget(at('streamed'));
    const coldReadMs = readMs(at('streamed'));
    const warmReadMs = readMs(at('streamed'));
    forget(at('streamed'));
    const cold = measured(at('streamed'), tiny, String(budgetBytes));
    const warm = measured(at('streamed'), tiny, String(budgetBytes));
    const peakBytes = Math.max(cold.peakBytes, warm.peakBytes);
    const isSame = held.hash === cold.hash && held.hash === warm.hash;
    const mib = (count: number) => `${(count / MIB).toFixed(1)} MiB`;
    const ms = (time: number) => `${time.toFixed(0)} ms`;
    console.log(
      [
        `weights read in a run   ${mib(streamedBytes)}`,
        `held, counted           ${mib(warm.totalBytes)} of ${mib(budgetBytes)} (all weights: ${mib(held.totalBytes)})`,
        `peak of resident memory ${mib(peakBytes)} (all weights: ${mib(held.peakBytes)})`,
        `reading the file once   ${ms(coldReadMs)} from the disk, ${ms(warmReadMs)} from the cache`,
        `a run, weights held     ${ms(held.medianMs)}`,
        `a run, streamed         ${ms(cold.firstMs)} from the disk, ${ms(warm.medianMs)} from the cache`,
        `same bits               ${isSame}`,
      ].join('\n'),
    );
    process.exitCode = isSame && peakBytes <= budgetBytes ? 0 : 1;
  } finally {
    rmSync(folder, {recursive: true});
  }
}

const [first, ...rest] = process.argv.slice(2);
if (first === '--measure')
  await measure(rest[0]!, rest[1]!, rest[2] === undefined ? undefined : Number(rest[2]));
else report(Number(first ?? 48) * MIB);
