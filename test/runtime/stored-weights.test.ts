// Weights of half precision and of bytes: exact where they can be, within their bounds on real models, and counted.

import assert from 'node:assert/strict';
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import {compile, open} from '../../src/index.js';
import {decodeTensor, type NamedTensor} from '../../src/onnx/tensor-file.js';
import {decodeProgram} from '../../src/program/decode.js';
import {interpret} from '../../src/program/interpreter/interpret.js';
import {loadAddon} from '../../src/runtime/native.js';
import {SCHEDULES, type ScheduleName} from '../../src/schedule/candidates.js';
import {schedule} from '../../src/schedule/schedule.js';
import {bufferBytes} from '../../src/schedule/steps.js';
import type {WeightType} from '../../src/untangle/stored-weights.js';
import {CONV_CASES, type ConvCase, dataOf, graphOf} from '../schedule/conv-cases.js';
import {encodeSchedule} from '../schedule/lower-run.js';

const TYPES = ['fp16', 'int8'] as const satisfies readonly WeightType[];

/** 'auto' may choose by the bytes of the weights. */
const FORCED = SCHEDULES.filter(name => name !== 'auto');

/** Weights that all types hold exactly: the scale of every column is 1, or 0. */
function planned(conv: ConvCase, name: ScheduleName, weights: WeightType) {
  const data = dataOf(conv);
  const exact = data.weights.map(value => 127 * Math.sign(value));
  const graph = graphOf(conv, exact, data.bias);
  const result = schedule(graph, {schedule: name, weights});
  return {...result, x: data.x, program: encodeSchedule(graph, result)};
}

async function runNative(
  {program, x, buffers}: ReturnType<typeof planned>,
  isa: string,
  threads: number,
): Promise<Float32Array> {
  const session = loadAddon().open(program, threads, isa, 0);
  const {elements} = buffers.find(({storage}) => storage.kind === 'output')!;
  const y = new Float32Array(elements).fill(Number.NaN);
  await session.run([x], [y], false);
  session.dispose();
  return y;
}

test('whole weights give the same bits as fp32: every schedule and instruction set', async t => {
  const {available} = loadAddon().cpuInfo();
  const kinds = new Set<string>();
  await t.notThrowsAsync(() =>
    fc.assert(
      fc.asyncProperty(CONV_CASES, async conv => {
        for (const [index, name] of FORCED.entries()) {
          const isa = available[(conv.seed + index) % available.length]!;
          const expected = await runNative(planned(conv, name, 'fp32'), isa, 1);
          for (const type of TYPES) {
            const stored = planned(conv, name, type);
            const what = `${type}, ${name} on ${isa}`;
            assert.deepEqual(await runNative(stored, isa, 1 + (conv.seed % 2)), expected, what);
            for (const {op} of stored.steps) kinds.add(`${op} ${type}`);
          }
        }
      }),
      {numRuns: 50, seed: 20_241_107},
    ),
  );
  for (const op of ['gemmTaps', 'planarTaps', 'winograd', 'widen'])
    for (const type of TYPES) t.true(kinds.has(`${op} ${type}`), `${op} ${type}`);
});

test('counts of stored weights are what the interpreter touches', t => {
  fc.assert(
    fc.property(CONV_CASES, conv => {
      for (const [index, name] of FORCED.entries()) {
        const type = TYPES[(conv.seed + index) % TYPES.length]!;
        const {steps, program, x} = planned(conv, name, type);
        const {counts, outputs} = interpret(decodeProgram(program), [x], {count: true});
        assert.deepEqual(
          steps.map(step => ({op: step.op, ...step.counts})),
          steps.map(({op}, at) => ({op, ...counts[at]!})),
          `${type}, ${name}`,
        );
        if (name === 'winograd') continue;
        const plain = interpret(decodeProgram(planned(conv, name, 'fp32').program), [x], {
          count: false,
        });
        assert.deepEqual(outputs, plain.outputs, `${type}, ${name}`);
      }
    }),
    {numRuns: 12, seed: 20_241_107},
  );
  t.pass();
});

const MODELS = path.resolve(import.meta.dirname, '..', '..', '..', '..', 'shared', 'models');

/** Largest error of fp16, as a part of the range of an output. */
const HALF_ERROR = 2e-3;
/** Errors of single elements that pass it. */
const HALF_EXCEPTIONS: Readonly<Record<string, number>> = {
  'bodypix-mnv1-050-s8 part_offsets': 3.5e-3,
};
/** Least peak signal to noise ratio of int8, in dB. */
const BYTE_PSNR = 35;

const names = existsSync(MODELS)
  ? readdirSync(MODELS).filter(name => existsSync(path.join(MODELS, name, 'model.onnx')))
  : [];
if (names.length === 0) test.skip(`skipped, ${MODELS} does not exist`, () => {});

for (const name of names) {
  test(`${name}: half-precision and int8 weights cost little`, async t => {
    t.timeout(120_000);
    const inputs = tensors(path.join(MODELS, name), 'input');
    const plain = await runModel(name, inputs, 'fp32');
    const half = await runModel(name, inputs, 'fp16');
    const bytes = await runModel(name, inputs, 'int8');
    for (const [output, {data}] of Object.entries(plain.results)) {
      const expected = Float32Array.from(data as ArrayLike<number>);
      const {worst} = compare(expected, half.results[output]!.data);
      const {psnr} = compare(expected, bytes.results[output]!.data);
      const most = HALF_EXCEPTIONS[`${name} ${output}`] ?? HALF_ERROR;
      t.log(`${output}: fp16 ${worst.toExponential(1)} of the range, int8 ${psnr.toFixed(1)} dB`);
      t.true(worst <= most, `${output}: fp16 is off by ${worst}`);
      t.true(psnr >= BYTE_PSNR, `${output}: int8 has ${psnr} dB`);
    }
    t.true(half.weightsBytes < plain.weightsBytes);
    t.true(bytes.weightsBytes < half.weightsBytes);
  });
}

function tensors(folder: string, kind: 'input' | 'output'): NamedTensor[] {
  return readdirSync(folder)
    .filter(file => file.startsWith(`${kind}_`))
    .map(file => decodeTensor(readFileSync(path.join(folder, file))));
}

async function runModel(name: string, inputs: readonly NamedTensor[], weights: WeightType) {
  const shapes = Object.fromEntries(inputs.map(tensor => [tensor.name, tensor.dims]));
  const feeds = Object.fromEntries(inputs.map(tensor => [tensor.name, tensor.data]));
  const file = readFileSync(path.join(MODELS, name, 'model.onnx'));
  const program = compile(file, {shapes, weights});
  await using session = await open(program, {threads: 2});
  return {
    results: await session.run(feeds),
    weightsBytes: program.explanation.totals.weightsBytes,
  };
}

/** The largest error as a part of the range, and the peak signal to noise ratio in dB. */
function compare(expected: Float32Array, actual: ArrayLike<number>) {
  let [low, high, worst, squares] = [Infinity, -Infinity, 0, 0];
  for (const [index, value] of expected.entries()) {
    const error = Math.abs(value - actual[index]!);
    low = Math.min(low, value);
    high = Math.max(high, value);
    worst = Math.max(worst, error);
    squares += error * error;
  }
  const range = high - low;
  return {
    worst: worst / range,
    psnr: 10 * Math.log10(range ** 2 / (squares / expected.length)),
  };
}

test('a layer of int8 weights takes a quarter of the bytes, of fp16 half, and is read so', t => {
  const conv = fc.sample(CONV_CASES, {numRuns: 40, seed: 1}).find(({definition}) => {
    const {groups, inChannels, outChannels} = definition;
    return groups === 1 && inChannels > 1 && outChannels > 1;
  })!;
  const stored = (type: WeightType) => {
    const {buffers, steps} = planned(conv, 'cks', type);
    const step = steps.find(({op}) => op === 'gemmTaps')!;
    const weights = buffers.find(({id}) => step.op === 'gemmTaps' && id === step.weights.buffer)!;
    return {bytes: bufferBytes(weights), read: step.counts.readBytes};
  };
  const [plain, half, bytes] = [stored('fp32'), stored('fp16'), stored('int8')];
  const panels = Math.ceil(conv.definition.outChannels / 16);
  t.is(half.bytes, plain.bytes / 2);
  t.is(bytes.bytes, plain.bytes / 4 + panels * 16 * 4);
  t.true(plain.read > half.read && half.read > bytes.read);
});
