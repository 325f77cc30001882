import test from 'ava';
import {checkProperty} from '../helpers/properties.js';
import {randomGraphs} from './lower-random.js';
import {assertRuns} from './lower-run.js';

test('random graphs compute what they mean and touch what their steps say', t => {
  checkProperty(
    t,
    randomGraphs,
    graph => {
      assertRuns(graph);
    },
    500,
  );
});
