// What goes first when memory is short.

import test from 'ava';
import type {Graph} from '../../src/graph/graph.js';
import {scheduleMemory, scheduleWithin} from '../../src/schedule/budget.js';
import {type Schedule, schedule} from '../../src/schedule/schedule.js';
import {buildGraph, convolution} from './lower-graph.js';
import {written} from './written.js';

const WORKSPACE = 100;
const memoryOf = (planned: Schedule) => scheduleMemory(planned, WORKSPACE).totalBytes;
const count = ({steps}: Schedule, op: string) => steps.filter(step => step.op === op).length;

/** A 3x3 convolution, then a concat whose first part waits for its second while most of the memory is in use. */
function waitingConcat(): Graph {
  const graph = buildGraph();
  const max = (x: string) => graph.add({op: 'reduce', fn: 'max', axes: [1]}, [x], [1, 1, 16, 16]);
  const pointwise = (x: string, channels: readonly [number, number]) =>
    graph.add(convolution(channels, [1, 1]), [x], [1, channels[1], 16, 16]);
  const x = graph.input([1, 64, 16, 16]);
  const same = convolution([64, 64], [3, 3], {padBegin: [1, 1]});
  const start = max(graph.add(same, [x], [1, 64, 16, 16]));
  const early = pointwise(start, [1, 20]);
  const late = pointwise(pointwise(early, [20, 160]), [160, 140]);
  const more = pointwise(max(late), [1, 140]);
  graph.output(max(graph.add({op: 'concat', axis: 1}, [early, more], [1, 160, 16, 16])));
  return graph.build();
}

function within(memoryBudgetBytes: number, options: {readonly schedule?: 'winograd'} = {}) {
  const limits = {memoryBudgetBytes, workspaceBytes: WORKSPACE};
  return scheduleWithin(waitingConcat(), {schedule: 'auto', ...options}, limits);
}

test("a budget takes Winograd's scratch first, then has concats copied", t => {
  const fast = schedule(waitingConcat(), {schedule: 'auto'});
  const exact = schedule(waitingConcat(), {schedule: 'auto', exact: true});
  t.is(count(fast, 'winograd'), 1);
  t.is(count(exact, 'winograd'), 0);
  t.true(memoryOf(exact) < memoryOf(fast));

  t.deepEqual(written(within(memoryOf(fast))), written(fast));
  t.deepEqual(written(within(memoryOf(fast) - 1)), written(exact));
  t.deepEqual(written(within(memoryOf(exact))), written(exact));
  const tight = within(memoryOf(exact) - 1);
  t.is(count(tight, 'winograd'), 0);
  t.is(count(tight, 'copy'), count(exact, 'copy') + 2);
  t.true(tight.arenaPeakBytes < exact.arenaPeakBytes);
  t.throws(() => within(memoryOf(tight) - 1), {
    code: 'ERR_BUDGET_EXCEEDED',
    message: new RegExp(`${memoryOf(tight)} bytes`),
  });
});

test('a schedule that was asked for gives way to the budget too', t => {
  const fast = schedule(waitingConcat(), {schedule: 'winograd'});
  t.is(count(fast, 'winograd'), 1);
  t.is(count(within(memoryOf(fast) - 1, {schedule: 'winograd'}), 'winograd'), 0);
});
