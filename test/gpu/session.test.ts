// Sessions on the GPU: what they compute, and how they refuse.

import {execFile} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type {ExecutionContext} from 'ava';
import {
  compile,
  type Feeds,
  gpuInfo,
  load,
  open,
  PRECISIONS,
  UntangleError,
} from '../../src/index.js';
import {decodeProgram} from '../../src/program/decode.js';
import {DRIVER, gpuTest} from '../helpers/gpu.js';
import {model, type NodeSpec} from '../helpers/onnx-builder.js';
import {chain, GENERATOR_LAYER, integers, SMALL_MODELS, weights} from '../runtime/small-models.js';

const MAIN = path.resolve(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js');

const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** What a session computes from integers of a seed. */
async function results(
  session: Awaited<ReturnType<typeof load>>,
  seed: number,
): Promise<number[][]> {
  const feeds: Feeds = Object.fromEntries(
    session.inputs.map(({name, shape}, index) => [name, integers(count(shape), seed + index)]),
  );
  const outputs = await session.run(feeds);
  return Object.values(outputs).map(({data}) => Array.from(data, Number));
}

function assertNear(t: ExecutionContext, actual: number[][], expected: number[][], what: string) {
  t.is(actual.length, expected.length, what);
  for (const [index, values] of expected.entries()) {
    const range = Math.max(1, ...values.map(Math.abs));
    const errors = values.map((value, at) => Math.abs(actual[index]![at]! - value) / range);
    t.true(Math.max(...errors) <= 1e-5, `${what}, output ${index}: ${Math.max(...errors)}`);
  }
}

async function refused(t: ExecutionContext, call: () => Promise<unknown>): Promise<UntangleError> {
  const error = await t.throwsAsync(call, {instanceOf: UntangleError});
  return error!;
}

for (const {name, bytes} of SMALL_MODELS) {
  gpuTest(`${name}: the GPU computes what the CPU computes, run after run`, async t => {
    await using cpu = await load(bytes, {threads: 1});
    await using gpu = await load(bytes, {device: 'cuda'});
    t.is(gpu.device, 'cuda');
    // In batches, as a graph, and replayed.
    for (const seed of [1, 2, 3])
      assertNear(t, await results(gpu, seed), await results(cpu, seed), `run ${seed}`);
  });
}

gpuTest('one program compiled for the GPU runs on both devices', async t => {
  const program = compile(GENERATOR_LAYER, {device: 'cuda'});
  await using cpu = await open(program, {threads: 2});
  await using gpu = await open(program.bytes, {device: 'cuda'});
  t.deepEqual([cpu.device, gpu.device], ['cpu', 'cuda']);
  t.deepEqual(await results(gpu, 4), await results(cpu, 4));
});

gpuTest('programs of the CPU run on the GPU, in forms that only the CPU is compiled', async t => {
  for (const schedule of ['planar', 'winograd'] as const) {
    for (const type of ['fp32', 'fp16', 'int8'] as const) {
      const program = compile(GENERATOR_LAYER, {schedule, weights: type});
      const ops = program.explanation.commands.map(({op}) => op);
      t.true(ops.includes(schedule === 'planar' ? 'planarTaps' : 'winograd'), ops.join());
      await using cpu = await open(program, {threads: 2});
      await using gpu = await open(program, {device: 'auto'});
      t.is(gpu.device, 'cuda');
      assertNear(t, await results(gpu, 7), await results(cpu, 7), `${schedule}, ${type}`);
    }
  }
});

gpuTest('programs that stream weights are refused, and left to the CPU by auto', async t => {
  const channels = 192;
  const wide = chain({
    input: [1, channels, 2, 2],
    output: [1, channels, 2, 2],
    nodes: [{op: 'Conv', extra: ['w']}],
    initializers: {w: weights([channels, channels, 1, 1])},
  });
  const program = compile(wide, {streamWeights: true});
  // From a file, whose memory the first attempt to open it takes over.
  const file = path.join(mkdtempSync(path.join(os.tmpdir(), 'untangle-auto-')), 'streamed.untp');
  t.teardown(() => rmSync(path.dirname(file), {recursive: true}));
  writeFileSync(file, program.bytes);
  const refusal = await refused(t, () => load(file, {device: 'cuda'}));
  t.is(refusal.code, 'ERR_DEVICE_UNSUPPORTED');
  t.regex(refusal.message, /has a load \(.*compile the model with device: 'cuda'/);
  await using loaded = await load(file, {device: 'auto'});
  t.is(loaded.device, 'cpu');
  await using automatic = await load(GENERATOR_LAYER, {device: 'auto'});
  t.is(automatic.device, 'cuda');
});

gpuTest('without a driver cuda is refused with a reason, and auto is the CPU', async t => {
  process.env.UNTANGLE_CUDA_DRIVER = '/nowhere/libcuda.so.1';
  try {
    const error = await refused(t, () => load(GENERATOR_LAYER, {device: 'cuda'}));
    t.is(error.code, 'ERR_DEVICE_UNSUPPORTED');
    t.regex(
      error.message,
      /driver could not be opened.*\/nowhere\/libcuda\.so\.1.*use device: 'cpu'/,
    );
    await using session = await load(GENERATOR_LAYER, {device: 'auto'});
    t.is(session.device, 'cpu');
    t.regex(gpuInfo().reason ?? '', /could not be opened/);
  } finally {
    process.env.UNTANGLE_CUDA_DRIVER = DRIVER;
  }
});

gpuTest('a budget is a promise on the GPU too', async t => {
  const error = await refused(t, () =>
    load(GENERATOR_LAYER, {device: 'cuda', memoryBudgetBytes: 200_000}),
  );
  t.is(error.code, 'ERR_BUDGET_EXCEEDED');
  const neededBytes = Number(error.fields.neededBytes);
  t.true(neededBytes > 200_000);
  t.regex(error.message, new RegExp(`at least ${neededBytes} bytes`));
  await using session = await load(GENERATOR_LAYER, {
    device: 'cuda',
    memoryBudgetBytes: neededBytes,
  });
  t.is(session.device, 'cuda');
  const less = {device: 'cuda', memoryBudgetBytes: neededBytes - 1} as const;
  t.is((await refused(t, () => load(GENERATOR_LAYER, less))).code, 'ERR_BUDGET_EXCEEDED');
});

gpuTest('an index outside its axis ends the run with the index and its range', async t => {
  const gather = model({
    opset: 17,
    inputs: [
      {name: 'x', dims: [5, 3]},
      {name: 'i', dims: [4], dtype: 'int64'},
    ],
    outputs: [{name: 'y'}],
    nodes: [{op: 'Gather', name: 'find', inputs: ['x', 'i'], outputs: ['y']}],
  });
  await using session = await load(gather, {device: 'cuda'});
  const x = integers(15, 1);
  for (const bad of [
    [0, 5, 1, 9],
    [0, 1, -6, 2],
    [1, 2, 3, 17],
  ]) {
    const error = await refused(t, () => session.run({x, i: bad}));
    t.is(error.code, 'ERR_INDEX_RANGE');
    t.regex(error.message, new RegExp(`"find".*-5 to 4.*${bad.find(i => i > 4 || i < -5)}`));
    const {y} = await session.run({x, i: [4, -1, 0, 2]});
    t.deepEqual([...y!.data.slice(0, 3)], [...x.slice(12)], 'the next run is right');
  }
});

gpuTest('less precise products are close, and only where they are asked for', async t => {
  const bytes = chain({
    input: [1, 24, 9, 9],
    output: [1, 40, 18, 18],
    nodes: [{op: 'ConvTranspose', extra: ['w'], attrs: {strides: [2, 2], pads: [1, 1, 1, 1]}}],
    initializers: {
      w: {
        dims: [24, 40, 4, 4],
        data: Float32Array.from({length: 15_360}, (_, at) => Math.sin(at * 1.7)),
      },
    },
  });
  await using cpu = await load(bytes, {threads: 1, precision: 'fp16'});
  const [expected] = await results(cpu, 1);
  const range = Math.max(...expected!.map(Math.abs));
  const errors = new Map<string, number>();
  for (const precision of PRECISIONS) {
    await using gpu = await load(bytes, {device: 'cuda', precision});
    const [actual] = await results(gpu, 1);
    const differences = expected!.map((value, at) => Math.abs(actual![at]! - value) / range);
    errors.set(precision, Math.max(...differences));
  }
  t.true(errors.get('fp32')! < 1e-6);
  for (const precision of ['tf32', 'fp16']) {
    const error = errors.get(precision)!;
    t.true(error > 1e-6 && error < 1e-3, `${precision}: ${error}`);
  }
});

/** y = x * w and z = w * x from the same weights: convolutions of matrices, or a stack of products. */
function products(
  dims: readonly number[],
  w: Float32Array,
  also: readonly NodeSpec[] = [],
): Uint8Array {
  return model({
    opset: 17,
    inputs: [{name: 'x', dims}],
    outputs: [{name: 'y'}, {name: 'z'}, ...also.map(({outputs}) => ({name: outputs[0]!}))],
    initializers: {w: {dims, data: w}},
    nodes: [
      {op: 'MatMul', name: 'right', inputs: ['x', 'w'], outputs: ['y']},
      {op: 'MatMul', name: 'left', inputs: ['w', 'x'], outputs: ['z']},
      ...also,
    ],
  });
}

const STACK = [2, 32, 32];

for (const dims of [[32, 32], STACK]) {
  gpuTest(`fp16 rounds constant weights of products to halves, rank ${dims.length}`, async t => {
    const length = count(dims);
    const data = Float32Array.from({length}, (_, at) => Math.sin(at * 1.7) * 3);
    await using exact = await load(products(dims, data), {threads: 1});
    await using absolute = await load(products(dims, data.map(Math.abs)), {threads: 1});
    await using half = await load(products(dims, data), {device: 'cuda', precision: 'fp16'});
    const x = integers(length, 5);
    const expected = await exact.run({x});
    const sums = await absolute.run({x: x.map(Math.abs)});
    const actual = await half.run({x});
    for (const name of ['y', 'z']) {
      const differences = Array.from(actual[name]!.data, (value, at) =>
        Math.abs(Number(value) - Number(expected[name]!.data[at])),
      );
      // The unit roundoff of a half for each weight (the integers are exact), that of f32 for each of 32 sums, twice.
      const bound = (at: number) => Number(sums[name]!.data[at]) * (2 ** -11 + 64 * 2 ** -24);
      t.true(differences.every((value, at) => value <= bound(at)));
      t.true(Math.max(...differences) > 1e-5, 'something was rounded');
    }
  });
}

gpuTest(
  'fp16 leaves constants alone that no half holds, or that are more than weights',
  async t => {
    const length = count(STACK);
    const large = Float32Array.from({length}, (_, at) => (at === 77 ? 70_001 : at / 7));
    const scaled = Float32Array.from({length}, (_, at) => Math.cos(at));
    const scale = {op: 'Mul', name: 'scale', inputs: ['x', 'w'], outputs: ['scaled']};
    for (const bytes of [products(STACK, large), products(STACK, scaled, [scale])]) {
      const program = compile(bytes, {device: 'cuda'});
      t.true(decodeProgram(program.bytes).commands.some(({op}) => op === 'matmul'));
      await using full = await open(program, {device: 'cuda'});
      await using half = await open(program, {device: 'cuda', precision: 'fp16'});
      t.deepEqual(await results(half, 6), await results(full, 6));
    }
  },
);

gpuTest('fp16 takes half the memory for weights', async t => {
  const bytes = chain({
    input: [1, 256, 3, 3],
    output: [1, 768, 6, 6],
    nodes: [{op: 'ConvTranspose', extra: ['w'], attrs: {strides: [2, 2], pads: [1, 1, 1, 1]}}],
    initializers: {w: {dims: [256, 768, 4, 4], data: new Float32Array(256 * 768 * 16)}},
  });
  const program = compile(bytes, {device: 'cuda', schedule: 'uks'});
  const needed = async (precision: (typeof PRECISIONS)[number]) => {
    const tiny = {device: 'cuda', precision, memoryBudgetBytes: 1} as const;
    return Number((await refused(t, () => open(program, tiny))).fields.neededBytes);
  };
  t.is((await needed('fp32')) - (await needed('fp16')), 256 * 768 * 16 * 2);
});

gpuTest('fp16 keeps activations as halves: half the memory, and a rounding for each', async t => {
  const shape = [1, 8, 384, 384];
  const bytes = chain({
    input: shape,
    output: shape,
    nodes: [
      {op: 'Conv', extra: ['w'], attrs: {pads: [1, 1, 1, 1]}},
      {op: 'InstanceNormalization', extra: ['scale', 'shift']},
      {op: 'Sigmoid'},
    ],
    initializers: {
      w: {dims: [8, 8, 3, 3], data: integers(576, 3)},
      scale: {dims: [8], data: new Float32Array(8).fill(1)},
      shift: {dims: [8], data: new Float32Array(8)},
    },
  });
  const program = compile(bytes, {device: 'cuda'});
  const needed = async (precision: (typeof PRECISIONS)[number]) => {
    const tiny = {device: 'cuda', precision, memoryBudgetBytes: 1} as const;
    return Number((await refused(t, () => open(program, tiny))).fields.neededBytes);
  };
  const saved = (await needed('fp32')) - (await needed('fp16'));
  // The driver hands out pages of 2 MiB.
  t.true(Math.abs(saved - decodeProgram(program.bytes).arenaBytes / 2) < 2 << 20, `${saved} bytes`);
  await using exact = await load(bytes, {threads: 1});
  await using half = await open(program, {device: 'cuda', precision: 'fp16'});
  const [expected, actual] = [await results(exact, 3), await results(half, 3)];
  const worst = expected[0]!.reduce(
    (most, y, at) => Math.max(most, Math.abs(y - actual[0]![at]!)),
    0,
  );
  t.true(worst > 1e-5 && worst < 5e-3, `${worst}`);
});

gpuTest('fp16 leaves what indices are computed from in floats', async t => {
  const rows = 5000;
  const gather = model({
    opset: 17,
    inputs: [
      {name: 'x', dims: [rows, 2]},
      {name: 'i', dims: [3], dtype: 'int64'},
    ],
    outputs: [{name: 'y'}],
    nodes: [{op: 'Gather', inputs: ['x', 'i'], outputs: ['y']}],
  });
  await using session = await load(gather, {device: 'cuda', precision: 'fp16'});
  const x = Float32Array.from({length: rows * 2}, (_, at) => at);
  const {y} = await session.run({x, i: [4097, 4099, 2049]});
  t.deepEqual([...y!.data], [8194, 8195, 8198, 8199, 4098, 4099]);
});

gpuTest('runs are aborted and timed, and sessions disposed', async t => {
  const session = await load(GENERATOR_LAYER, {device: 'cuda'});
  const feeds = {x: integers(240, 1)};
  const error = await t.throwsAsync(async () =>
    session.run(feeds, {signal: AbortSignal.abort('enough')}),
  );
  t.is(error?.name, 'AbortError');
  await session.run(feeds, {profile: true});
  t.true(session.profile!.every(({ms, work}) => ms >= 0 && work.length === 0));
  const starts = session.profile!.map(({startMs}) => startMs);
  t.deepEqual(
    starts,
    [...starts].sort((a, b) => a - b),
  );
  await session.dispose();
  t.is((await refused(t, () => session.run(feeds))).code, 'ERR_SESSION_DISPOSED');
});

/** The command line in a process of its own, which alone sees `env`. */
function untangle(env: Record<string, string>, ...args: string[]) {
  return new Promise<{stdout: string; stderr: string}>(resolve => {
    execFile(
      process.execPath,
      [MAIN, ...args],
      {env: {...process.env, ...env}},
      (_error, stdout, stderr) => resolve({stdout, stderr}),
    );
  });
}

const isEmulated = DRIVER.includes('emulator');
const DEMO = path.resolve(import.meta.dirname, '..', '..', '..', 'models', 'dcgan-faces.onnx');

gpuTest('the command line runs on the GPU and names it', async t => {
  const {stdout} = await untangle({}, 'run', DEMO, '--device', 'cuda', '--json');
  const {device, gpu} = JSON.parse(stdout);
  t.is(device, 'cuda');
  if (isEmulated) t.regex(gpu, /emulated/);
  const doctor = await untangle({}, 'doctor');
  t.regex(doctor.stdout, /gpu +.*compute capability/);
  if (!isEmulated) return;
  const integrated = await untangle({UNTANGLE_EMULATOR_INTEGRATED: '1'}, 'doctor');
  t.regex(integrated.stdout, /shared with the CPU/);
});

if (isEmulated) {
  gpuTest('memory the GPU does not have and calls that fail are typed errors', async t => {
    const small = {UNTANGLE_EMULATOR_MEMORY: '1000000'};
    const memory = await untangle(small, 'run', DEMO, '--device', 'cuda');
    t.regex(memory.stderr, /the GPU has no memory left.*cuMemAlloc.*ERR_GPU_MEMORY/s);
    const failing = await untangle(
      {UNTANGLE_EMULATOR_FAIL: '120:719'},
      'bench',
      DEMO,
      '--device',
      'cuda',
    );
    t.regex(failing.stderr, /the GPU failed.*ERR_GPU_FAILED/s);
  });
}
