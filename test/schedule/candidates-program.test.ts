// Every schedule through encoder, validator and interpreter: the definition, and the counts once more.

import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import {decodeProgram} from '../../src/program/decode.js';
import {interpret} from '../../src/program/interpreter/interpret.js';
import {SCHEDULES} from '../../src/schedule/candidates.js';
import {schedule} from '../../src/schedule/schedule.js';
import {checkProperty} from '../helpers/properties.js';
import {dataOf, definitionOf, graphOf, RANKED_CASES} from './conv-cases.js';
import {encodeSchedule} from './lower-run.js';
import {assertComputed} from './winograd-bound.js';

test('every schedule is a valid program that computes the definition and touches what it says', t => {
  checkProperty(t, fc.tuple(RANKED_CASES, fc.constantFrom(...SCHEDULES)), ([conv, name]) => {
    const data = dataOf(conv);
    const graph = graphOf(conv, data.weights, null);
    const planned = schedule(graph, {schedule: name});
    const program = decodeProgram(encodeSchedule(graph, planned));
    const {outputs, counts} = interpret(program, [data.x], {count: true});

    const expected = definitionOf(conv, data).map(value => Math.max(0, value));
    const {inChannels} = conv.definition;
    assertComputed(planned.steps, inChannels, {actual: outputs[0]!, expected});
    planned.steps.forEach((step, index) => {
      assert.deepEqual(step.counts, counts[index]);
    });
  });
});
