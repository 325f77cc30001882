import test from 'ava';
import {runsFor, sameOutput} from '../../bench/measure-row.js';
import {parseSchedstat} from '../../bench/noise.js';

test('a turn is about 60 ms of runs, of two at least and of one where they are long', t => {
  t.deepEqual([0.01, 1, 29, 500, 2000].map(runsFor), [200, 60, 2, 2, 1]);
});

test('outputs match up to the rounding of sums', t => {
  const reference = {count: 100, sumAbs: 50, samples: [1, -2, 3]};
  t.true(sameOutput({count: 100, sumAbs: 50.01, samples: [1.0001, -2, 3]}, reference));
  t.false(sameOutput({count: 99, sumAbs: 50, samples: [1, -2, 3]}, reference));
  t.false(sameOutput({count: 100, sumAbs: 51, samples: [1, -2, 3]}, reference));
  t.false(sameOutput({count: 100, sumAbs: 50, samples: [1, 2, 3]}, reference));
  t.false(sameOutput({count: 100, sumAbs: 50, samples: [1, Number.NaN, 3]}, reference));
});

test('the wait for a core is the second number of schedstat, in milliseconds', t => {
  t.is(parseSchedstat('123456789 2500000 42\n'), 2.5);
  t.is(parseSchedstat(''), 0);
});
