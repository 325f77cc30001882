// Inputs bound to a value when the model is compiled: as if it were an initializer.

import test from 'ava';
import {compile, type ErrorCode, load, open, UntangleError} from '../../src/index.js';
import {model} from '../helpers/onnx-builder.js';

/** y = x * scale, and a reshape whose target is an input. */
const SCALED = model({
  inputs: [
    {name: 'x', dims: ['N', 4]},
    {name: 'scale', dims: ['M']},
    {name: 'to', dims: [2], dtype: 'int64'},
  ],
  outputs: [{name: 'y', dims: ['A', 'B']}],
  nodes: [
    {op: 'Mul', inputs: ['x', 'scale'], outputs: ['t']},
    {op: 'Reshape', inputs: ['t', 'to'], outputs: ['y']},
  ],
});
const X = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);

test('a constant is folded and no input any more', async t => {
  const constants = {scale: [2, 3, 4, 5], to: BigInt64Array.of(4n, 2n)};
  await using session = await load(SCALED, {constants, shapes: {x: [2, 4]}, threads: 1});
  t.deepEqual(
    session.inputs.map(({name}) => name),
    ['x'],
  );
  const {y} = await session.run({x: X});
  t.deepEqual(y!.shape, [4, 2]);
  t.deepEqual([...y!.data], [2, 6, 12, 20, 10, 18, 28, 40]);
});

test('a constant computes what an initializer computes, byte for byte', t => {
  const inside = model({
    inputs: [{name: 'x', dims: ['N', 4]}],
    outputs: [{name: 'y', dims: ['A', 'B']}],
    nodes: [
      {op: 'Mul', inputs: ['x', 'scale'], outputs: ['t']},
      {op: 'Reshape', inputs: ['t', 'to'], outputs: ['y']},
    ],
    initializers: {
      scale: {dims: [4], data: [2, 3, 4, 5]},
      to: {dims: [2], data: [4, 2], dtype: 'int64'},
    },
  });
  const shapes = {x: [2, 4]};
  const outside = compile(SCALED, {constants: {scale: [2, 3, 4, 5], to: [4, 2]}, shapes});
  t.deepEqual(outside.bytes, compile(inside, {shapes}).bytes);
});

test('one number is a constant of one element', async t => {
  const constants = {scale: 3, to: {data: [1, 4], shape: [2]}};
  await using session = await load(SCALED, {constants, threads: 1});
  t.deepEqual([...(await session.run({x: X.subarray(0, 4)})).y!.data], [3, 6, 9, 12]);
});

test('a constant binds the symbolic dimensions of its shape', async t => {
  const bytes = model({
    inputs: [
      {name: 'x', dims: ['N', 2]},
      {name: 'offset', dims: ['N', 2]},
    ],
    outputs: [{name: 'y', dims: ['N', 2]}],
    nodes: [{op: 'Add', inputs: ['x', 'offset'], outputs: ['y']}],
  });
  const constants = {offset: Int32Array.of(10, 20, 30, 40, 50, 60)};
  await using session = await load(bytes, {constants, threads: 1});
  t.deepEqual(session.inputs[0]!.shape, [3, 2]);
  t.deepEqual([...(await session.run({x: [1, 1, 1, 1, 1, 1]})).y!.data], [11, 21, 31, 41, 51, 61]);
  t.throws(() => compile(bytes, {constants, shapes: {x: [2, 2]}}), {code: 'ERR_INPUT_SHAPE'});
  t.throws(() => compile(bytes, {constants, shapes: {offset: [2, 3]}}), {code: 'ERR_INPUT_SHAPE'});
});

test('a model whose inputs are all constants computes once and for all', async t => {
  const constants = {x: X.subarray(0, 4), scale: [1, 2, 3, 4], to: [2, 2]};
  await using session = await open(compile(SCALED, {constants}), {threads: 1});
  t.deepEqual(session.inputs, []);
  t.deepEqual([...(await session.run({})).y!.data], [1, 4, 9, 16]);
});

test('the caller may write into the array afterwards', async t => {
  const scale = Float32Array.of(1, 1, 1, 1);
  const program = compile(SCALED, {constants: {scale, to: [1, 4]}});
  scale.fill(9);
  await using session = await open(program, {threads: 1});
  t.deepEqual([...(await session.run({x: [1, 2, 3, 4]})).y!.data], [1, 2, 3, 4]);
});

const BAD: readonly [object, ErrorCode, RegExp][] = [
  [{nothing: [1]}, 'ERR_INPUT_NAME', /"nothing".*"x", "scale", "to"/],
  [{to: [1, 2, 3]}, 'ERR_INPUT_SHAPE', /"to".*\[2\].*3 values/],
  [{to: [1.5, 2]}, 'ERR_INPUT_VALUE', /"to".*1\.5 at element 0/],
  [{scale: {data: [1, 2], shape: [3]}}, 'ERR_INPUT_SHAPE', /"scale".*2 values.*\[3\]/],
  [{scale: {data: [1, 2], shape: [1, 2]}}, 'ERR_INPUT_SHAPE', /"scale"/],
  [{scale: 'much'}, 'ERR_INPUT_TYPE', /"scale".*string/],
  [{scale: new Uint16Array(4)}, 'ERR_INPUT_TYPE', /"scale".*float16/],
  [[1], 'ERR_OPTION', /constants/],
];

for (const [constants, code, message] of BAD) {
  test(`refused: ${JSON.stringify(constants)}`, t => {
    const error = t.throws(() => compile(SCALED, {constants: constants as never}), {
      instanceOf: UntangleError,
      code,
    });
    t.regex(error?.message ?? '', message);
  });
}

test('a program file takes no constants', async t => {
  const {bytes} = compile(SCALED, {constants: {scale: 1, to: [1, 4]}});
  await t.throwsAsync(load(bytes, {constants: {x: [1]}}), {code: 'ERR_OPTION'});
});

test('a constant may be empty, as the roi of a Resize is', async t => {
  const bytes = model({
    inputs: [
      {name: 'x', dims: [1, 1, 1, 2]},
      {name: 'roi', dims: ['R']},
    ],
    outputs: [{name: 'y'}],
    nodes: [{op: 'Resize', inputs: ['x', 'roi', 'scales'], outputs: ['y']}],
    initializers: {scales: {dims: [4], data: [1, 1, 1, 2]}},
  });
  const constants = {roi: {data: [], shape: [0]}};
  await using session = await load(bytes, {constants, threads: 1});
  t.deepEqual([...(await session.run({x: [5, 7]})).y!.data], [5, 5, 7, 7]);
});
