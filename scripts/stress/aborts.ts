// Aborts at random moments: a run returns at once, and the next one is right.

import {load, UntangleError} from '../../src/index.js';
import {finish, IS_SHORT, percentile, SLOW_ELEMENTS, slowModel} from './support.js';

const ABORTS = IS_SHORT ? 30 : 1000;
/** A machine that is busy with tests is no measure. */
const LIMIT_MS = IS_SHORT ? 5000 : 50;
/** Every so often the next run is done to its end and compared. */
const CHECK_EVERY = IS_SHORT ? 10 : 20;

await using session = await load(slowModel(4), {threads: 2});
const x = Float32Array.from({length: SLOW_ELEMENTS}, (_, i) => (i % 7) - 3);
const expected = (await session.run({x})).y!.data;
const started = performance.now();
await session.run({x});
const runMs = performance.now() - started;

const times: number[] = [];
let [completed, wrong] = [0, 0];
for (let i = 0; i < ABORTS; i++) {
  const controller = new AbortController();
  const ended = session.run({x}, {signal: controller.signal}).then(
    () => completed++,
    (error: unknown) => {
      if (!(error instanceof UntangleError) || error.code !== 'ERR_ABORTED') throw error;
    },
  );
  await new Promise(resolve => setTimeout(resolve, Math.random() * runMs * 1.1));
  const aborted = performance.now();
  controller.abort();
  await ended;
  times.push(performance.now() - aborted);
  if (i % CHECK_EVERY !== 0) continue;
  const {y} = await session.run({x});
  if (!y!.data.every((value, index) => value === expected[index])) wrong++;
}
const longest = Math.max(...times);
finish(
  'aborts',
  wrong === 0 && longest <= LIMIT_MS,
  `${ABORTS} aborts of runs of ${runMs.toFixed(0)} ms (${completed} had ended), returned after ${percentile(times, 0.5).toFixed(2)} ms at the median, ${longest.toFixed(2)} ms at most (limit ${LIMIT_MS}); ${wrong} of ${Math.ceil(ABORTS / CHECK_EVERY)} later runs wrong`,
);
