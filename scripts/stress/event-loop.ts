// The event loop during runs of every model of ../shared/models, and a server that answers while a model runs.

import {existsSync, readdirSync, readFileSync} from 'node:fs';
import http from 'node:http';
import type {AddressInfo} from 'node:net';
import path from 'node:path';
import {monitorEventLoopDelay} from 'node:perf_hooks';
import {Worker} from 'node:worker_threads';
import {load, type Session} from '../../src/index.js';
import {decodeTensor} from '../../src/onnx/tensor-file.js';
import {finish, IS_SHORT, percentile} from './support.js';

const ROOT = path.resolve(import.meta.dirname, '..', '..', '..');
const MODELS = path.resolve(ROOT, '..', 'shared', 'models');
const RUN_MS = IS_SHORT ? 200 : 3000;
const SERVE_MS = IS_SHORT ? 1500 : 15_000;
/** A machine that is busy with tests is no measure. */
const [DELAY_LIMIT_MS, HEALTH_LIMIT_MS] = IS_SHORT ? [5000, 5000] : [10, 20];

interface Measured {
  readonly name: string;
  readonly p99Ms: number;
}

/** p99 of the event loop's delay while `session` runs again and again. */
async function measureDelay(
  session: Session,
  feeds: Parameters<Session['run']>[0],
): Promise<number> {
  await session.run(feeds);
  const delay = monitorEventLoopDelay({resolution: 1});
  delay.enable();
  const until = performance.now() + RUN_MS;
  do await session.run(feeds);
  while (performance.now() < until);
  delay.disable();
  return delay.percentile(99) / 1e6;
}

async function measureModel(name: string): Promise<Measured> {
  const folder = path.join(MODELS, name);
  const inputs = readdirSync(folder)
    .filter(file => /^input_\d+\.pb$/.test(file))
    .map(file => decodeTensor(new Uint8Array(readFileSync(path.join(folder, file)))));
  const shapes = Object.fromEntries(inputs.map(input => [input.name, input.dims]));
  await using session = await load(path.join(folder, 'model.onnx'), {shapes, plans: 1});
  const feeds = Object.fromEntries(inputs.map(input => [input.name, {data: input.data}]));
  return {name, p99Ms: await measureDelay(session, feeds)};
}

/** Clients of the server, on a thread of their own: two keep the model busy, one asks for /healthz. */
const CLIENTS = `
  const http = require('node:http');
  const {parentPort, workerData: {port, ms}} = require('node:worker_threads');
  const agent = new http.Agent({keepAlive: true});
  const get = path => new Promise((resolve, reject) => {
    http.get({port, path, agent}, response => response.resume().on('end', () => resolve(response.statusCode)))
      .on('error', reject);
  });
  const until = performance.now() + ms;
  const times = [];
  let runs = 0;
  const work = async () => { while (performance.now() < until) if (await get('/run') === 200) runs++; };
  const probe = async () => {
    while (performance.now() < until) {
      const started = performance.now();
      await get('/healthz');
      times.push(performance.now() - started);
      await new Promise(resolve => setTimeout(resolve, 5));
    }
  };
  Promise.all([work(), work(), probe()]).then(() => {
    agent.destroy();
    parentPort.postMessage({times, runs});
  });`;

async function measureServer(): Promise<{readonly p99Ms: number; readonly runs: number}> {
  await using session = await load(path.join(ROOT, 'models', 'dcgan-faces.onnx'), {
    shapes: {z: [8, 32, 1, 1]},
  });
  const z = new Float32Array(8 * 32).fill(0.5);
  const server = http.createServer((request, response) => {
    if (request.url === '/healthz') {
      response.end('ok');
      return;
    }
    session.run({z}).then(
      ({image}) => response.end(new Uint8Array(image!.data.buffer, 0, 1024)),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>(resolve => server.listen(0, resolve));
  const {port} = server.address() as AddressInfo;
  const clients = new Worker(CLIENTS, {eval: true, workerData: {port, ms: SERVE_MS}});
  const {times, runs} = await new Promise<{times: number[]; runs: number}>((resolve, reject) => {
    clients.once('message', resolve);
    clients.once('error', reject);
  });
  server.closeAllConnections();
  server.close();
  return {p99Ms: percentile(times, 0.99), runs};
}

const names = existsSync(MODELS)
  ? readdirSync(MODELS, {withFileTypes: true})
      .filter(entry => entry.isDirectory())
      .map(({name}) => name)
  : [];
if (names.length === 0) console.log(`skipped: the models, because ${MODELS} does not exist`);
const measured: Measured[] = [];
for (const name of names) measured.push(await measureModel(name));
const server = await measureServer();
const list = measured.map(({name, p99Ms}) => `${name} ${p99Ms.toFixed(1)}`).join(', ');
finish(
  'event-loop',
  measured.every(({p99Ms}) => p99Ms <= DELAY_LIMIT_MS) && server.p99Ms <= HEALTH_LIMIT_MS,
  `p99 of the delay in ms (limit ${DELAY_LIMIT_MS}): ${list || 'not measured'}; /healthz p99 ${server.p99Ms.toFixed(1)} ms (limit ${HEALTH_LIMIT_MS}) during ${server.runs} requests to run`,
);
