// untangle verify: compares a model's outputs with the expected ones kept beside it.

import {basename, join, resolve} from 'node:path';
import type {Command} from 'commander';
import {UntangleError} from '../../errors.js';
import {isFloating} from '../../graph/types.js';
import type {TensorOutputs} from '../../index.js';
import type {Feed} from '../feeds.js';
import {modelPorts, openModelFile, openSession} from '../model-file.js';
import {addOptions, type CliOptions} from '../options.js';
import {print, printJson} from '../report.js';
import {formatShape} from '../sizes.js';
import type {CliTensor} from '../tensor.js';
import {largestError, pairWithPorts, readTestFolder, type TestCase} from '../test-folder.js';

interface Verdict {
  readonly name: string;
  readonly ok: boolean;
  /** Largest error over all outputs; null when it did not come to comparing. */
  readonly error: number | null;
  readonly why: string | null;
  readonly code: string | null;
}

export function addVerifyCommand(program: Command): void {
  const command = program
    .command('verify')
    .description('run models on stored inputs and compare with stored outputs')
    .argument(
      '<dirs...>',
      'folders with model.onnx and input_K.pb, output_K.pb (or test_data_set_K folders)',
    )
    .addHelpText(
      'after',
      `
The error of an output is max|difference| / (max - min) of the expected values; integers must be equal. Every folder is tried; the exit
code is 1 when any failed.

Examples:
  untangle verify tests/dcgan
  untangle verify tests/* --tolerance 1e-5 --threads 1`,
    )
    .action(verifyCommand);
  addOptions(
    command,
    'tolerance',
    'device',
    'precision',
    'threads',
    'memory',
    'schedule',
    'exact',
    'weights',
    'streamWeights',
    'json',
  );
}

async function verifyCommand(folders: readonly string[], options: CliOptions): Promise<void> {
  const verdicts: Verdict[] = [];
  for (const folder of folders) {
    const verdict = await verifyFolder(folder, options);
    verdicts.push(verdict);
    if (!options.json) print(describeVerdict(verdict));
  }
  const failed = verdicts.filter(({ok}) => !ok).length;
  if (options.json) printJson({passed: verdicts.length - failed, failed, results: verdicts});
  else if (folders.length > 1) print(`${verdicts.length - failed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
}

function describeVerdict({name, ok, error, why}: Verdict): string {
  const shown = error === null ? '' : ` ${error === 0 ? '0' : error.toExponential(1)}`;
  return ok ? `PASS ${name}${shown}` : `FAIL ${name}${shown} ${why ?? ''}`.trimEnd();
}

async function verifyFolder(folder: string, options: CliOptions): Promise<Verdict> {
  const name = basename(resolve(folder));
  try {
    let worst = 0;
    for (const testCase of await readTestFolder(folder)) {
      const {error, why} = await verifyCase(join(folder, 'model.onnx'), testCase, options);
      worst = Math.max(worst, error ?? Number.POSITIVE_INFINITY);
      if (why !== null) return {name, ok: false, error, why, code: null};
    }
    return {name, ok: true, error: worst, why: null, code: null};
  } catch (error) {
    if (!(error instanceof UntangleError)) throw error;
    return {
      name,
      ok: false,
      error: null,
      why: `${error.message} (${error.code})`,
      code: error.code,
    };
  }
}

async function verifyCase(
  path: string,
  testCase: TestCase,
  options: CliOptions,
): Promise<{readonly error: number | null; readonly why: string | null}> {
  const where = testCase.set === '' ? '' : `${testCase.set}: `;
  if (testCase.outputs.length === 0)
    return {error: null, why: `${where}there is no output_0.pb to compare with`};
  const ports = await modelPorts(path);
  const inputs = pairWithPorts(testCase.inputs, ports.inputs);
  const feeds = new Map(
    [...inputs].map(([name, tensor]): [string, Feed] => [name, {kind: 'tensor', tensor}]),
  );
  const file = await openModelFile(path, options, feeds);
  await using session = await openSession(file);
  const results = await session.run<TensorOutputs>(
    Object.fromEntries([...inputs].map(([name, {shape, data}]) => [name, {shape, data}])),
  );

  let worst = 0;
  for (const [name, expected] of pairWithPorts(testCase.outputs, ports.outputs)) {
    const actual: CliTensor | undefined = results[name];
    if (actual === undefined)
      return {error: null, why: `${where}output "${name}" was not computed`};
    if (actual.shape.join() !== expected.shape.join()) {
      return {
        error: null,
        why: `${where}output "${name}" has shape ${formatShape(actual.shape)}, expected ${formatShape(expected.shape)}`,
      };
    }
    const error = largestError(actual, expected);
    worst = Math.max(worst, error);
    const tolerance = isFloating(expected.dtype) ? options.tolerance : 0;
    if (!(error <= tolerance)) {
      return {error, why: `${where}output "${name}" differs by more than ${tolerance}`};
    }
  }
  return {error: worst, why: null};
}
