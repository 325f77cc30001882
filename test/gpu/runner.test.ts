// untangle_run, the executable without Node: the same outputs as a session, on both devices, and its errors.

import {execFile} from 'node:child_process';
import {existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {compile, load} from '../../src/index.js';
import {DRIVER} from '../helpers/gpu.js';
import {GENERATOR_LAYER, integers} from '../runtime/small-models.js';

const ROOT = path.resolve(import.meta.dirname, '..', '..', '..');
const RUNNER = path.join(ROOT, 'build', 'untangle_run');
const HOW = 'cmake --build build --target untangle_run';

function runnerTest(title: string, body: (t: ExecutionContext) => Promise<void>): void {
  if (existsSync(RUNNER) && existsSync(DRIVER)) test(title, body);
  else test.skip(`${title}: skipped, ${RUNNER} or ${DRIVER} is missing (${HOW})`, () => {});
}

function run(...args: string[]): Promise<{code: number; stdout: string; stderr: string}> {
  return runWith({}, ...args);
}

function runWith(
  variables: Record<string, string>,
  ...args: string[]
): Promise<{code: number; stdout: string; stderr: string}> {
  const env = {...process.env, UNTANGLE_CUDA_DRIVER: DRIVER, ...variables};
  return new Promise(resolve => {
    execFile(RUNNER, args, {env}, (error, stdout, stderr) =>
      resolve({
        code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1,
        stdout,
        stderr,
      }),
    );
  });
}

runnerTest('a program runs without Node on the CPU and on the GPU', async t => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'untangle-run-'));
  t.teardown(() => rmSync(folder, {recursive: true}));
  const file = (name: string) => path.join(folder, name);
  writeFileSync(file('layer.untp'), compile(GENERATOR_LAYER, {device: 'cuda'}).bytes);
  const x = integers(240, 3);
  writeFileSync(file('x.f32'), new Uint8Array(x.buffer));
  await using session = await load(GENERATOR_LAYER, {threads: 1});
  const {y} = await session.run({x});

  const integrated = {UNTANGLE_EMULATOR_INTEGRATED: '1'};
  for (const [device, variables] of [['cpu'], ['cuda'], ['cuda', integrated]] as const) {
    const where = ['--device', device, '--runs', '3', '--threads', '2'];
    const files = ['--input', file('x.f32'), '--output', file('y.f32')];
    const result = await runWith(variables ?? {}, file('layer.untp'), ...where, ...files);
    t.is(result.code, 0, result.stderr);
    t.is((JSON.parse(result.stdout) as {runs: number}).runs, 3);
    const bytes = readFileSync(file('y.f32'));
    t.deepEqual(new Float32Array(new Uint8Array(bytes).buffer), y!.data);
  }

  writeFileSync(file('short.f32'), new Uint8Array(8));
  const bad: [string[], number, RegExp][] = [
    [[file('nothing.untp')], 1, /nothing\.untp: cannot be read/],
    [[file('x.f32')], 1, /it does not start with UNTP.*ERR_PROGRAM_FORMAT/],
    [[file('layer.untp'), '--input', file('short.f32')], 1, /expected 240 f32, 960 bytes/],
    [[file('layer.untp'), '--device', 'tpu'], 2, /--device: expected cpu or cuda.*"tpu"/],
    [[file('layer.untp'), '--runs', '0'], 2, /--runs: expected a number from 1/],
    [[], 2, /expected a program/],
  ];
  for (const [args, code, message] of bad) {
    const result = await run(...args);
    t.is(result.code, code, args.join(' '));
    t.regex(result.stderr, message);
  }
});
