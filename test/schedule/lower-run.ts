// Runs a graph through schedule, encoder, validator and interpreter, and checks what comes out.

import assert from 'node:assert/strict';
import type {Graph} from '../../src/graph/graph.js';
import {decodeProgram} from '../../src/program/decode.js';
import {encodeProgram} from '../../src/program/encode.js';
import {interpret} from '../../src/program/interpreter/interpret.js';
import type {Explanation, Totals} from '../../src/program/program.js';
import {type Schedule, schedule} from '../../src/schedule/schedule.js';
import {runReference} from './lower-reference.js';
import type {Tensor} from './tensors.js';

const COUNTS = {macs: 0, readBytes: 0, writtenBytes: 0};
const TOTALS: Totals = {...COUNTS, arenaPeakBytes: 0, weightsBytes: 0, totalBytes: 0};
const EXPLANATION: Omit<Explanation, 'inputs' | 'outputs' | 'commands'> = {
  model: 'test',
  blocks: [],
  totals: TOTALS,
  baselines: {zeroInsertIm2col: TOTALS, zeroInsertDirect: TOTALS, gemmCol2im: TOTALS},
  convolutions: [],
};

/** A program of a schedule whose explanation says nothing. */
export function encodeSchedule(graph: Graph, planned: Schedule): Uint8Array {
  const port = (name: string, value = name) =>
    ({
      name,
      dtype: 'float32',
      shape: graph.values.get(value)?.shape ?? graph.constants.get(value)!.dims,
    }) as const;
  const inputs = planned.inputs.map(({name, buffer}) => ({port: port(name), buffer}));
  const outputs = planned.outputs.map(({name, value}) => ({port: port(name, value)}));
  const commands = planned.steps.map(step => ({
    ...step.counts,
    op: step.op,
    name: step.name,
    schedule: '',
    shape: step.y.shape,
    arenaOffset: -1,
  }));
  const ports = (bindings: readonly {port: Explanation['inputs'][number]}[]) =>
    bindings.map(binding => binding.port);
  return encodeProgram({
    steps: planned.steps,
    buffers: planned.buffers,
    offsets: planned.offsetsBytes,
    arenaBytes: planned.arenaPeakBytes,
    inputs,
    outputs,
    explanation: {...EXPLANATION, inputs: ports(inputs), outputs: ports(outputs), commands},
  });
}

/** Small whole numbers, different for every input. */
export function integerInputs(graph: Graph): Tensor[] {
  return graph.inputs.map((name, input) => {
    const {shape} = graph.values.get(name)!;
    const count = shape.reduce((a, b) => a * b, 1);
    return {shape, data: Array.from({length: count}, (_, i) => ((i * 7 + input * 3) % 17) - 8)};
  });
}

/** Asserts that the schedule computes what the graph means and touches what it says; returns the schedule. */
export function assertRuns(graph: Graph, copiedConcats: ReadonlySet<string> = new Set()): Schedule {
  const planned = schedule(graph, {schedule: 'auto', copiedConcats});
  assertPlaced(planned);
  const inputs = integerInputs(graph);
  const program = decodeProgram(encodeSchedule(graph, planned));
  const result = interpret(
    program,
    inputs.map(input => Float32Array.from(input.data)),
    {count: true},
  );

  runReference(graph, inputs).forEach((expected, index) => {
    const actual = result.outputs[index]!;
    assert.equal(actual.length, expected.data.length);
    expected.data.forEach((value, i) => {
      const tolerance = 1e-4 * Math.max(1, Math.abs(value));
      assert.ok(
        Math.abs(actual[i]! - value) <= tolerance,
        `output ${index}[${i}]: expected ${value} but received ${actual[i]}`,
      );
    });
  });
  planned.steps.forEach((step, index) => {
    assert.deepEqual(
      step.counts,
      result.counts[index],
      `counts of step ${index} (${step.op} of ${step.name})`,
    );
  });
  return planned;
}

function assertPlaced(planned: Schedule): void {
  assert.ok(planned.arenaPeakBytes >= planned.arenaLowerBoundBytes);
  for (const [buffer, offset] of planned.offsetsBytes) {
    assert.equal(offset % 64, 0, `offset of buffer ${buffer}`);
  }
}

/** What a schedule computes from `integerInputs`, its counts recounted. */
export function runCounted(graph: Graph, planned: Schedule): readonly Float32Array[] {
  const inputs = integerInputs(graph).map(({data}) => Float32Array.from(data));
  const result = interpret(decodeProgram(encodeSchedule(graph, planned)), inputs, {count: true});
  planned.steps.forEach((step, index) => {
    assert.deepEqual(step.counts, result.counts[index], `counts of ${step.op} of ${step.name}`);
  });
  return result.outputs;
}
