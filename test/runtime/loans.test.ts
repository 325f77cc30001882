// Memory that passes from JavaScript to a session: nobody can reach it afterwards, and everything else is copied.

import test from 'ava';
import {decodeProgram} from '../../src/program/decode.js';
import {encodeProgram} from '../../src/program/encode.js';
import {load} from '../../src/runtime/load.js';
import {loadAddon} from '../../src/runtime/native.js';
import {dense, explain} from '../program/encode-sample.js';

/** y = x + constant, written to memory of the addon's. */
function program(allocate?: (bytes: number) => Uint8Array): Uint8Array {
  const port = (name: string) => ({name, dtype: 'float32', shape: [4]}) as const;
  const counts = {macs: 0, readBytes: 32, writtenBytes: 16};
  return encodeProgram(
    {
      steps: [
        {
          op: 'elementwise',
          name: 'add',
          schedule: '',
          counts,
          inputs: [dense(0, [4]), dense(1, [4])],
          ops: [{fn: {kind: 'binary', fn: 'add'}, a: 0, b: 1}],
          y: dense(2, [4]),
        },
      ],
      buffers: [
        {id: 0, storage: {kind: 'arena'}, elements: 4},
        {
          id: 1,
          storage: {kind: 'constant'},
          elements: 4,
          data: {write: target => target.set([10, 20, 30, 40])},
        },
        {id: 2, storage: {kind: 'output', index: 0}, elements: 4},
      ],
      offsets: new Map([[0, 0]]),
      arenaBytes: 64,
      inputs: [{port: port('x'), buffer: 0}],
      outputs: [{port: port('y')}],
      explanation: explain([port('x')], [port('y')]),
    },
    allocate,
  );
}

async function run(bytes: Uint8Array): Promise<number[]> {
  const session = loadAddon().open(bytes, 1);
  const y = new Float32Array(4);
  await session.run([Float32Array.of(1, 2, 3, 4)], [y], false);
  session.dispose();
  return [...y];
}

test('a program in lent memory is taken over, one of JavaScript is copied', async t => {
  const own = program();
  t.deepEqual(await run(own), [11, 22, 33, 44]);
  t.true(own.length > 0);

  const lent = program(bytes => loadAddon().allocate(bytes));
  t.deepEqual(lent, own);
  const views = [new Uint8Array(lent.buffer), new Float32Array(lent.buffer, 0, 4)];
  t.deepEqual(await run(lent), [11, 22, 33, 44]);
  t.is(lent.length, 0);
  for (const view of views) t.is(view.length, 0);
});

test('a part of lent memory is copied', async t => {
  const own = program();
  const lent = loadAddon().allocate(own.length + 64);
  lent.set(own);
  t.deepEqual(await run(lent.subarray(0, own.length)), [11, 22, 33, 44]);
  t.is(lent.length, own.length + 64);
});

test('what is refused is freed too, and what is released twice does no harm', t => {
  const addon = loadAddon();
  const broken = addon.allocate(4096);
  t.deepEqual([...new Set(broken)], [0]);
  t.throws(() => addon.open(broken, 1), {code: 'ERR_PROGRAM_FORMAT'});
  t.is(broken.length, 0);

  const lent = addon.allocate(100_000);
  addon.release(lent);
  addon.release(lent);
  t.is(lent.length, 0);
  const other = new Uint8Array(8);
  addon.release(other);
  t.is(other.length, 8);
  t.is(addon.allocate(0).length, 0);
  t.throws(() => addon.allocate(2 ** 52), {code: 'ERR_OUT_OF_MEMORY'});
});

test('many programs in lent memory come and go', async t => {
  for (let time = 0; time < 200; time++)
    t.deepEqual(await run(program(bytes => loadAddon().allocate(bytes))), [11, 22, 33, 44]);
});

test('bytes that the caller gave stay as they are', async t => {
  const own = program();
  const copy = own.slice();
  const session = await load(own);
  t.deepEqual([...(await session.run({x: [1, 2, 3, 4]})).y!.data], [11, 22, 33, 44]);
  await session.dispose();
  t.deepEqual(own, copy);
  t.is(decodeProgram(own).constants[1], 20);
});
