// Progress of long runs: reported on the event loop, never by the executor.

import test from 'ava';
import {compile, open, type RunProgress} from '../../src/index.js';
import {chain, weights} from './small-models.js';

const LAYERS = 48;

/** Some 29 GMAC in equal commands. */
const LONG = compile(
  chain({
    input: [1, 64, 128, 128],
    output: [1, 64, 128, 128],
    nodes: Array.from({length: LAYERS}, () => ({
      op: 'Conv',
      extra: ['w'],
      attrs: {pads: [1, 1, 1, 1]},
    })),
    initializers: {w: weights([64, 64, 3, 3])},
  }),
);
const X = new Float32Array(64 * 128 * 128);

test('progress goes up and ends with everything done', async t => {
  await using session = await open(LONG, {threads: 1});
  const {commands} = session.explain();
  const reports: RunProgress[] = [];
  await session.run({x: X}, {onProgress: progress => reports.push(progress)});
  const done = reports.map(report => report.done);
  t.deepEqual(
    done,
    [...new Set(done)].sort((a, b) => a - b),
  );
  t.true(reports.every(({total}) => total === commands.length));
  t.true(reports.slice(0, -1).every(report => report.name === commands[report.done]!.name));
  t.is(done.at(-1), commands.length);
  t.true(reports.length <= 1 + reports.at(-1)!.ms / 50, 'throttled');
});

test('a short run reports its end only', async t => {
  const program = compile(chain({input: [4], output: [4], nodes: [{op: 'Neg'}]}));
  await using session = await open(program, {threads: 1});
  for (let i = 0; i < 3; i++) {
    const reports: RunProgress[] = [];
    await session.run({x: [1, 2, 3, 4]}, {onProgress: progress => reports.push(progress)});
    t.deepEqual(
      reports.map(({done, total, name}) => ({done, total, name})),
      [{done: 1, total: 1, name: ''}],
    );
  }
});

test('what onProgress throws ends the run, which rejects with it', async t => {
  await using session = await open(LONG, {threads: 1});
  const failure = new Error('enough');
  const run = session.run(
    {x: X},
    {
      onProgress: () => {
        throw failure;
      },
    },
  );
  t.is(await t.throwsAsync(run), failure);
  t.true((await session.run({x: X})).y!.data.every(value => value === 0));
});

test('a run can be aborted from onProgress', async t => {
  await using session = await open(LONG, {threads: 1});
  const controller = new AbortController();
  const run = session.run(
    {x: X},
    {
      signal: controller.signal,
      onProgress: ({done, total}) => {
        if (done < total) controller.abort();
      },
    },
  );
  await t.throwsAsync(run, {code: 'ERR_ABORTED'});
});

test('onProgress has to be a function', async t => {
  await using session = await open(LONG, {threads: 1});
  await t.throwsAsync(session.run({x: X}, {onProgress: 5 as never}), {
    code: 'ERR_OPTION',
    message: /onProgress/,
  });
});
