// What goes first when memory is short.

import test from 'ava';
import {UntangleError} from '../../src/errors.js';
import type {Graph} from '../../src/graph/graph.js';
import {decodeProgram} from '../../src/program/decode.js';
import {interpret} from '../../src/program/interpreter/interpret.js';
import {scheduleMemory, scheduleWithin} from '../../src/schedule/budget.js';
import {type Schedule, schedule} from '../../src/schedule/schedule.js';
import {buildGraph, convolution} from './lower-graph.js';
import {encodeSchedule, integerInputs} from './lower-run.js';
import {written} from './written.js';

const WORKSPACE = 100;
const memoryOf = (planned: Schedule) => scheduleMemory(planned, WORKSPACE).totalBytes;
const count = ({steps}: Schedule, op: string) => steps.filter(step => step.op === op).length;

/** What a schedule of that graph computes. */
function outputs(planned: Schedule): readonly Float32Array[] {
  const graph = waitingConcat();
  const inputs = integerInputs(graph).map(({data}) => Float32Array.from(data));
  return interpret(decodeProgram(encodeSchedule(graph, planned)), inputs, {count: false}).outputs;
}

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

function neededBytes(run: () => unknown): number {
  try {
    run();
  } catch (error) {
    if (error instanceof UntangleError && error.code === 'ERR_BUDGET_EXCEEDED')
      return Number(error.fields.neededBytes);
    throw error;
  }
  throw new Error('the budget was kept');
}

test("what fits stays as it is; then Winograd's scratch shrinks, and no result changes", t => {
  const fast = schedule(waitingConcat(), {schedule: 'auto'});
  t.is(count(fast, 'winograd'), 1);
  t.deepEqual(written(within(memoryOf(fast))), written(fast));
  const tight = within(memoryOf(fast) - 1);
  t.is(count(tight, 'winograd'), 1);
  t.true(memoryOf(tight) < memoryOf(fast));
  t.deepEqual(fast.measures, []);
  t.regex(tight.measures[0]!, /^Winograd's form takes \d+ bytes of scratch at most/);
  t.deepEqual(outputs(tight), outputs(fast));
});

test('every budget from the smallest on is kept, with the same results; one byte less names the smallest', t => {
  for (const options of [{}, {schedule: 'winograd'}] as const) {
    const fast = schedule(waitingConcat(), {schedule: 'auto', ...options});
    const least = neededBytes(() => within(1, options));
    t.true(least < memoryOf(fast));
    t.is(
      neededBytes(() => within(least - 1, options)),
      least,
    );
    for (let part = 0; part <= 8; part++) {
      const budget = least + Math.round(((memoryOf(fast) - least) * part) / 8);
      const planned = within(budget, options);
      t.true(memoryOf(planned) <= budget);
      t.deepEqual(outputs(planned), outputs(fast));
    }
  }
});
