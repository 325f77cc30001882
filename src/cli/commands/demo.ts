// untangle demo: draws pictures with the generators in models/ and says what it took.

import {mkdir, readdir} from 'node:fs/promises';
import {basename, join} from 'node:path';
import type {Command} from 'commander';
import {UntangleError} from '../../errors.js';
import {cpuInfo, type TensorOutput} from '../../index.js';
import type {Session} from '../../runtime/session.js';
import {oneHot, sampleLatents, walkLatents} from '../latents.js';
import {openModelFile, openSession} from '../model-file.js';
import {addOptions, type CliOptions} from '../options.js';
import {writeOutput} from '../outputs.js';
import {packageFile} from '../package-root.js';
import {type Progress, print, startProgress} from '../report.js';
import {formatBytes, formatMs} from '../sizes.js';
import {elementCount} from '../tensor.js';
import {percentile} from '../timing.js';
import {describeLess, trafficBytes} from '../traffic.js';

const ROWS = 8;
const COLUMNS = 8;
const SEED = 2024;

export function addDemoCommand(program: Command): void {
  const command = program
    .command('demo')
    .description(
      'draw 64 pictures and a walk through the latent space with each generator in models/',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  untangle demo\n  untangle demo --out pictures --threads 1',
    )
    .action(demoCommand);
  addOptions(command, 'out', 'threads');
}

async function demoCommand(options: CliOptions): Promise<void> {
  const paths = await findGenerators();
  try {
    await mkdir(options.out, {recursive: true});
  } catch (error) {
    throw new UntangleError('ERR_FILE_WRITE', [
      options.out,
      (error as NodeJS.ErrnoException).code ?? String(error),
    ]);
  }
  for (const path of paths) await drawWith(path, options);
}

async function findGenerators(): Promise<string[]> {
  const folder = packageFile('models');
  const names = await readdir(folder).catch((): string[] => []);
  const paths = names
    .filter(name => /^(dcgan|vae)-.*\.onnx$/.test(name))
    .sort()
    .map(name => join(folder, name));
  if (paths.length === 0)
    throw new UntangleError('ERR_FILE_NOT_FOUND', [join(folder, 'dcgan-*.onnx, vae-*.onnx')]);
  return paths;
}

async function drawWith(path: string, options: CliOptions): Promise<void> {
  const name = basename(path, '.onnx');
  const file = await openModelFile(path, options, new Map(), {isQuiet: true});
  await using session = await openSession(file);
  const progress = startProgress(name, 2 * ROWS * COLUMNS);
  const latentSize = elementCount(session.inputs[0]!.shape);
  const times: number[] = [];
  const samples = sampleLatents(ROWS * COLUMNS, latentSize, SEED);
  const walk = walkLatents(ROWS, COLUMNS, latentSize, SEED + 1);
  // Labelled generators: the sheet counts through the labels, the walk keeps one per row.
  const sheet = await drawAll(session, samples, index => index, times, progress);
  const frames = await drawAll(
    session,
    walk,
    index => Math.floor(index / COLUMNS),
    times,
    progress,
  );
  progress.stop();

  print(name);
  const {name: output} = session.outputs[0]!;
  print(
    `  sheet     ${await writeOutput(output, join(options.out, `${name}-sheet.png`), sheet, null)}`,
  );
  print(
    `  walk      ${await writeOutput(output, join(options.out, `${name}-walk.png`), frames, null)}`,
  );
  for (const line of summary(session, times)) print(`  ${line}`);
}

/** One run per latent; the pictures of all runs as one batch. */
async function drawAll(
  session: Session,
  latents: readonly Float32Array[],
  labelOf: (index: number) => number,
  times: number[],
  progress: Progress,
): Promise<TensorOutput> {
  const [latentPort, ...labelPorts] = session.inputs;
  const [outputPort] = session.outputs;
  const [, ...picture] = outputPort!.shape;
  const size = elementCount(picture);
  const data = new Float32Array(latents.length * size);
  const shape = [latents.length, ...picture];
  for (const [index, latent] of latents.entries()) {
    const feeds: Record<string, Float32Array> = {[latentPort!.name]: latent};
    for (const {name, shape} of labelPorts)
      feeds[name] = oneHot(elementCount(shape), labelOf(index));
    const started = performance.now();
    await session.run(feeds, {
      outputs: {[outputPort!.name]: data.subarray(index * size, (index + 1) * size)},
    });
    times.push(performance.now() - started);
    progress.step();
  }
  return {shape, dtype: 'float32', data};
}

function summary(session: Session, times: readonly number[]): string[] {
  const {totals, baselines} = session.explain();
  const traffic = trafficBytes(totals);
  const baseline = trafficBytes(baselines.zeroInsertIm2col);
  return [
    `time      ${formatMs(percentile(times, 0.5))} per picture (median of ${times.length}) on ${session.threads} thread(s), ${cpuInfo().isa}`,
    `memory    ${formatBytes(totals.arenaPeakBytes)} arena peak, ${formatBytes(totals.totalBytes)} in all`,
    `traffic   ${formatBytes(traffic)} per picture, counted; zero insertion (im2col) ${formatBytes(baseline)}: ${describeLess(traffic, baseline)}`,
  ];
}
