// untangle run: one run of a model, files in, files out.

import {basename} from 'node:path';
import type {Command} from 'commander';
import type {Feeds, TensorInput, TensorOutputs} from '../../index.js';
import type {Session} from '../../runtime/session.js';
import {type Feed, feedTensor, readFeeds} from '../feeds.js';
import {openModelFile, openSession} from '../model-file.js';
import {addOptions, type CliOptions} from '../options.js';
import {checkOutputs, writeOutput} from '../outputs.js';
import {placeOf} from '../place.js';
import {note, print, printJson, startRunProgress} from '../report.js';
import {formatBytes, formatMs, formatNumber, formatShape} from '../sizes.js';
import {statistics} from '../tensor.js';

interface WrittenFile {
  /** Of the output. */
  readonly name: string;
  readonly text: string;
}

export function addRunCommand(program: Command): void {
  const command = program
    .command('run')
    .description('run a model once; inputs that are not given are random')
    .argument('<model>', 'an ONNX model or a compiled program')
    .addHelpText(
      'after',
      `
Examples:
  untangle run generator.onnx --output image=picture.png
  untangle run generator.onnx --input z=random:7 --shape z=16,64,1,1 --output image=sheet.png
  untangle run style.onnx --input photo=in.png:0..255 --output painting=out.png --memory 64MiB
  untangle run decoder.onnx --input z=z.npy --output x=x.npy --threads 2 --json`,
    )
    .action(runCommand);
  addOptions(
    command,
    'input',
    'output',
    'shape',
    'constant',
    'device',
    'precision',
    'threads',
    'memory',
    'schedule',
    'exact',
    'board',
    'weights',
    'streamWeights',
    'range',
    'json',
  );
}

async function runCommand(path: string, options: CliOptions): Promise<void> {
  const feeds = await readFeeds(options.input);
  const file = await openModelFile(path, options, feeds);
  await using session = await openSession(file);
  checkOutputs(
    options.output,
    session.outputs.map(port => port.name),
  );

  const inputs = makeInputs(session, feeds);
  const started = performance.now();
  const progress = startRunProgress(basename(path));
  const outputs = await session
    .run<TensorOutputs>(inputs, {onProgress: progress.update})
    .finally(progress.stop);
  const ms = performance.now() - started;

  const files: WrittenFile[] = [];
  for (const {name, value} of options.output) {
    files.push({name, text: await writeOutput(name, value, outputs[name]!, options.range ?? null)});
  }
  report(session, outputs, files, ms, options);
}

/** Values for every input of the session; random where none were given. */
function makeInputs(session: Session, feeds: ReadonlyMap<string, Feed>): Feeds {
  const inputs: Record<string, TensorInput> = {};
  for (const port of session.inputs) {
    const feed = feeds.get(port.name);
    if (feed === undefined)
      note(`input "${port.name}" is random:0; choose it with --input ${port.name}=...`);
    inputs[port.name] = feedTensor(feed ?? {kind: 'random', seed: 0}, port);
  }
  // Names that are no input are passed on, so that the session names them in its error.
  for (const name of feeds.keys()) inputs[name] ??= {shape: [0], data: new Float32Array(0)};
  return inputs;
}

function report(
  session: Session,
  outputs: TensorOutputs,
  files: readonly WrittenFile[],
  ms: number,
  options: CliOptions,
): void {
  const place = placeOf(session);
  const {arenaPeakBytes, totalBytes} = session.explain().totals;
  const results = session.outputs.map(({name, shape}) => ({
    name,
    shape,
    ...statistics(outputs[name]!.data),
    files: files.filter(file => file.name === name).map(file => file.text),
  }));
  if (options.json) {
    printJson({ms, ...place.fields, arenaPeakBytes, totalBytes, outputs: results});
    return;
  }
  for (const {name, shape, min, max, mean, files: written} of results) {
    print(
      `${name}  ${formatShape(shape)}  ${formatNumber(min)} .. ${formatNumber(max)}, mean ${formatNumber(mean)}`,
    );
    for (const text of written) print(`  written to ${text}`);
  }
  print(
    `${formatMs(ms)} on ${place.text}, arena peak ${formatBytes(arenaPeakBytes)}, ${formatBytes(totalBytes)} in all`,
  );
}
