// The runner as a process, on one small layer and on nothing but ours.

import {execFile} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {readLines} from '../../bench/results.js';

const FOLDER = path.resolve(import.meta.dirname, '..', '..', 'bench');

function node(script: string, ...args: string[]): Promise<{code: number; stderr: string}> {
  return new Promise(resolve => {
    execFile(process.execPath, [path.join(FOLDER, script), ...args], (error, _, stderr) => {
      resolve({code: error === null ? 0 : Number(error.code), stderr});
    });
  });
}

function temporaryFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'untangle-bench-'));
  t.teardown(() => rmSync(folder, {recursive: true}));
  return folder;
}

test('a run writes lines, and the report makes a page and a chart of them', async t => {
  const folder = temporaryFolder(t);
  const file = path.join(folder, 'pass.jsonl');
  const contenders = ['--contenders', 'ours,gemm-col2im'];
  const options = ['--threads', '1', '--rounds', '1', '--out', file];
  t.is((await node('run.js', '--rows', '^dcgan_k4_4$', ...contenders, ...options)).code, 0);

  const lines = readLines(file).filter(line => line.kind === 'result');
  t.deepEqual(
    lines.map(({contender, matches}) => [contender, matches]),
    [
      ['ours', true],
      ['gemm-col2im', true],
    ],
  );
  t.like(lines[0], {shape: 'dcgan_k4_4', flops: 12_582_912, macsInBounds: 6_096_384, threads: 1});
  t.true(lines.every(({msP50, msP90, counted}) => msP90 >= msP50 && counted!.readBytes > 0));

  t.is((await node('report.js', file, '--folder', folder)).code, 0);
  t.true(readFileSync(path.join(folder, 'benchmarks.md'), 'utf8').includes('| dcgan_k4_4 |'));
  t.true(readFileSync(path.join(folder, 'benchmarks.svg'), 'utf8').startsWith('<svg '));
});

test('mistakes end with one sentence and code 1', async t => {
  const none = await node('run.js', '--rows', 'no such row');
  t.deepEqual(none, {code: 1, stderr: 'bench: no row is left; see bench/shapes for their ids\n'});
  const empty = await node('report.js', '--folder', temporaryFolder(t));
  t.deepEqual(empty, {code: 1, stderr: 'report: the files hold no results\n'});
});
