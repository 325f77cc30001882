// Outputs belong to the caller, wherever their memory comes from.

import {setImmediate} from 'node:timers/promises';
import test from 'ava';
import {compile, load, open} from '../../src/index.js';
import {model} from '../helpers/onnx-builder.js';

/** Large enough for the session's own memory. */
const SIZE = 64 * 1024;

const NEGATE = model({
  opset: 13,
  inputs: [{name: 'x', dims: [1, SIZE]}],
  outputs: [{name: 'y', dims: [1, SIZE]}],
  nodes: [{op: 'Neg', inputs: ['x'], outputs: ['y']}],
});

const constant = (value: number) => new Float32Array(SIZE).fill(value);

test('outputs of later runs leave earlier ones alone', async t => {
  await using session = await load(NEGATE, {threads: 1});
  const kept = [];
  for (let i = 1; i <= 40; i++) {
    kept.push((await session.run({x: constant(i)})).y!.data);
    await setImmediate();
  }
  kept.forEach((data, i) => {
    t.true(data.every(value => value === -(i + 1)));
  });
});

test('outputs survive their session', async t => {
  const session = await load(NEGATE, {threads: 1});
  const {y} = await session.run({x: constant(3)});
  await session.dispose();
  t.true(y!.data.every(value => value === -3));
});

test('outputs can be cloned, and transferred when asked for', async t => {
  await using session = await load(NEGATE, {threads: 1});
  const {y: shared} = await session.run({x: constant(2)});
  t.is(structuredClone(shared!.data)[SIZE - 1], -2);
  const {y: own} = await session.run({x: constant(5)}, {transferable: true});
  const moved = structuredClone(own!.data, {transfer: [own!.data.buffer as ArrayBuffer]});
  t.is(moved[0], -5);
  t.is(own!.data.length, 0);
});

test('a program file gets zeroed outputs, a budget no spare memory', async t => {
  const program = compile(NEGATE);
  const {totalBytes} = program.explanation.totals;
  await using session = await open(program.bytes, {threads: 1, memoryBudgetBytes: totalBytes * 2});
  for (let i = 0; i < 5; i++) {
    const {y} = await session.run({x: constant(i)});
    t.true(y!.data.every(value => value === 0 - i));
  }
});
