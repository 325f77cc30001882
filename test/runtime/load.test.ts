// What load, compile and open refuse, each with its own code; and the budget they promise.

import {mkdtempSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {compile, type ErrorCode, load, open, UntangleError} from '../../src/index.js';
import {model} from '../helpers/onnx-builder.js';
import {chain, GENERATOR_LAYER, integers, weights} from './small-models.js';

const FOLDER = mkdtempSync(path.join(tmpdir(), 'untangle-load-'));
const X = integers(2 * 5 * 4 * 6, 1);

function file(name: string, contents: Uint8Array | string): string {
  const full = path.join(FOLDER, name);
  writeFileSync(full, contents);
  return full;
}

async function refuses(
  t: ExecutionContext,
  call: () => Promise<unknown>,
  code: ErrorCode,
  message: RegExp,
): Promise<void> {
  const error = await t.throwsAsync(async () => call(), {instanceOf: UntangleError});
  t.is(error?.code, code, error?.message);
  t.regex(error?.message ?? '', message);
}

const SYMBOLIC = model({
  inputs: [{name: 'x', dims: ['N', 3, 'H', 8]}],
  outputs: [{name: 'y', dims: ['N', 4, 'H', 8]}],
  initializers: {w: weights([4, 3, 1, 1])},
  nodes: [{op: 'Conv', name: 'conv', inputs: ['x', 'w'], outputs: ['y']}],
});

test('files that are no models', async t => {
  await refuses(
    t,
    () => load(path.join(FOLDER, 'absent.onnx')),
    'ERR_FILE_NOT_FOUND',
    /absent\.onnx/,
  );
  await refuses(t, () => load(FOLDER), 'ERR_FILE_READ', /directory/);
  await refuses(
    t,
    () => load(file('text.onnx', '# My network\nIt is very good.\n')),
    'ERR_ONNX_FORMAT',
    /text/,
  );
  await refuses(t, () => load(file('empty.onnx', '')), 'ERR_ONNX_FORMAT', /empty/);
  await refuses(
    t,
    () => load(file('cut.onnx', GENERATOR_LAYER.subarray(0, 500))),
    'ERR_ONNX_FORMAT',
    /./,
  );
  await refuses(
    t,
    () => load(GENERATOR_LAYER, {limits: {fileBytes: 100}}),
    'ERR_ONNX_LIMIT',
    /fileBytes = 100/,
  );
});

test('models that cannot run', async t => {
  const unsupported = chain({
    input: [1],
    output: [1],
    nodes: [{op: 'FancyOp'}, {op: 'Relu'}, {op: 'FancierOp'}],
  });
  await refuses(
    t,
    () => load(unsupported),
    'ERR_OP_UNSUPPORTED',
    /2 unsupported.*FancyOp.*FancierOp|2 unsupported.*FancierOp.*FancyOp/,
  );
  await refuses(t, () => load(SYMBOLIC), 'ERR_SHAPE_UNBOUND', /"x".*"H"/);
  await refuses(t, () => load(SYMBOLIC, {shapes: {z: [1]}}), 'ERR_INPUT_NAME', /"z".*"x"/);
  await refuses(t, () => load(SYMBOLIC, {shapes: {x: [1, 3, 4, 9]}}), 'ERR_INPUT_SHAPE', /"x"/);
});

test('symbolic dimensions are bound by shapes', async t => {
  const session = await load(SYMBOLIC, {shapes: {x: [2, 3, 5, 8]}, threads: 1});
  t.deepEqual(session.outputs[0]!.shape, [2, 4, 5, 8]);
  await session.dispose();
});

test('feeds that do not fit', async t => {
  const session = await load(GENERATOR_LAYER, {threads: 1});
  const run = (feeds: object) => () => session.run(feeds as never);
  await refuses(t, run({}), 'ERR_INPUT_MISSING', /"x".*\[2, 5, 4, 6\]/);
  await refuses(t, run({x: X, z: X}), 'ERR_INPUT_NAME', /"z".*"x"/);
  await refuses(t, run({x: X.subarray(1)}), 'ERR_INPUT_SHAPE', /240 values.*239 values/);
  await refuses(
    t,
    run({x: {data: X, shape: [2, 5, 6, 4]}}),
    'ERR_INPUT_SHAPE',
    /\[2, 5, 4, 6\].*\[2, 5, 6, 4\]/,
  );
  await refuses(t, run({x: 'x'}), 'ERR_INPUT_TYPE', /array of numbers.*received string/);
  await refuses(t, () => session.run(null as never), 'ERR_OPTION', /feeds/);
  await refuses(t, () => session.run({x: X}, {signal: 'now' as never}), 'ERR_OPTION', /signal/);
  await session.dispose();
});

test('options out of range', async t => {
  const bad: readonly [object, RegExp][] = [
    [
      {memoryBudgetBytes: Number.NaN},
      /memoryBudgetBytes: expected a positive integer but received NaN/,
    ],
    [{memoryBudgetBytes: Infinity}, /memoryBudgetBytes.*Infinity/],
    [{memoryBudgetBytes: -1}, /memoryBudgetBytes.*-1/],
    [{memoryBudgetBytes: 1.5}, /memoryBudgetBytes.*1\.5/],
    [{memoryBudgetBytes: '64MiB'}, /memoryBudgetBytes.*"64MiB"/],
    [{threads: 0}, /threads: expected an integer from 1 to 256 but received 0/],
    [{threads: 257}, /threads.*257/],
    [{threads: Number.NaN}, /threads.*NaN/],
    [{exact: 1}, /exact: expected true or false.*1/],
    [{schedule: 'fastest'}, /schedule: expected one of auto.*"fastest"/],
    [{shapes: {x: [1, 'N']}}, /shapes\.x\.1.*"N"/],
    [{shapes: [1, 2]}, /shapes/],
    [{device: 'tpu'}, /device.*"tpu"/],
    [{memoryBudget: 1}, /memoryBudget.*unknown option/],
  ];
  for (const [options, message] of bad)
    await refuses(t, () => load(GENERATOR_LAYER, options), 'ERR_OPTION', message);
  await refuses(
    t,
    () => load(GENERATOR_LAYER, {device: 'cuda' as never}),
    'ERR_DEVICE_UNSUPPORTED',
    /cuda/,
  );
  await refuses(t, () => load(7 as never), 'ERR_OPTION', /source/);
});

test('a budget is a promise: refused below the need, kept at it', async t => {
  for (const call of [
    (memoryBudgetBytes: number) => load(GENERATOR_LAYER, {threads: 1, memoryBudgetBytes}),
    (memoryBudgetBytes: number) =>
      open(compile(GENERATOR_LAYER, {threads: 1}), {threads: 1, memoryBudgetBytes}),
  ]) {
    const error = await t.throwsAsync(async () => call(1000), {instanceOf: UntangleError});
    t.is(error?.code, 'ERR_BUDGET_EXCEEDED');
    const needed = Number(/needs at least (\d+) bytes/.exec(error?.message ?? '')?.[1]);
    t.true(needed > 1000);
    t.is(error?.fields.neededBytes, needed);
    await (await call(needed)).dispose();
    await t.throwsAsync(async () => call(needed - 1), {code: 'ERR_BUDGET_EXCEEDED'});
  }
});

test('program files: damage is an error, never a crash', async t => {
  const {bytes} = compile(GENERATOR_LAYER);
  const session = await load(file('layer.untp', bytes), {threads: 1});
  await session.dispose();
  await refuses(t, () => open(bytes.subarray(0, bytes.length - 7)), 'ERR_PROGRAM_FORMAT', /./);
  await refuses(t, () => open(new Uint8Array(10)), 'ERR_PROGRAM_FORMAT', /./);
  for (let at = 0; at < bytes.length; at += Math.ceil(bytes.length / 97)) {
    const damaged = Uint8Array.from(bytes);
    damaged[at]! ^= 0x5a;
    const error = await t.throwsAsync(async () => open(damaged), {instanceOf: UntangleError});
    t.regex(error?.code ?? '', /^ERR_PROGRAM_/);
  }
  await refuses(
    t,
    () => load(bytes, {schedule: 'huge2'}),
    'ERR_OPTION',
    /schedule.*already compiled/,
  );
  await refuses(t, () => load(bytes, {exact: true}), 'ERR_OPTION', /exact.*already compiled/);
});

test('compiling the same model twice gives the same bytes', t => {
  t.deepEqual(compile(GENERATOR_LAYER).bytes, compile(GENERATOR_LAYER).bytes);
});
