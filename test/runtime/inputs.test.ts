// A run has taken its inputs when `run` returns, by a copy of its own or by the program's first commands.

import test from 'ava';
import {load} from '../../src/index.js';
import {integers, SMALL_MODELS} from './small-models.js';

for (const {name, bytes} of SMALL_MODELS) {
  test(`${name}: what the caller does to the inputs of a run in flight changes nothing`, async t => {
    const results = [];
    for (const isSpoilt of [false, true]) {
      // The first run of a session is always handed to another thread.
      await using session = await load(bytes, {threads: 2});
      const feeds = Object.fromEntries(
        session.inputs.map(({name: input, shape}, index) => {
          const count = shape.reduce((product, size) => product * size, 1);
          return [input, integers(count, index + 1)];
        }),
      );
      const running = session.run(feeds);
      if (isSpoilt) for (const values of Object.values(feeds)) values.fill(Number.NaN);
      results.push(await running);
    }
    t.deepEqual(results[1], results[0]);
  });
}
