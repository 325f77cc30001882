// Outputs come in the arrays of their types, or in the caller's.

import test from 'ava';
import {
  compile,
  load,
  open,
  type Session,
  type TensorOutput,
  type TensorOutputs,
  UntangleError,
} from '../../src/index.js';
import type {DataType} from '../../src/onnx/model.js';
import {storeValues} from '../../src/runtime/outputs.js';
import {model} from '../helpers/onnx-builder.js';

const transposed = (dtype: DataType, dims: readonly [number, number]) =>
  model({
    inputs: [{name: 'x', dims, dtype}],
    outputs: [{name: 'y', dims: [dims[1], dims[0]], dtype}],
    nodes: [{op: 'Transpose', inputs: ['x'], outputs: ['y'], attrs: {perm: [1, 0]}}],
  });

const TYPES = {
  float32: Float32Array,
  float16: Float32Array,
  float64: Float32Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const;

for (const [dtype, ArrayType] of Object.entries(TYPES)) {
  test(`${dtype} comes in a ${ArrayType.name}, and goes into the next session as it is`, async t => {
    const bytes = transposed(dtype as DataType, [2, 3]);
    const signed = !/^(uint|bool)/.test(dtype);
    const values = dtype === 'bool' ? [0, 1, 1, 0, 1, 0] : [0, 1, 2, 3, signed ? -4 : 4, 127];
    await using session = await load(bytes, {threads: 1});
    const {y} = await session.run<TensorOutputs>({x: values});
    t.is(y!.data.constructor, ArrayType);
    t.is(y!.dtype as string, dtype.startsWith('float') ? 'float32' : dtype);
    const expected = [0, 3, 1, 4, 2, 5].map(index => values[index]!);
    t.deepEqual(Array.from(y!.data, Number), expected);

    const back = await load(transposed(dtype as DataType, [3, 2]), {threads: 1});
    const {y: again} = await back.run<TensorOutputs>({x: y!});
    t.deepEqual(Array.from(again!.data, Number), values);
    await back.dispose();
  });
}

test('64-bit integers are stored exactly', t => {
  const values = Float32Array.of(
    0,
    1,
    -1,
    2 ** 24,
    -(2 ** 24),
    2 ** 31,
    -(2 ** 31),
    2 ** 40,
    -(2 ** 40),
    -3,
  );
  const long = new BigInt64Array(values.length);
  storeValues(values, long);
  t.deepEqual(long, BigInt64Array.from(values, BigInt));
  const unsigned = Float32Array.of(0, 2 ** 24, 2 ** 33, 2 ** 63);
  const target = new BigUint64Array(4);
  storeValues(unsigned, target);
  t.deepEqual(target, BigUint64Array.from(unsigned, BigInt));
});

/** 64 Ki elements, so that the session's own memory is used where nothing else is asked for. */
const SIDE = 256;
const FLOATS = transposed('float32', [SIDE, SIDE]);
const X = Float32Array.from({length: SIDE * SIDE}, (_, i) => i);
const isTransposed = (data: ArrayLike<number>) =>
  X.every((value, i) => data[(i % SIDE) * SIDE + Math.floor(i / SIDE)] === value);

test('outputs are written into the arrays given for them', async t => {
  await using session = await load(FLOATS, {threads: 2});
  const whole = new Float32Array(3 * SIDE * SIDE);
  const own = whole.subarray(SIDE * SIDE, 2 * SIDE * SIDE);
  for (let i = 0; i < 3; i++) {
    whole.fill(0);
    const {y} = await session.run({x: X}, {outputs: {y: own}});
    t.is(y!.data, own);
    t.true(isTransposed(own));
    t.is(whole[SIDE * SIDE - 1], 0);
    t.is(whole[2 * SIDE * SIDE], 0);
  }
  t.true(isTransposed((await session.run({x: X})).y!.data));
});

test('shared memory is written in place', async t => {
  await using session = await load(FLOATS, {threads: 2});
  const shared = new Float32Array(new SharedArrayBuffer(X.byteLength));
  const {y} = await session.run({x: X}, {outputs: {y: shared}});
  t.is(y!.data, shared);
  t.true(isTransposed(shared));
});

test('an output may be written over the input', async t => {
  await using session = await load(transposed('float32', [2, 3]), {threads: 1});
  for (const buffer of [new ArrayBuffer(24), new SharedArrayBuffer(24)]) {
    const data = new Float32Array(buffer);
    for (let i = 0; i < 5; i++) {
      data.set([1, 2, 3, 4, 5, 6]);
      await session.run({x: data}, {outputs: {y: data}});
      t.deepEqual([...data], [1, 4, 2, 5, 3, 6], `run ${i}`);
    }
  }
});

test('integers are written into the arrays given for them', async t => {
  await using session = await load(transposed('int64', [2, 2]), {threads: 1});
  const data = new BigInt64Array(4);
  const {y} = await session.run<{y: TensorOutput<'int64'>}>(
    {x: [1, 2, 3, -4]},
    {outputs: {y: data}},
  );
  t.is(y.data, data);
  t.deepEqual([...data], [1n, 3n, 2n, -4n]);
});

test('a program file that writes nothing leaves zeros in a given array', async t => {
  const {bytes} = compile(FLOATS);
  await using session = await open(bytes, {threads: 1});
  for (const buffer of [new ArrayBuffer(X.byteLength), new SharedArrayBuffer(X.byteLength)]) {
    const data = new Float32Array(buffer).fill(7);
    await session.run({x: X}, {outputs: {y: data}});
    t.true(isTransposed(data));
  }
});

const BAD: readonly [string, unknown, string, RegExp][] = [
  ['another name', {image: new Float32Array(1)}, 'ERR_OUTPUT_NAME', /"image".*"y"/],
  ['another length', {y: new Float32Array(5)}, 'ERR_OPTION', /outputs\.y.*65536 values.*5/],
  [
    'another type',
    {y: new Float64Array(SIDE * SIDE)},
    'ERR_OPTION',
    /a Float32Array.*Float64Array/,
  ],
  ['no array', {y: null}, 'ERR_OPTION', /received null/],
  ['no object', 5, 'ERR_OPTION', /outputs.*number/],
];

for (const [name, outputs, code, message] of BAD) {
  test(`outputs that are refused: ${name}`, async t => {
    await using session = await load(FLOATS, {threads: 1});
    const run = session.run({x: X}, {outputs: outputs as never});
    const error = await t.throwsAsync(run, {instanceOf: UntangleError, code});
    t.regex(error?.message ?? '', message);
    t.true(isTransposed((await session.run({x: X})).y!.data));
  });
}

test('memory that a run in flight is to write is refused to others until it has ended', async t => {
  const [one, two] = await Promise.all([load(FLOATS, {threads: 1}), load(FLOATS, {threads: 1})]);
  const memory = new Float32Array(SIDE * SIDE + 1);
  const [data, overlapping] = [memory.subarray(1), memory.subarray(0, SIDE * SIDE)];
  const run = (session: Session, y: Float32Array) => session.run({x: X}, {outputs: {y}});
  const first = run(one, data);
  await t.throwsAsync(run(one, data), {code: 'ERR_OPTION', message: /memory of its own/});
  await t.throwsAsync(run(two, overlapping), {code: 'ERR_OPTION', message: /memory of its own/});
  await first;
  t.true(isTransposed(data));
  await run(two, overlapping);
  t.true(isTransposed(overlapping));
  await t.throwsAsync(one.run({x: X}, {outputs: {y: data}, signal: AbortSignal.abort()}));
  await run(one, data);
  await Promise.all([one.dispose(), two.dispose()]);
});

test('an array that was transferred during the run is an error, and nothing is written', async t => {
  await using session = await load(FLOATS, {threads: 1});
  const data = new Float32Array(SIDE * SIDE);
  // The first run of a session is never done in place.
  const run = session.run({x: X}, {outputs: {y: data}});
  const moved = structuredClone(data, {transfer: [data.buffer]});
  await t.throwsAsync(run, {code: 'ERR_OPTION', message: /keeps its 65536 values.*0 now/});
  t.true(moved.every(value => value === 0));
});
