// Every schedule through encoder, validator and interpreter: the definition, and the counts once more.

import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import {IDENTITY} from '../../src/graph/functions.js';
import type {Graph, Value} from '../../src/graph/graph.js';
import {decodeProgram} from '../../src/program/decode.js';
import {interpret} from '../../src/program/interpreter/interpret.js';
import {SCHEDULES} from '../../src/schedule/candidates.js';
import {schedule} from '../../src/schedule/schedule.js';
import {checkProperty} from '../helpers/properties.js';
import {CONV_CASES, type ConvCase, dataOf, definitionOf, geometryOf} from './conv-cases.js';
import {encodeSchedule} from './lower-run.js';

/** relu(conv(x)), without bias. */
function graphOf(conv: ConvCase): Graph {
  const {batch, inChannels, outChannels, input, output} = conv.definition;
  const value = (name: string, shape: readonly number[]): [string, Value] => [
    name,
    {name, dtype: 'float32', shape},
  ];
  const operation = {
    op: 'conv',
    geometry: geometryOf(conv),
    weights: dataOf(conv).weights,
    bias: null,
    epilogue: {activation: {...IDENTITY, fn: 'relu'}},
  } as const;
  return {
    nodes: [{name: 'conv', operation, inputs: ['x'], output: 'y'}],
    values: new Map([
      value('x', [batch, inChannels, ...input]),
      value('y', [batch, outChannels, ...output]),
    ]),
    constants: new Map(),
    inputs: ['x'],
    outputs: [{name: 'y', value: 'y'}],
  };
}

test('every schedule is a valid program that computes the definition and touches what it says', t => {
  checkProperty(t, fc.tuple(CONV_CASES, fc.constantFrom(...SCHEDULES)), ([conv, name]) => {
    const graph = graphOf(conv);
    const data = dataOf(conv);
    const planned = schedule(graph, {schedule: name});
    const program = decodeProgram(encodeSchedule(graph, planned));
    const {outputs, counts} = interpret(program, [data.x], {count: true});

    const expected = definitionOf(conv, data).map(value => Math.max(0, value));
    assert.deepEqual(
      Array.from(outputs[0]!, value => value + 0),
      expected,
    );
    planned.steps.forEach((step, index) => {
      assert.deepEqual(step.counts, counts[index]);
    });
  });
});
