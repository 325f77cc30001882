// Feeds of every kind → f32, or an error that says what was expected.

import test, {type ExecutionContext} from 'ava';
import {UntangleError} from '../../src/errors.js';
import {checkFeeds} from '../../src/feeds/check.js';
import type {Target} from '../../src/feeds/feeds.js';
import type {DataType} from '../../src/onnx/model.js';

const target = (dtype: DataType, shape: readonly number[] = [2, 3]): Target => ({
  name: 'x',
  dtype,
  shape,
});
const read = (dtype: DataType, feed: unknown, shape?: readonly number[]): number[] =>
  Array.from(checkFeeds([target(dtype, shape)], {x: feed} as never)[0]!);

const SMALL = [0, 1, 2, 3, 4, 5];

const ARRAYS: Readonly<Record<string, unknown>> = {
  Float32Array: Float32Array.from(SMALL),
  Float64Array: Float64Array.from(SMALL),
  Int8Array: Int8Array.from(SMALL),
  Uint8Array: Uint8Array.from(SMALL),
  Uint8ClampedArray: Uint8ClampedArray.from(SMALL),
  Int16Array: Int16Array.from(SMALL),
  Int32Array: Int32Array.from(SMALL),
  Uint32Array: Uint32Array.from(SMALL),
  BigInt64Array: BigInt64Array.from(SMALL, BigInt),
  BigUint64Array: BigUint64Array.from(SMALL, BigInt),
  Buffer: Buffer.from(SMALL),
  'plain array': SMALL,
  'plain array of bigints': SMALL.map(BigInt),
  'subarray with an offset': Int16Array.from([9, ...SMALL, 9]).subarray(1, 7),
  '{data}': {data: SMALL},
  '{data, shape}': {data: Uint8Array.from(SMALL), shape: [2, 3]},
  '{data, shape, dtype}': {data: Int32Array.from(SMALL), shape: [2, 3], dtype: 'int32'},
  'Uint16Array that is said to hold numbers': {data: Uint16Array.from(SMALL), dtype: 'uint16'},
};

for (const [name, feed] of Object.entries(ARRAYS)) {
  test(`${name}: floating and integer inputs take it`, t => {
    for (const dtype of ['float32', 'int64', 'uint8', 'int32'] as const)
      t.deepEqual(read(dtype, feed), SMALL, dtype);
  });
}

test('a Float32Array is not copied', t => {
  const data = Float32Array.from(SMALL);
  t.is(checkFeeds([target('float32')], {x: data})[0], data);
  t.is(checkFeeds([target('int64')], {x: data})[0], data);
});

test('arrays of another realm are arrays', async t => {
  const {runInNewContext} = await import('node:vm');
  t.deepEqual(read('float32', runInNewContext('new Float32Array([0, 1, 2, 3, 4, 5])')), SMALL);
  t.deepEqual(read('int64', runInNewContext('new BigInt64Array([0n, 1n, 2n, 3n, 4n, 5n])')), SMALL);
});

test('halves come as Float16Array, or as bits that are said to be halves', t => {
  const bits = Uint16Array.of(0x0000, 0x3c00, 0xc000, 0x3555, 0x7bff, 0x0001);
  const values = [0, 1, -2, 0.333251953125, 65504, 2 ** -24];
  t.deepEqual(read('float32', {data: bits, dtype: 'float16'}), values);
  t.deepEqual(
    read('float32', {data: Uint16Array.of(0x3f80, 0xc040, 0, 0, 0, 0), dtype: 'bfloat16'}),
    [1, -3, 0, 0, 0, 0],
  );
  refuses(t, 'float32', bits, 'ERR_INPUT_TYPE', /dtype: 'float16'.*bare Uint16Array/);
  const Half = (globalThis as {Float16Array?: {from(values: number[]): unknown}}).Float16Array;
  if (Half === undefined) t.log('this engine has no Float16Array');
  else t.deepEqual(read('float32', Half.from(values)), values);
});

test('bool takes 0, 1, true and false', t => {
  t.deepEqual(read('bool', [true, false, 1, 0, 1n, 0n]), [1, 0, 1, 0, 1, 0]);
  t.deepEqual(
    read('bool', {data: Uint8Array.of(1, 0, 1, 1, 0, 0), dtype: 'bool'}),
    [1, 0, 1, 1, 0, 0],
  );
  refuses(t, 'bool', [0, 1, 2, 0, 0, 0], 'ERR_INPUT_VALUE', /from 0 to 1 \(bool\).*2 at element 2/);
});

test('integer inputs take whole numbers that f32 holds exactly', t => {
  const exact = [2 ** 24, -(2 ** 24), 0, 0, 0, 0];
  t.deepEqual(read('int64', exact), exact);
  for (const [dtype, feed, message] of [
    ['int64', [0, 1.5, 0, 0, 0, 0], /whole numbers.*1\.5 at element 1/],
    ['int64', [0, 0, Number.NaN, 0, 0, 0], /NaN at element 2/],
    [
      'int64',
      [2 ** 24 + 1, 0, 0, 0, 0, 0],
      /16777216 \(int64, the largest held exactly\).*16777217/,
    ],
    ['int32', BigInt64Array.of(0n, 2n ** 40n, 0n, 0n, 0n, 0n), /1099511627776 at element 1/],
    ['uint8', [0, 0, 0, 256, 0, 0], /from 0 to 255 \(uint8\).*256 at element 3/],
    ['uint64', [-1, 0, 0, 0, 0, 0], /from 0 to.*-1 at element 0/],
    ['int8', [0, 0, 0, 0, 0, -129], /from -128 to 127 \(int8\)/],
    ['float32', [0, 'a', 0, 0, 0, 0], /flat array.*"a" at element 1/],
    [
      'float32',
      [
        [0, 1, 2],
        [3, 4, 5],
      ],
      /flat array.*\[0,1,2\] at element 0/,
    ],
    ['float32', new Array(6), /undefined at element 0/],
  ] as const) {
    refuses(t, dtype, feed, 'ERR_INPUT_VALUE', message);
  }
});

test('what is no array of numbers is refused', t => {
  for (const [feed, message] of [
    ['x', /array of numbers.*received string/],
    [5, /received number/],
    [null, /received null/],
    [{}, /received Object/],
    [new DataView(new ArrayBuffer(24)), /received DataView/],
    [new ArrayBuffer(24), /received ArrayBuffer/],
    [{data: new Int32Array(6), dtype: 'float32'}, /"float32", as dtype says,.*Int32Array/],
    [{data: new Int32Array(6), dtype: 7}, /type 7, as dtype says/],
  ] as const) {
    refuses(t, 'float32', feed, 'ERR_INPUT_TYPE', message);
  }
  refuses(t, 'float32', undefined, 'ERR_INPUT_MISSING', /float32 values of shape \[2, 3\]/);
});

test('sizes that do not fit are refused', t => {
  refuses(t, 'float32', [1, 2, 3], 'ERR_INPUT_SHAPE', /\[2, 3\] \(6 values\).*3 values/);
  refuses(t, 'float32', {data: SMALL, shape: [3, 2]}, 'ERR_INPUT_SHAPE', /\[2, 3\].*\[3, 2\]/);
  refuses(t, 'float32', {data: SMALL, shape: 6}, 'ERR_INPUT_SHAPE', /received number/);
  refuses(t, 'float32', Buffer.alloc(24), 'ERR_INPUT_SHAPE', /one byte each.*new Float32Array/);
});

/** Two pixels wide, three high; byte = 10 * pixel + channel, alpha 255. */
const PIXELS = Array.from({length: 6}, (_, i) => [10 * i, 10 * i + 1, 10 * i + 2, 255]).flat();
const PICTURE = {data: Uint8ClampedArray.from(PIXELS), width: 2, height: 3};

test('a picture becomes planes or pixels, with or without alpha, as the shape asks', t => {
  const rgb = (c: number) => Array.from({length: 6}, (_, i) => 10 * i + c);
  t.deepEqual(read('uint8', PICTURE, [1, 3, 3, 2]), [...rgb(0), ...rgb(1), ...rgb(2)]);
  t.deepEqual(read('uint8', PICTURE, [3, 3, 2]), [...rgb(0), ...rgb(1), ...rgb(2)]);
  t.deepEqual(
    read('uint8', PICTURE, [1, 3, 2, 3]),
    PIXELS.filter((_, i) => i % 4 < 3),
  );
  t.deepEqual(read('uint8', PICTURE, [3, 2, 4]), PIXELS);
});

test('a picture is 0..1 for floating inputs, unless it says another range', t => {
  const close = (values: number[], expected: number[]) =>
    values.every((value, i) => Math.abs(value - expected[i]!) < 1e-6);
  const bytes = PIXELS.filter((_, i) => i % 4 < 3);
  t.true(
    close(
      read('float32', PICTURE, [3, 2, 3]),
      bytes.map(byte => byte / 255),
    ),
  );
  t.true(
    close(
      read('float32', {...PICTURE, range: [-1, 1]}, [3, 2, 3]),
      bytes.map(byte => byte / 127.5 - 1),
    ),
  );
  t.deepEqual(read('float32', {...PICTURE, range: [0, 255]}, [3, 2, 3]), bytes);
});

test('a picture that fits in no way, or in two, is refused', t => {
  const square = {data: new Uint8ClampedArray(36), width: 3, height: 3};
  refuses(t, 'float32', square, 'ERR_INPUT_SHAPE', /could be planes or pixels/, [1, 3, 3, 3]);
  refuses(t, 'float32', PICTURE, 'ERR_INPUT_SHAPE', /2 wide and 3 high/, [1, 3, 2, 3, 1]);
  refuses(t, 'float32', PICTURE, 'ERR_INPUT_SHAPE', /2 wide and 3 high/, [1, 1, 3, 2]);
  refuses(t, 'float32', PICTURE, 'ERR_INPUT_SHAPE', /2 wide and 3 high/, [2, 3, 3, 2]);
  refuses(
    t,
    'float32',
    {...PICTURE, width: 4},
    'ERR_INPUT_SHAPE',
    /4 x 3 pixels.*24 bytes/,
    [3, 3, 2],
  );
  const floats = {...PICTURE, data: new Float32Array(24)};
  refuses(t, 'float32', floats, 'ERR_INPUT_TYPE', /RGBA bytes.*Float32Array/, [3, 3, 2]);
  refuses(t, 'float32', {...PICTURE, range: [1]}, 'ERR_OPTION', /x\.range/, [3, 3, 2]);
  refuses(t, 'uint8', {...PICTURE, range: [0, 1]}, 'ERR_INPUT_VALUE', /whole numbers/, [3, 3, 2]);
});

function refuses(
  t: ExecutionContext,
  dtype: DataType,
  feed: unknown,
  code: string,
  message: RegExp,
  shape?: readonly number[],
): void {
  const error = t.throws(() => read(dtype, feed, shape), {instanceOf: UntangleError, code});
  t.regex(error?.message ?? '', message);
}
