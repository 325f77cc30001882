// Weights that stay in the file: found whatever is around them, and read as if the file had been read as a whole.

import assert from 'node:assert/strict';
import {mkdtempSync, rmSync, truncateSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import {BULK_BYTES, findBulk} from '../../src/onnx/bulk.js';
import {decodeModel} from '../../src/onnx/decode.js';
import type {DataType} from '../../src/onnx/model.js';
import {type ModelBytes, readModelBytes} from '../../src/onnx/read-model.js';
import {load} from '../../src/runtime/load.js';
import {allocateNative} from '../../src/runtime/native.js';
import {model, type NodeSpec, type TensorSpec} from '../helpers/onnx-builder.js';
import {checkProperty} from '../helpers/properties.js';

const folder = mkdtempSync(path.join(tmpdir(), 'untangle-deferred-'));
let files = 0;
test.after.always(() => rmSync(folder, {recursive: true}));

/** The sum of x and of tensors of these sizes, one element each. */
function sumOf(tensors: readonly {readonly count: number; readonly dtype: DataType}[]): Uint8Array {
  const initializers: Record<string, TensorSpec> = {at: {dtype: 'int64', dims: [1], data: [3]}};
  const nodes: NodeSpec[] = [{op: 'Identity', inputs: ['x'], outputs: ['y0']}];
  for (const [at, {count, dtype}] of tensors.entries()) {
    const data = Array.from({length: count}, (_, i) => (i % 7) + at);
    initializers[`w${at}`] = {dtype, dims: [count], data};
    nodes.push({op: 'Cast', inputs: [`w${at}`], outputs: [`f${at}`], attrs: {to: 1}});
    nodes.push({op: 'Gather', inputs: [`f${at}`, 'at'], outputs: [`g${at}`]});
    nodes.push({op: 'Add', inputs: [`y${at}`, `g${at}`], outputs: [`y${at + 1}`]});
  }
  return model({
    inputs: [{name: 'x', dims: [1]}],
    outputs: [{name: `y${tensors.length}`}],
    nodes,
    initializers,
  });
}

/** Elements that differ; a NaN equals itself. */
function differences(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  let count = 0;
  for (let at = 0; at < a.length; at++) if (!Object.is(a[at], b[at])) count++;
  return count;
}

async function opened<T>(
  bytes: Uint8Array,
  use: (read: ModelBytes, file: string) => T | Promise<T>,
): Promise<T> {
  // Tests run beside one another.
  const file = path.join(folder, `${files++}.onnx`);
  writeFileSync(file, bytes);
  const read = await readModelBytes(
    file,
    {},
    {
      allocate: allocateNative,
      heldBytes: (_, size) => size,
    },
  );
  try {
    return await use(read, file);
  } finally {
    if (read.deferred !== null) await read.close();
  }
}

const TENSORS = fc.array(
  fc.record({
    // A quarter of the least that is deferred, and around it.
    count: fc.oneof(
      fc.integer({min: 1, max: 40}),
      fc.integer({min: BULK_BYTES / 4 - 2, max: BULK_BYTES / 4 + 2}),
      fc.constant(300_001),
    ),
    dtype: fc.constantFrom<DataType>('float32', 'float32', 'int64', 'float16'),
  }),
  {minLength: 1, maxLength: 5},
);

test('a model decodes to the same tensors, whatever has been left in its file', async t => {
  const samples = fc.sample(TENSORS, {numRuns: 40, seed: 7});
  let deferredBytes = 0;
  for (const tensors of samples) {
    const bytes = sumOf(tensors);
    const whole = decodeModel(bytes);
    await opened(bytes, read => {
      const {initializers} = decodeModel(read.bytes, {deferred: read.deferred ?? undefined});
      for (const [name, {data}] of whole.initializers)
        t.is(differences(initializers.get(name)!.data, data), 0, name);
      if (read.deferred === null) return t.is(differences(read.bytes, bytes), 0);
      deferredBytes += differences(read.bytes, bytes);
    });
  }
  t.true(deferredBytes > 2 ** 20);
});

test('what is kept is read in the end', async t => {
  const bytes = sumOf([{count: 300_001, dtype: 'float32'}]);
  await opened(bytes, async (read, file) => {
    const {initializers} = decodeModel(read.bytes, {deferred: read.deferred!});
    t.true(differences(read.bytes, bytes) > 2 ** 18);
    await read.deferred!.settle();
    t.is(differences(read.bytes, bytes), 0);
    truncateSync(file, 0);
    t.is(initializers.get('w0')!.data[8], 1);
  });
});

test('a session of a deferred model computes, and one that keeps its model for other shapes too', async t => {
  const count = 300_001;
  const file = path.join(folder, 'session.onnx');
  const weights = Float32Array.from({length: count}, (_, i) => i % 7);
  const spec = (rows: number | string) =>
    model({
      inputs: [{name: 'x', dims: [rows, count]}],
      outputs: [{name: 'y'}],
      nodes: [{op: 'MatMul', inputs: ['x', 'w'], outputs: ['y']}],
      initializers: {w: {dims: [count, 1], data: weights}},
    });
  const expected = weights.reduce((sum, weight) => sum + weight, 0);
  for (const rows of [1, 'n']) {
    writeFileSync(file, spec(rows));
    const session = await load(file, rows === 'n' ? {shapes: {x: [1, count]}} : {});
    const ones = new Float32Array(count).fill(1);
    t.is((await session.run({x: {data: ones, shape: [1, count]}})).y!.data[0], expected);
    if (rows === 'n') {
      const two = {data: new Float32Array(2 * count).fill(1), shape: [2, count]};
      t.deepEqual([...(await session.run({x: two})).y!.data], [expected, expected]);
    }
    await session.dispose();
  }
});

test('a file that becomes shorter while it is read is an error', async t => {
  const bytes = sumOf([{count: 300_001, dtype: 'float32'}]);
  await opened(bytes, (read, file) => {
    const {initializers} = decodeModel(read.bytes, {deferred: read.deferred!});
    truncateSync(file, bytes.length / 2);
    t.throws(() => initializers.get('w0')!.data, {
      code: 'ERR_FILE_READ',
      message: /became shorter/,
    });
  });
});

test('what cannot be read is an error with a code, at once or in the end', async t => {
  const bytes = sumOf([{count: 300_001, dtype: 'float32'}]);
  await opened(bytes, async read => {
    const {initializers} = decodeModel(read.bytes, {deferred: read.deferred!});
    await read.close();
    t.throws(() => initializers.get('w0')!.data, {code: 'ERR_FILE_READ'});
    await t.throwsAsync(read.deferred!.settle(), {code: 'ERR_FILE_READ'});
  });
});

test('the search for weights ends with whatever it is given', t => {
  const valid = sumOf([
    {count: 20_000, dtype: 'float32'},
    {count: 30_000, dtype: 'float32'},
  ]);
  const search = (bytes: Uint8Array) =>
    findBulk((offset, target) => {
      const part = bytes.subarray(offset, offset + target.length);
      target.set(part);
      return part.length;
    }, bytes.length);
  t.deepEqual(
    search(valid).map(({start, end}) => end - start),
    [80_000, 120_000],
  );
  const property = fc.tuple(
    fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), {maxLength: 4}),
    fc.nat(valid.length),
  );
  checkProperty(
    t,
    property,
    ([changes, length]) => {
      const bytes = valid.slice(0, length);
      for (const [at, value] of changes) if (at < length) bytes[at] = value;
      let last = 0;
      for (const {start, end} of search(bytes)) {
        assert(start >= last && end - start >= BULK_BYTES && end <= length);
        last = end;
      }
    },
    300,
  );
});
