// Which files loading a hostile model opens, as the kernel sees it.
//
//   node dist/scripts/fuzz/strace-external.js
//
// Every hostile location of external data is loaded under strace; no path outside the folder of the model may be
// opened once the model has been, and nothing but the named file in it. Says so and ends well where strace is missing.

import {execFileSync, spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {MODEL} from '../../src/onnx/proto.js';
import {writeMessage} from '../../src/onnx/wire.js';
import {modelMessage} from '../../test/helpers/onnx-builder.js';

const READER = path.resolve(import.meta.dirname, '..', '..', 'src', 'onnx', 'read-model.js');
const WEIGHTS = new Uint8Array(Float32Array.of(1, 2).buffer);

/** Locations that must not lead to an open outside the folder `model`; `secret.bin` lies beside it. */
function locations(root: string): string[] {
  return [
    '../secret.bin',
    path.join(root, 'secret.bin'),
    '/dev/zero',
    'link.bin',
    'linked/secret.bin',
    'pipe',
    'folder',
    '..',
    '.',
    '',
    'w.bin\0../secret.bin',
    '%2e%2e/secret.bin',
    '%2e%2e%2fsecret.bin',
    '..\\secret.bin',
    './../secret.bin',
    'file:../secret.bin',
  ];
}

function main(): void {
  if (spawnSync('strace', ['-V']).status !== 0) {
    console.log('SKIPPED: strace is not installed');
    return;
  }
  const root = mkdtempSync(path.join(tmpdir(), 'untangle-strace-'));
  try {
    const folder = prepare(root);
    const problems = locations(root).flatMap(location => check(root, folder, location));
    const positive = opened(root, folder, 'w.bin');
    if (!positive.includes(path.join(folder, 'w.bin')))
      problems.push('strace did not see w.bin opened');
    for (const problem of problems) console.error(problem);
    console.log(`${locations(root).length} hostile locations, ${problems.length} problems`);
    process.exitCode = problems.length === 0 ? 0 : 1;
  } finally {
    rmSync(root, {recursive: true});
  }
}

function prepare(root: string): string {
  const folder = path.join(root, 'model');
  mkdirSync(path.join(folder, 'folder'), {recursive: true});
  writeFileSync(path.join(root, 'secret.bin'), WEIGHTS);
  writeFileSync(path.join(folder, 'w.bin'), WEIGHTS);
  symlinkSync('../secret.bin', path.join(folder, 'link.bin'));
  symlinkSync('..', path.join(folder, 'linked'));
  execFileSync('mkfifo', [path.join(folder, 'pipe')]);
  return folder;
}

/** What is wrong with loading a model whose weights lie at `location`. */
function check(root: string, folder: string, location: string): string[] {
  return opened(root, folder, location)
    .filter(file => path.dirname(file) !== folder || path.basename(file) === 'w.bin')
    .map(file => `location ${JSON.stringify(location)} opened ${file}`);
}

/** Paths that were opened with success after the model itself. */
function opened(root: string, folder: string, location: string): string[] {
  const model = path.join(folder, 'model.onnx');
  writeFileSync(model, modelWith(location));
  const log = path.join(root, 'log');
  const script = `
    const {readModelFile} = await import(${JSON.stringify(READER)});
    await readModelFile(${JSON.stringify(model)}).catch(() => {});
    process.exit(0);`;
  const args = ['-f', '-e', 'trace=open,openat,openat2,creat', '-o', log, process.execPath];
  const run = spawnSync('strace', [...args, '--input-type=module', '-e', script], {
    timeout: 60_000,
  });
  if (run.status !== 0) throw new Error(`strace ended with ${run.status}: ${run.stderr}`);
  const paths = [
    ...readFileSync(log, 'utf8').matchAll(/open\w*\((?:AT_FDCWD, )?"([^"]*)".*= \d+/g),
  ];
  const files = paths.map(match => path.resolve(match[1]!));
  const start = files.indexOf(model);
  if (start < 0) throw new Error('strace did not see the model opened');
  // Node itself may read its own modules and the system's tables late.
  return files.slice(start + 1).filter(file => file.startsWith(root) || file.startsWith('/dev/'));
}

function modelWith(location: string): Uint8Array {
  const message = modelMessage({
    inputs: [{name: 'x', dims: [2]}],
    outputs: [{name: 'y', dims: [2]}],
    nodes: [{op: 'Add', inputs: ['x', 'b'], outputs: ['y']}],
  });
  const externalData = [{key: 'location', value: location}];
  message.graph.initializer = [{name: 'b', dims: [2], dataType: 1, dataLocation: 1, externalData}];
  return writeMessage(message, MODEL);
}

main();
