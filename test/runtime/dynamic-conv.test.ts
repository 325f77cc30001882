// Random convolutions whose weights and bias are inputs: every schedule against the definition, exactly, on the
// interpreter (which recounts every access) and on the native executor.

import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import {compile} from '../../src/compile.js';
import {buildGraph} from '../../src/graph/build.js';
import type {Graph} from '../../src/graph/graph.js';
import {open} from '../../src/index.js';
import {decodeModel} from '../../src/onnx/decode.js';
import {decodeProgram} from '../../src/program/decode.js';
import {interpret} from '../../src/program/interpreter/interpret.js';
import {loadAddon} from '../../src/runtime/native.js';
import {SCHEDULES} from '../../src/schedule/candidates.js';
import {schedule} from '../../src/schedule/schedule.js';
import {evaluateGraph} from '../graph/evaluate.js';
import {
  type ConvCase,
  dataOf,
  definitionOf,
  graphOf,
  RANKED_CASES,
} from '../schedule/conv-cases.js';
import {encodeSchedule} from '../schedule/lower-run.js';
import {MODULATED_MODELS} from './modulated-models.js';
import {integers} from './small-models.js';

/** Enough for every schedule to be taken. */
const RUNS = Math.max(100, Number(process.env.UNTANGLE_PROPERTY_RUNS ?? 20_000) / 20);
const SEED = Number(process.env.UNTANGLE_PROPERTY_SEED ?? 20_241_107);

/** relu(conv(x, w) + b) with all three as inputs. */
function dynamicGraph(conv: ConvCase): Graph {
  const {definition, transposed} = conv;
  const {groups, inChannels, outChannels, kernel} = definition;
  const known = graphOf(conv, new Float32Array(0), null);
  const [node] = known.nodes as [Graph['nodes'][number]];
  const {geometry, epilogue} = node.operation as Extract<typeof node.operation, {op: 'conv'}>;
  const weights = transposed
    ? [inChannels, outChannels / groups, ...kernel]
    : [outChannels, inChannels / groups, ...kernel];
  const value = (name: string, shape: readonly number[]) =>
    [name, {name, dtype: 'float32', shape}] as const;
  return {
    ...known,
    nodes: [
      {
        ...node,
        operation: {op: 'dynamicConv', geometry, hasBias: true, epilogue},
        inputs: ['x', 'w', 'b'],
      },
    ],
    values: new Map([...known.values, value('w', weights), value('b', [outChannels])]),
    inputs: ['x', 'w', 'b'],
  };
}

async function runNative(program: Uint8Array, inputs: Float32Array[], size: number) {
  const session = loadAddon().open(program, 2, loadAddon().cpuInfo().available.at(-1)!);
  const y = new Float32Array(size).fill(Number.NaN);
  await session.run(inputs, [y], false);
  session.dispose();
  return y;
}

async function checkCase(conv: ConvCase, seen: Set<string>): Promise<void> {
  const {outChannels, output} = conv.definition;
  const {x, weights, bias} = dataOf(conv);
  const pixels = output.reduce((product, size) => product * size, 1);
  const expected = definitionOf(conv, {x, weights, bias}).map((sum, i) =>
    Math.max(0, sum + bias[Math.floor(i / pixels) % outChannels]!),
  );
  const graph = dynamicGraph(conv);
  for (const name of SCHEDULES) {
    const planned = schedule(graph, {schedule: name});
    const bytes = encodeSchedule(graph, planned);
    const told = interpret(decodeProgram(bytes), [x, weights, bias], {count: true});
    assert.deepEqual(
      Array.from(told.outputs[0]!, v => v + 0),
      expected,
      name,
    );
    planned.steps.forEach((step, at) => {
      assert.deepEqual(step.counts, told.counts[at], `${name}: counts of step ${at} (${step.op})`);
    });
    const y = await runNative(bytes, [x, weights, bias], expected.length);
    assert.deepEqual(
      Array.from(y, v => v + 0),
      expected,
      `${name}, native`,
    );
    seen.add(planned.steps.find(step => step.schedule !== '')!.schedule);
  }
}

test('convolutions with weights computed at run time equal the definition, whatever the schedule', async t => {
  t.timeout(600_000);
  const seen = new Set<string>();
  await t.notThrowsAsync(() =>
    fc.assert(
      fc.asyncProperty(RANKED_CASES, conv => checkCase(conv, seen)),
      {numRuns: Math.ceil(RUNS), seed: SEED},
    ),
  );
  // Winograd's form needs weights transformed while compiling.
  const direct = SCHEDULES.filter(name => name !== 'auto' && name !== 'winograd');
  t.deepEqual([...seen].sort(), direct.sort());
});

/** The steps of a plain 3x3 convolution with weights [cout, cin, 3, 3] at run time, in short. */
function opsOf(inChannels: number, outChannels: number): string {
  const conv: ConvCase = {
    transposed: false,
    seed: 1,
    definition: {
      batch: 1,
      groups: 1,
      inChannels,
      outChannels,
      input: [8, 8],
      output: [8, 8],
      kernel: [3, 3],
      strides: [1, 1],
      dilations: [1, 1],
      padBegin: [1, 1],
    },
  };
  const planned = schedule(dynamicGraph(conv), {schedule: 'fused-taps'});
  return planned.steps.map(step => step.op).join(' ');
}

test('whole panels of a whole kernel are packed by one copy', t => {
  // x to channels last; weights; bias; the convolution; y back to planes.
  t.is(opsOf(4, 32), 'copy copy copy gemmTaps copy');
  t.is(opsOf(4, 20), 'copy copy copy copy gemmTaps copy');
});

for (const {name, bytes} of MODULATED_MODELS) {
  test(`${name}: interpreter and native compute what the graph means`, async t => {
    const graph = buildGraph(decodeModel(bytes), {shapes: {}});
    const inputs = graph.inputs.map((input, index) => {
      const count = graph.values.get(input)!.shape.reduce((a, b) => a * b, 1);
      return [input, integers(count, index + 3)] as const;
    });
    const [expected] = evaluateGraph(graph, new Map(inputs)).values();
    for (const schedule of SCHEDULES) {
      const program = compile(bytes, {schedule});
      const told = interpret(
        decodeProgram(program.bytes),
        inputs.map(([, data]) => data),
        {count: true},
      );
      program.explanation.commands.forEach(({op, macs, readBytes, writtenBytes}, at) => {
        t.deepEqual({macs, readBytes, writtenBytes}, told.counts[at], `${schedule}, ${at} ${op}`);
      });
      const session = await open(program, {threads: 2});
      const {data} = Object.values(await session.run(Object.fromEntries(inputs)))[0]!;
      await session.dispose();
      for (const [at, value] of expected!.data.entries()) {
        const tolerance = 1e-5 * Math.max(1, Math.abs(value));
        assert.ok(Math.abs(data[at]! - value) <= tolerance, `${schedule}, native, ${at}`);
        assert.ok(Math.abs(told.outputs[0]![at]! - value) <= tolerance, `${schedule}, ${at}`);
      }
    }
    t.pass();
  });
}

test('the baselines of explain know convolutions with run-time weights', t => {
  const {explanation} = compile(MODULATED_MODELS[0]!.bytes);
  const [convolution] = explanation.convolutions;
  t.is(explanation.commands[convolution!.command]!.name, 'conv');
  t.is(convolution!.weightsBytes, 0);
  t.true(explanation.baselines.zeroInsertDirect.weightsBytes === explanation.totals.weightsBytes);
});
