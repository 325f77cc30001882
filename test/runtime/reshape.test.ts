// One session, several batches: planned on demand, kept within bounds and budget.

import test from 'ava';
import {compile, load, open, type Session, UntangleError} from '../../src/index.js';
import {model} from '../helpers/onnx-builder.js';
import {integers, weights} from './small-models.js';

/** A layer of a labelled generator: batch N, label of the same batch, height and width open too. */
const LAYER = model({
  inputs: [
    {name: 'x', dims: ['N', 3, 'H', 'W']},
    {name: 'label', dims: ['N', 1, 1, 1]},
  ],
  outputs: [{name: 'y', dims: ['N', 4, 'OH', 'OW']}],
  initializers: {w: weights([3, 4, 4, 4])},
  nodes: [
    {op: 'Add', inputs: ['x', 'label'], outputs: ['t']},
    {
      op: 'ConvTranspose',
      inputs: ['t', 'w'],
      outputs: ['y'],
      attrs: {strides: [2, 2], pads: [1, 1, 1, 1]},
    },
  ],
});
const SHAPES = {x: [1, 3, 5, 4]};
const SIZE = 3 * 5 * 4;

const batch = (count: number, seed = 1) => ({
  x: {data: integers(count * SIZE, seed), shape: [count, 3, 5, 4]},
  label: integers(count, seed + 1),
});

/** What a session made for that batch computes. */
async function expected(count: number, seed = 1): Promise<Float32Array> {
  await using session = await load(LAYER, {shapes: {x: [count, 3, 5, 4]}, threads: 1});
  return (await session.run(batch(count, seed))).y!.data;
}

test('a feed with another leading size is planned for', async t => {
  await using session = await load(LAYER, {shapes: SHAPES, threads: 2});
  for (const count of [2, 1, 5, 2, 8, 1]) {
    const {y} = await session.run(batch(count));
    t.deepEqual(y!.shape, [count, 4, 10, 8]);
    t.deepEqual(y!.data, await expected(count), `batch ${count}`);
  }
  t.deepEqual(session.inputs[0]!.shape, [1, 3, 5, 4]);
});

test('inputs without a shape follow the batch of those with one', async t => {
  await using session = await load(LAYER, {shapes: SHAPES, threads: 1});
  const {x} = batch(3);
  await t.throwsAsync(session.run({x, label: [1]}), {
    code: 'ERR_INPUT_SHAPE',
    message: /"label".*\[3, 1, 1, 1\]/,
  });
  await t.throwsAsync(session.run({x, label: {data: [1, 2], shape: [2, 1, 1, 1]}}), {
    code: 'ERR_INPUT_SHAPE',
  });
  t.deepEqual((await session.run(batch(3))).y!.shape, [3, 4, 10, 8]);
});

test('only the batch changes by itself; other open sizes by reshape', async t => {
  await using session = await load(LAYER, {shapes: SHAPES, threads: 1});
  const wide = {data: integers(3 * 6 * 7, 1), shape: [1, 3, 6, 7]};
  await t.throwsAsync(session.run({x: wide, label: [1]}), {code: 'ERR_INPUT_SHAPE'});
  await session.reshape({x: [2, 3, 6, 7]});
  t.deepEqual(
    session.inputs.map(({shape}) => shape),
    [
      [2, 3, 6, 7],
      [2, 1, 1, 1],
    ],
  );
  t.deepEqual(session.outputs[0]!.shape, [2, 4, 12, 14]);
  const {y} = await session.run({x: integers(2 * 3 * 6 * 7, 3), label: [1, 2]});
  await using other = await load(LAYER, {shapes: {x: [2, 3, 6, 7]}, threads: 1});
  const direct = await other.run({x: integers(2 * 3 * 6 * 7, 3), label: [1, 2]});
  t.deepEqual(y!.data, direct.y!.data);
  t.deepEqual(session.explain(), other.explain());
});

test('runs of several batches queue; each gets what it asked for', async t => {
  await using session = await load(LAYER, {shapes: SHAPES, threads: 2, plans: 2});
  const counts = [1, 4, 2, 4, 1, 3];
  const results = await Promise.all(counts.map((count, i) => session.run(batch(count, i))));
  for (const [i, count] of counts.entries())
    t.deepEqual(results[i]!.y!.data, await expected(count, i));
});

test('the model need not stay where it was', async t => {
  const bytes = LAYER.slice();
  await using session = await load(bytes, {shapes: SHAPES, threads: 1});
  bytes.fill(0);
  t.deepEqual((await session.run(batch(2))).y!.data, await expected(2));
});

test('the least recently used plans are dropped', async t => {
  await using session = await load(LAYER, {shapes: SHAPES, threads: 1, plans: 2});
  const held = async (count: number) => {
    await session.run(batch(count));
    return session.heldBytes;
  };
  const first = session.heldBytes;
  t.true((await held(2)) > first);
  const two = await held(2);
  t.is(await held(1), two);
  const withThree = await held(3);
  t.true(withThree > two);
  t.is(await held(3), withThree);
  // 2 was dropped for 3, so that 1 is still there.
  t.is(await held(1), withThree);
});

const neededBytes = async (options: object): Promise<number> => {
  const session = await load(LAYER, {shapes: SHAPES, threads: 1, ...options});
  const {heldBytes} = session;
  await session.dispose();
  return heldBytes;
};

test('a budget holds for all plans together', async t => {
  const one = await neededBytes({});
  const large = await neededBytes({shapes: {x: [8, 3, 5, 4]}});
  await using session = await load(LAYER, {
    shapes: SHAPES,
    threads: 1,
    memoryBudgetBytes: large,
  });
  t.is(session.heldBytes, one);
  for (const count of [8, 1, 2, 8, 3]) {
    t.deepEqual((await session.run(batch(count))).y!.data, await expected(count));
    t.true(session.heldBytes <= large, `${session.heldBytes} of ${large}`);
  }
  const error = await t.throwsAsync(session.run(batch(40)), {instanceOf: UntangleError});
  t.is(error?.code, 'ERR_BUDGET_EXCEEDED');
  t.is(error?.fields.budgetBytes, large);
  const least = Number(error?.fields.neededBytes);
  const shapes = {x: [40, 3, 5, 4]};
  t.true(least > large && least <= (await neededBytes({shapes})));
  t.true((await neededBytes({shapes, memoryBudgetBytes: least})) <= least);
  t.deepEqual((await session.run(batch(8))).y!.data, await expected(8));
});

test('a budget without room for the model fixes the batch', async t => {
  const memoryBudgetBytes = await neededBytes({plans: 1});
  t.true(memoryBudgetBytes < (await neededBytes({})));
  await using session = await load(LAYER, {shapes: SHAPES, threads: 1, memoryBudgetBytes});
  t.is(session.heldBytes, memoryBudgetBytes);
  await t.throwsAsync(session.run(batch(2)), {code: 'ERR_BUDGET_EXCEEDED'});
  t.deepEqual((await session.run(batch(1))).y!.data, await expected(1));
});

test('shapes that are fixed stay so', async t => {
  const fixed: readonly Session[] = [
    await load(LAYER, {shapes: SHAPES, threads: 1, plans: 1}),
    await open(compile(LAYER, {shapes: SHAPES}), {threads: 1}),
  ];
  for (const session of fixed) {
    await t.throwsAsync(session.run(batch(2)), {code: 'ERR_INPUT_SHAPE'});
    await t.throwsAsync(session.reshape({x: [2, 3, 5, 4]}), {
      code: 'ERR_INPUT_SHAPE',
      message: /fixed in this session/,
    });
    await session.reshape({x: [1, 3, 5, 4]});
    await session.dispose();
  }
});

test('reshape refuses what cannot be', async t => {
  const session = await load(LAYER, {shapes: SHAPES, threads: 1});
  for (const [shapes, code] of [
    [{z: [1]}, 'ERR_INPUT_NAME'],
    [{x: [1, 4, 5, 4]}, 'ERR_INPUT_SHAPE'],
    [{x: [1, 3, 5]}, 'ERR_INPUT_SHAPE'],
    [{x: [2, 3, 5, 4], label: [3, 1, 1, 1]}, 'ERR_INPUT_SHAPE'],
    [{x: [-1, 3, 5, 4]}, 'ERR_OPTION'],
    [{x: 'big'}, 'ERR_OPTION'],
    [null, 'ERR_OPTION'],
  ] as const) {
    const error = await t.throwsAsync(session.reshape(shapes as never), {code});
    t.true(error instanceof UntangleError);
  }
  t.deepEqual((await session.run(batch(1))).y!.data, await expected(1));
  await session.dispose();
  await t.throwsAsync(session.reshape(SHAPES), {code: 'ERR_SESSION_DISPOSED'});
});

test("caller's arrays have the length of the batch that is run", async t => {
  await using session = await load(LAYER, {shapes: SHAPES, threads: 1});
  const y = new Float32Array(2 * 4 * 10 * 8);
  t.is((await session.run(batch(2), {outputs: {y}})).y!.data, y);
  t.deepEqual(y, await expected(2));
  await t.throwsAsync(session.run(batch(1), {outputs: {y}}), {
    code: 'ERR_OPTION',
    message: /Float32Array of 320 values/,
  });
});

test('profile names the commands of the plan that ran', async t => {
  await using session = await load(LAYER, {shapes: SHAPES, threads: 1});
  await session.run(batch(2), {profile: true});
  await using two = await load(LAYER, {shapes: {x: [2, 3, 5, 4]}, threads: 1});
  t.deepEqual(
    session.profile!.map(({op}) => op),
    two.explain().commands.map(({op}) => op),
  );
});
