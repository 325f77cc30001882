// How processes and worker threads end while sessions live and run: with the right code, and without a crash.

import {execFile} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test from 'ava';
import {compile} from '../../src/index.js';
import {chain, GENERATOR_LAYER, weights} from './small-models.js';

const INDEX = new URL('../../src/index.js', import.meta.url).href;
const FOLDER = mkdtempSync(path.join(tmpdir(), 'untangle-lifecycle-'));
test.after.always(() => rmSync(FOLDER, {recursive: true}));

const SLOW = path.join(FOLDER, 'slow.untp');
const SMALL = path.join(FOLDER, 'small.onnx');
writeFileSync(SMALL, GENERATOR_LAYER);
writeFileSync(
  SLOW,
  compile(
    chain({
      input: [1, 64, 128, 128],
      output: [1, 64, 128, 128],
      nodes: Array.from({length: 8}, () => ({
        op: 'Conv',
        extra: ['w'],
        attrs: {pads: [1, 1, 1, 1]},
      })),
      initializers: {w: weights([64, 64, 3, 3])},
    }),
  ).bytes,
);

const HEAD = `
  import {once} from 'node:events';
  import {setTimeout as sleep} from 'node:timers/promises';
  import {isMainThread, parentPort, Worker} from 'node:worker_threads';
  import {load} from ${JSON.stringify(INDEX)};
  const slow = () => load(${JSON.stringify(SLOW)}, {threads: 2});
  const small = () => load(${JSON.stringify(SMALL)}, {threads: 2});
  const x = new Float32Array(64 * 128 * 128);
  const smallX = new Float32Array(2 * 5 * 4 * 6);
`;

interface End {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

let count = 0;

/** Runs `script` as a process of its own. */
function end(script: string): Promise<End> {
  const file = path.join(FOLDER, `${count++}.mjs`);
  writeFileSync(file, HEAD + script);
  return new Promise(resolve => {
    execFile(process.execPath, [file], {timeout: 120_000}, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
      resolve({code, signal: error?.signal ?? null, stdout, stderr});
    });
  });
}

/** Scripts with the exit code they must end with. */
const ENDS: Readonly<Record<string, readonly [string, number]>> = {
  'a live session does not keep the process': ['await (await small()).run({x: smallX});', 0],
  'several live sessions, one of them never run': [
    'const all = [await small(), await slow(), await small()]; await all[0].run({x: smallX});',
    0,
  ],
  'the process waits for a run in flight that nobody awaits': [
    `(await slow()).run({x}).then(() => { process.exitCode = 3; });`,
    3,
  ],
  'process.exit with a run in flight': [
    'const session = await slow(); session.run({x}); await sleep(5); process.exit(4);',
    4,
  ],
  'process.exit with runs of several sessions in flight, and some that wait': [
    `for (let i = 0; i < 3; i++) { const session = await slow(); session.run({x}); session.run({x}); }
     process.exit(5);`,
    5,
  ],
  'an exception that nobody catches, with a run in flight': [
    `const session = await slow(); session.run({x}); setTimeout(() => { throw new Error('mine'); }, 5);`,
    1,
  ],
  'process.exit during a dispose': [
    'const session = await slow(); session.run({x}).catch(() => {}); session.dispose(); process.exit(6);',
    6,
  ],
  'process.exit in a progress callback': [
    'await (await slow()).run({x}, {onProgress: () => process.exit(7)});',
    7,
  ],
};

for (const [name, [script, code]] of Object.entries(ENDS)) {
  test(name, async t => {
    const {stderr, ...ended} = await end(script);
    t.like(ended, {code, signal: null}, stderr);
  });
}

/** A worker that says when it has a session, then does `script`. */
const inWorker = (script: string, main: string) => `
  if (isMainThread) {
    const start = async () => {
      const worker = new Worker(new URL(import.meta.url));
      await once(worker, 'message');
      return worker;
    };
    ${main}
  } else {
    const session = await slow();
    parentPort.postMessage('ready');
    ${script}
  }`;

const WORKERS: Readonly<Record<string, readonly [string, string, number]>> = {
  'workers are terminated during a run': [
    'for (;;) await session.run({x});',
    `const workers = await Promise.all([start(), start(), start()]);
     await sleep(20);
     for (const worker of workers) await worker.terminate();`,
    0,
  ],
  'a worker ends itself during a run': [
    'session.run({x}); await sleep(5); process.exit(8);',
    `const worker = await start(); [process.exitCode] = await once(worker, 'exit');`,
    8,
  ],
  'a worker ends with a live session': [
    'await session.run({x});',
    `const worker = await start(); [process.exitCode] = await once(worker, 'exit');`,
    0,
  ],
  'the process ends while workers run': [
    'for (;;) await session.run({x});',
    'await Promise.all([start(), start()]); await sleep(20); process.exit(9);',
    9,
  ],
  'a worker is terminated while outputs of its session live on in the main thread': [
    `const {y} = await session.run({x}, {transferable: true});
     parentPort.postMessage(y.data, [y.data.buffer]);
     for (;;) await session.run({x});`,
    `const worker = await start();
     const [data] = await once(worker, 'message');
     await worker.terminate();
     if (data.length !== x.length || data.some(value => value !== 0)) process.exitCode = 1;`,
    0,
  ],
};

for (const [name, [script, main, code]] of Object.entries(WORKERS)) {
  test(name, async t => {
    const {stderr, ...ended} = await end(inWorker(script, main));
    t.like(ended, {code, signal: null}, stderr);
  });
}

test('a worker lives on when its session is collected during a run', async t => {
  const {code, stdout, stderr} = await end(`
    import {setFlagsFromString} from 'node:v8';
    import {runInNewContext} from 'node:vm';
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc');
    let run = (await slow()).run({x});
    for (let i = 0; i < 5; i++) { gc(); await sleep(2); }
    const {y} = await run;
    console.log(y.data.every(value => value === 0));`);
  t.is(code, 0, stderr);
  t.is(stdout.trim(), 'true');
});
