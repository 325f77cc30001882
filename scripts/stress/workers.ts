// Worker threads that create a session, run and are terminated at any moment, eight at a time.

import {once} from 'node:events';
import {setTimeout as sleep} from 'node:timers/promises';
import {Worker} from 'node:worker_threads';
import {compile} from '../../src/index.js';
import {finish, IS_SHORT, inMib, residentBytes, SLOW_ELEMENTS, slowModel} from './support.js';

const WORKERS = IS_SHORT ? 24 : 1000;
const AT_A_TIME = 8;
const LONGEST_LIFE_MS = 400;
const PART_WHILE_LOADING = 0.25;
const LIMIT_BYTES = 64 * 2 ** 20;

const SCRIPT = `
  const {parentPort, workerData} = require('node:worker_threads');
  import(workerData.index).then(async ({open}) => {
    const session = await open(workerData.program, {threads: 2});
    const x = new Float32Array(workerData.elements);
    parentPort.postMessage('open');
    for (;;) {
      await session.run({x});
      parentPort.postMessage('ran');
    }
  });`;

const workerData = {
  index: new URL('../../src/index.js', import.meta.url).href,
  program: compile(slowModel(2)).bytes,
  elements: SLOW_ELEMENTS,
};

let runs = 0;
const failures: string[] = [];

/** One worker from birth to death, which comes while it loads or while it runs. */
async function live(): Promise<void> {
  const worker = new Worker(SCRIPT, {eval: true, workerData});
  worker.on('message', message => {
    if (message === 'ran') runs++;
  });
  worker.on('error', error => failures.push(String(error)));
  await once(worker, Math.random() < PART_WHILE_LOADING ? 'online' : 'message');
  await sleep(Math.random() * LONGEST_LIFE_MS);
  await worker.terminate();
}

async function liveMany(count: number): Promise<void> {
  let left = count;
  const lane = async () => {
    while (left-- > 0) await live();
  };
  await Promise.all(Array.from({length: AT_A_TIME}, lane));
}

await liveMany(AT_A_TIME * 2);
const before = await residentBytes();
await liveMany(WORKERS);
const grown = (await residentBytes()) - before;
finish(
  'workers',
  failures.length === 0 && grown <= LIMIT_BYTES,
  `${WORKERS} workers terminated, ${AT_A_TIME} at a time, after ${runs} runs; ${failures.length} errors${failures[0] === undefined ? '' : ` (${failures[0]})`}; resident memory grown by ${inMib(grown)} (limit ${inMib(LIMIT_BYTES)})`,
);
