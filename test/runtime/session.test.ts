// Sessions: queueing, abort, dispose, several at once, worker threads, and a free event loop.

import {monitorEventLoopDelay} from 'node:perf_hooks';
import {Worker} from 'node:worker_threads';
import test from 'ava';
import {compile, load, open, type Session, UntangleError} from '../../src/index.js';
import {chain, GENERATOR_LAYER, integers, weights} from './small-models.js';

const X = integers(2 * 5 * 4 * 6, 1);

/** About 15 GMAC: long enough to be interrupted on any machine. */
const SLOW = compile(
  chain({
    input: [1, 64, 160, 160],
    output: [1, 64, 160, 160],
    nodes: Array.from({length: 16}, () => ({
      op: 'Conv',
      extra: ['w'],
      attrs: {pads: [1, 1, 1, 1]},
    })),
    initializers: {w: weights([64, 64, 3, 3])},
  }),
);
const SLOW_X = new Float32Array(64 * 160 * 160);

async function code(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof UntangleError ? error.code : String(error)),
  );
}

test('a session names its inputs and outputs and returns tensors under these names', async t => {
  const session = await load(GENERATOR_LAYER, {threads: 2});
  t.deepEqual(session.inputs, [{name: 'x', dtype: 'float32', shape: [2, 5, 4, 6]}]);
  t.deepEqual(session.outputs, [{name: 'y', dtype: 'float32', shape: [2, 7, 8, 12]}]);
  const {y} = await session.run({x: X});
  t.deepEqual([y!.shape, y!.dtype, y!.data.length], [[2, 7, 8, 12], 'float32', 2 * 7 * 8 * 12]);
  t.is(session.threads, 2);
  await session.dispose();
});

test('runs queue, each with the feeds it was given', async t => {
  const session = await load(GENERATOR_LAYER, {threads: 1});
  const feed = Float32Array.from(X);
  const first = session.run({x: feed});
  const second = session.run({x: feed});
  feed.fill(0);
  const third = session.run({x: feed});
  const [a, b, c] = await Promise.all([first, second, third]);
  t.deepEqual(a.y!.data, b.y!.data);
  t.notDeepEqual(a.y!.data, c.y!.data);
  t.not(a.y!.data, b.y!.data);
  await session.dispose();
});

test('runs leave their inputs as they are, short ones too, which read them in place', async t => {
  const session = await load(
    chain({input: [1, 3, 8, 8], output: [1, 3, 8, 8], nodes: [{op: 'Neg'}, {op: 'Relu'}]}),
    {threads: 1},
  );
  const feed = integers(3 * 8 * 8, 5);
  const kept = Float32Array.from(feed);
  for (let round = 0; round < 4; round++) {
    const {y} = await session.run({x: feed});
    t.deepEqual(feed, kept);
    // Adding 0 turns -0 into 0.
    t.deepEqual(
      y!.data.map(value => value + 0),
      kept.map(value => Math.max(0, -value) + 0),
    );
  }
  await session.dispose();
});

test('several sessions run at once and agree', async t => {
  const sessions = await Promise.all([1, 2, 3].map(threads => load(GENERATOR_LAYER, {threads})));
  const results = await Promise.all(
    sessions.map(session => session.run({x: {data: X, shape: [2, 5, 4, 6]}})),
  );
  for (const {y} of results) t.deepEqual(y!.data, results[0]!.y!.data);
  await Promise.all(sessions.map(session => session.dispose()));
});

test('Float64Arrays are rounded', async t => {
  const session = await load(GENERATOR_LAYER, {threads: 1});
  const [single, double] = [
    await session.run({x: X}),
    await session.run({x: Float64Array.from(X)}),
  ];
  t.deepEqual(single.y!.data, double.y!.data);
  await session.dispose();
});

test('an aborted signal rejects at once, with the reason as cause', async t => {
  const session = await load(GENERATOR_LAYER, {threads: 1});
  const reason = new Error('the user left');
  const error = await t.throwsAsync(session.run({x: X}, {signal: AbortSignal.abort(reason)}), {
    code: 'ERR_ABORTED',
    name: 'AbortError',
  });
  t.is(error?.cause, reason);
  await session.dispose();
});

test('a signal ends the run in flight and the runs that wait; the session goes on', async t => {
  const session = await open(SLOW, {threads: 1});
  const [flying, waiting] = [new AbortController(), new AbortController()];
  const runs = [
    session.run({x: SLOW_X}, {signal: flying.signal}),
    session.run({x: SLOW_X}, {signal: waiting.signal}),
  ];
  waiting.abort();
  t.is(await code(runs[1]!), 'ERR_ABORTED');
  flying.abort();
  t.is(await code(runs[0]!), 'ERR_ABORTED');
  const {y} = await session.run({x: SLOW_X});
  t.true(y!.data.every(value => value === 0));
  await session.dispose();
});

test('dispose ends the run in flight, refuses what waits and what comes later, and may be repeated', async t => {
  const session = await open(SLOW, {threads: 2});
  const runs = [session.run({x: SLOW_X}), session.run({x: SLOW_X})].map(code);
  const disposal = session.dispose();
  t.is(session.dispose(), disposal);
  t.deepEqual(await Promise.all(runs), ['ERR_ABORTED', 'ERR_SESSION_DISPOSED']);
  await disposal;
  t.is(await code(session.run({x: SLOW_X})), 'ERR_SESSION_DISPOSED');
});

test('await using disposes', async t => {
  let kept: Session;
  {
    await using session = await load(GENERATOR_LAYER, {threads: 1});
    kept = session;
  }
  t.is(await code(kept.run({x: X})), 'ERR_SESSION_DISPOSED');
});

test('profile times every command', async t => {
  const session = await load(GENERATOR_LAYER, {threads: 1});
  t.is(session.profile, null);
  await session.run({x: X}, {profile: true});
  const names = session.explain().commands.map(({op, name}) => ({op, name}));
  t.deepEqual(
    session.profile!.map(({op, name}) => ({op, name})),
    names,
  );
  t.true(session.profile!.every(({ms}) => ms >= 0));
  await session.dispose();
});

test('the event loop stays free during a run', async t => {
  const session = await open(SLOW, {threads: 1});
  const delay = monitorEventLoopDelay({resolution: 5});
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  delay.enable();
  await session.run({x: SLOW_X});
  delay.disable();
  clearInterval(timer);
  // No time limit is asserted; a blocking run would let no timer fire at all.
  t.true(ticks > 3, `${ticks} ticks; longest delay ${delay.max / 1e6} ms`);
  await session.dispose();
});

test('errors lead to the caller', async t => {
  const session = await load(GENERATOR_LAYER, {threads: 1});
  async function theCaller(): Promise<void> {
    await session.run({x: new Float32Array(1)});
  }
  const error = await t.throwsAsync(theCaller());
  t.regex(error?.stack ?? '', /theCaller/);
  await session.dispose();
});

test('sessions work in worker threads', async t => {
  const index = new URL('../../src/index.js', import.meta.url).href;
  const script = `
    const {parentPort, workerData} = require('node:worker_threads');
    import(workerData.index).then(async ({load}) => {
      const session = await load(workerData.model, {threads: 2});
      const {y} = await session.run({x: workerData.x});
      await session.dispose();
      parentPort.postMessage(y.data);
    });`;
  const session = await load(GENERATOR_LAYER, {threads: 1});
  const expected = await session.run({x: X});
  const results = await Promise.all(
    [0, 1].map(
      () =>
        new Promise((resolve, reject) => {
          const worker = new Worker(script, {
            eval: true,
            workerData: {index, model: GENERATOR_LAYER, x: X},
          });
          worker.once('message', resolve);
          worker.once('error', reject);
        }),
    ),
  );
  for (const result of results) t.deepEqual(result, expected.y!.data);
  await session.dispose();
});
