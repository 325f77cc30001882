// Programs whose weights stay in their file: the same results, and errors where the file fails.

import {execFileSync} from 'node:child_process';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {compile} from '../../src/compile.js';
import {load, open, type Session} from '../../src/index.js';
import {residentBytes} from '../../src/program/read-header.js';
import {CODE, GENERATOR} from './streamed-models.js';

const FOLDER = mkdtempSync(path.join(tmpdir(), 'untangle-stream-'));
test.after.always(() => rmSync(FOLDER, {recursive: true}));

const OPTIONS = {threads: 2, exact: true} as const;
const HELD = compile(GENERATOR, {...OPTIONS, streamWeights: false});
const STREAMED = compile(GENERATOR, {...OPTIONS, streamWeights: true});
const RESIDENT = residentBytes(STREAMED.bytes, STREAMED.bytes.length);

/** A file of the test's own. */
function fileFor(t: ExecutionContext, bytes: Uint8Array = STREAMED.bytes): string {
  const file = path.join(FOLDER, `${t.title.replaceAll(/\W+/g, '-')}.untp`);
  writeFileSync(file, bytes);
  return file;
}

async function pictureOf(session: Session): Promise<Float32Array> {
  const [output] = Object.values(await session.run(CODE));
  return output!.data as Float32Array;
}

async function expected(): Promise<Float32Array> {
  await using session = await open(HELD, {threads: 1});
  return await pictureOf(session);
}

test('a program file is read in part, and runs give the bits of one that is held', async t => {
  await using session = await load(fileFor(t), {threads: 2});
  const {totalBytes, streamedBytes = 0} = session.explain().totals;
  t.true(STREAMED.bytes.length - RESIDENT >= streamedBytes && RESIDENT < 100_000);
  t.true(totalBytes < HELD.explanation.totals.totalBytes);
  for (let run = 0; run < 20; run++) t.deepEqual(await pictureOf(session), await expected());
  await session.run(CODE, {profile: true});
  t.is(session.profile!.length, session.explain().commands.length);
});

test('bytes of a program are streamed from memory', async t => {
  await using session = await open(STREAMED.bytes, {threads: 2});
  t.deepEqual(await pictureOf(session), await expected());
  await t.throwsAsync(open(STREAMED.bytes.subarray(0, RESIDENT)), {
    code: 'ERR_PROGRAM_FORMAT',
    message: /streamed weights are missing/,
  });
  const {totalBytes} = STREAMED.explanation.totals;
  await t.throwsAsync(open(STREAMED.bytes, {threads: 2, memoryBudgetBytes: totalBytes}), {
    code: 'ERR_BUDGET_EXCEEDED',
  });
});

test('a model whose budget asks for it is streamed from a file that has no name', async t => {
  const memoryBudgetBytes = STREAMED.explanation.totals.totalBytes + 500_000;
  const file = path.join(FOLDER, 'generator.onnx');
  writeFileSync(file, GENERATOR);
  const left = () => readdirSync(tmpdir()).filter(name => /^untangle-.*\.untp$/.test(name));
  for (const source of [file, GENERATOR]) {
    await using session = await load(source, {...OPTIONS, memoryBudgetBytes});
    t.true(session.explain().totals.streamedBytes! > 0);
    t.deepEqual(await pictureOf(session), await expected());
    t.deepEqual(left(), []);
  }
});

test('a file that is cut short while it is in use is an error of each run, until it is whole again', async t => {
  const file = fileFor(t);
  await using session = await load(file, {threads: 2});
  t.deepEqual(await pictureOf(session), await expected());
  for (const length of [STREAMED.bytes.length - 1, RESIDENT + 5, RESIDENT]) {
    truncateSync(file, length);
    await t.throwsAsync(pictureOf(session), {
      code: 'ERR_PROGRAM_READ',
      message: /^the weights of the program cannot be read from its file \(it became shorter/,
    });
  }
  writeFileSync(file, STREAMED.bytes);
  t.deepEqual(await pictureOf(session), await expected());
});

test('a file that is changed while it is in use is an error, not another picture', async t => {
  const file = fileFor(t);
  await using session = await load(file, {threads: 2});
  for (const at of [RESIDENT, Math.floor((RESIDENT + STREAMED.bytes.length) / 2)]) {
    const descriptor = openSync(file, 'r+');
    writeSync(descriptor, Uint8Array.of(STREAMED.bytes[at]! ^ 4), 0, 1, at);
    await t.throwsAsync(pictureOf(session), {code: 'ERR_PROGRAM_READ', message: /it changed/});
    writeSync(descriptor, STREAMED.bytes, at, 1, at);
    closeSync(descriptor);
    t.deepEqual(await pictureOf(session), await expected());
  }
});

test('a file that was damaged before is refused', async t => {
  const file = fileFor(t, STREAMED.bytes.subarray(0, STREAMED.bytes.length - 100));
  await t.throwsAsync(load(file), {code: 'ERR_PROGRAM_READ', message: /bytes instead of/});
  writeFileSync(file, STREAMED.bytes.subarray(0, RESIDENT - 1));
  await t.throwsAsync(load(file), {code: 'ERR_PROGRAM_FORMAT'});
  const damaged = STREAMED.bytes.slice();
  damaged[RESIDENT + 10]! ^= 1;
  await t.throwsAsync(open(damaged), {code: 'ERR_PROGRAM_FORMAT', message: /is damaged/});
});

test('a file that was replaced or removed goes on as it was', async t => {
  const file = fileFor(t);
  await using session = await load(file, {threads: 1});
  rmSync(file);
  writeFileSync(file, 'another');
  t.deepEqual(await pictureOf(session), await expected());
});

test('a pipe is no program', async t => {
  const pipe = path.join(FOLDER, 'pipe');
  execFileSync('mkfifo', [pipe]);
  await t.throwsAsync(load(pipe), {code: 'ERR_FILE_READ', message: /not a regular file/});
});

test.serial(
  'runs that are aborted, and sessions that are disposed of, let go of the file',
  async t => {
    const file = fileFor(t);
    const opened = () =>
      readdirSync('/proc/self/fd').filter(name => {
        try {
          return readlinkSync(`/proc/self/fd/${name}`).startsWith(file);
        } catch {
          return false;
        }
      }).length;
    const session = await load(file, {threads: 2});
    t.is(opened(), 1);
    for (let delay = 0; delay < 20; delay++) {
      const controller = new AbortController();
      const running = session.run(CODE, {signal: controller.signal});
      if (delay > 0) await new Promise(resolve => setTimeout(resolve, delay % 4));
      controller.abort();
      const error = await running.then(
        () => null,
        (reason: {code: string}) => reason.code,
      );
      t.true(error === null || error === 'ERR_ABORTED');
    }
    t.deepEqual(await pictureOf(session), await expected());
    const running = session.run(CODE).then(
      () => 'done',
      (reason: {code: string}) => reason.code,
    );
    await session.dispose();
    t.true(['done', 'ERR_ABORTED'].includes(await running));
    t.is(opened(), 0);
  },
);

test('a disk that is full while a program is written leaves nothing behind', t => {
  const cli = path.resolve(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js');
  const folder = mkdtempSync(path.join(FOLDER, 'full-'));
  const model = path.join(folder, 'generator.onnx');
  writeFileSync(model, GENERATOR);
  const limited = (...args: string[]) =>
    t.throws(() =>
      // A limit on the size of files stands for a disk of that size.
      execFileSync(
        'bash',
        ['-c', 'ulimit -f 100; exec "$@"', 'bash', process.execPath, cli, ...args],
        {
          stdio: 'pipe',
          env: {...process.env, TMPDIR: folder},
        },
      ),
    ) as Error & {stderr: Buffer};
  const output = path.join(folder, 'generator.untp');
  t.regex(
    String(limited('compile', model, '-o', output).stderr),
    /cannot be written.*ERR_FILE_WRITE/,
  );
  t.regex(
    String(limited('run', model, '--threads', '1', '--memory', '1100000', '--exact').stderr),
    /cannot be written.*ERR_FILE_WRITE/,
  );
  t.deepEqual(readdirSync(folder), ['generator.onnx']);
  t.is(readFileSync(model).length, GENERATOR.length);
});
