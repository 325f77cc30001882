// Streamed weights: the same numbers in less memory, and reads that begin before they are needed.

import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import {compile} from '../../src/compile.js';
import {decodeProgram} from '../../src/program/decode.js';
import {interpret} from '../../src/program/interpreter/interpret.js';
import {SCHEDULES} from '../../src/schedule/candidates.js';
import {schedule} from '../../src/schedule/schedule.js';
import type {Step} from '../../src/schedule/steps.js';
import {streamable, streamWeights} from '../../src/schedule/stream.js';
import {WEIGHT_TYPES} from '../../src/untangle/stored-weights.js';
import {checkProperty} from '../helpers/properties.js';
import {CODE, GENERATOR} from '../runtime/streamed-models.js';
import {buildGraph, convolution} from './lower-graph.js';
import {encodeSchedule} from './lower-run.js';

/** Two convolutions, from 64 channels to `channels` to 33. */
function wide(channels: number, size: number) {
  const graph = buildGraph();
  const x = graph.input([1, 64, size, size]);
  const options = {padBegin: [1, 1], padEnd: [1, 1]};
  const y = graph.add(convolution([64, channels], [3, 3], options), [x], [1, channels, size, size]);
  graph.output(graph.add(convolution([channels, 33], [3, 3], options), [y], [1, 33, size, size]));
  return graph.build();
}

test('streamed weights give the same bits and touch what was counted, whatever is read at once', t => {
  const cases = fc.record({
    channels: fc.integer({min: 160, max: 260}),
    size: fc.integer({min: 2, max: 5}),
    chunkBytes: fc.constantFrom(1, 2 ** 16, 2 ** 17, 2 ** 20),
    name: fc.constantFrom(...SCHEDULES),
    weights: fc.constantFrom(...WEIGHT_TYPES),
  });
  checkProperty(
    t,
    cases,
    ({channels, size, chunkBytes, name, weights}) => {
      const graph = wide(channels, size);
      const held = schedule(graph, {schedule: name, weights});
      const streamed = new Set(streamable(held).map(({id}) => id));
      assert.ok(streamed.size > 0);
      const planned = streamWeights(held, {streamed, chunkBytes});
      const inputs = [Float32Array.from({length: 64 * size * size}, (_, i) => Math.sin(i))];
      const [expected, actual] = [held, planned].map(each =>
        interpret(decodeProgram(encodeSchedule(graph, each)), inputs, {count: true}),
      );
      assert.deepEqual(actual!.outputs, expected!.outputs);
      planned.steps.forEach((step, index) => {
        assert.deepEqual(step.counts, actual!.counts[index], `step ${index}, ${step.op}`);
      });
    },
    15,
  );
});

test('a layer needs two runs of panels at a time, not its weights', t => {
  const held = schedule(wide(144, 4), {schedule: 'uks'});
  const streamed = new Set(streamable(held).map(({id}) => id));
  const panelBytes = 64 * 9 * 16 * 4;
  const planned = streamWeights(held, {streamed, chunkBytes: 2 * panelBytes});
  const [{name: first}] = held.steps.filter(isConv) as [Step];
  const own = planned.steps.filter(step => step.name === first && step.op !== 'copy');
  t.deepEqual(
    own.map(({op}) => op),
    [
      'load',
      'load',
      'gemmTaps',
      'load',
      'gemmTaps',
      'load',
      'gemmTaps',
      'load',
      'gemmTaps',
      'gemmTaps',
    ],
  );
  const loads = planned.steps.filter(({op}) => op === 'load');
  const weights = held.buffers.filter(({id}) => streamed.has(id));
  t.is(
    loads.reduce((sum, {counts}) => sum + counts.readBytes, 0),
    weights.reduce((sum, {elements}) => sum + elements * 4, 0),
  );
  const largest = Math.max(...loads.map(({counts}) => counts.readBytes));
  t.true(planned.arenaLowerBoundBytes <= held.arenaPeakBytes + 2 * largest);
  t.true(planned.arenaPeakBytes < 1.2 * planned.arenaLowerBoundBytes);
});

function isConv(step: Step): boolean {
  return step.op === 'gemmTaps';
}

test('a budget streams as little as it has to, and says what the least is', t => {
  const whole = compile(GENERATOR, {threads: 1, exact: true, streamWeights: false});
  const {totalBytes} = whole.explanation.totals;
  t.is(whole.explanation.totals.streamedBytes, undefined);
  const streamedAt = (memoryBudgetBytes: number) => {
    const {totals} = compile(GENERATOR, {threads: 1, exact: true, memoryBudgetBytes}).explanation;
    t.true(totals.totalBytes <= memoryBudgetBytes);
    return totals.streamedBytes ?? 0;
  };
  t.is(streamedAt(totalBytes), 0);
  const amounts = [30_000, 600_000, 1_500_000].map(less => streamedAt(totalBytes - less));
  t.deepEqual(
    amounts,
    amounts.toSorted((a, b) => a - b),
  );
  t.true(amounts[0]! > 0 && amounts[0]! < amounts.at(-1)!);

  const refused = t.throws(() => compile(GENERATOR, {threads: 1, memoryBudgetBytes: 1000}), {
    code: 'ERR_BUDGET_EXCEEDED',
  });
  const least = Number((refused as unknown as {fields: {neededBytes: number}}).fields.neededBytes);
  t.true(least < totalBytes / 2);
  streamedAt(least);
  t.throws(() => compile(GENERATOR, {threads: 1, memoryBudgetBytes: least - 1}), {
    code: 'ERR_BUDGET_EXCEEDED',
  });
  t.throws(() => compile(GENERATOR, {threads: 1, memoryBudgetBytes: least, streamWeights: false}), {
    code: 'ERR_BUDGET_EXCEEDED',
  });
});

test('convolutions keep their baselines when their weights are streamed', t => {
  const [held, streamed] = [false, true].map(
    streamWeights => compile(GENERATOR, {threads: 1, exact: true, streamWeights}).explanation,
  );
  t.is(streamed!.convolutions.length, held!.convolutions.length);
  streamed!.convolutions.forEach((each, index) => {
    const {command: _, ...expected} = held!.convolutions[index]!;
    const {command, ...actual} = each;
    t.deepEqual(actual, expected);
    t.not(streamed!.commands[command]!.op, 'load');
  });
  const {zeroInsertDirect} = streamed!.baselines;
  t.is(zeroInsertDirect.macs, held!.baselines.zeroInsertDirect.macs);
  t.is(zeroInsertDirect.weightsBytes, held!.baselines.zeroInsertDirect.weightsBytes);
  t.is(CODE.x.length, 32);
});

test('a GPU holds all its weights', t => {
  t.throws(() => compile(GENERATOR, {device: 'cuda', streamWeights: true}), {
    code: 'ERR_OPTION',
    message: "option streamWeights: expected false or 'auto' for cuda but received true",
  });
});
