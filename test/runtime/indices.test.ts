// Run-time indices on the native executor: results, negative indices, and indices outside their axis.

import test, {type ExecutionContext} from 'ava';
import {compile} from '../../src/compile.js';
import type {UntangleError} from '../../src/errors.js';
import {open} from '../../src/index.js';
import {decodeProgram} from '../../src/program/decode.js';
import {interpret} from '../../src/program/interpreter/interpret.js';
import {loadAddon} from '../../src/runtime/native.js';
import {model, type NodeSpec} from '../helpers/onnx-builder.js';
import {integers} from './small-models.js';

/** A model of one node over data `i0`, indices `i1` (int64) and, for scatters, updates `i2`. */
function indexed(node: Pick<NodeSpec, 'op' | 'attrs'>, shapes: readonly (readonly number[])[]) {
  const names = shapes.map((_, index) => `i${index}`);
  return compile(
    model({
      opset: 18,
      inputs: shapes.map((dims, index) => ({
        name: names[index]!,
        dims,
        dtype: index === 1 ? 'int64' : 'float32',
      })),
      outputs: [{name: 'y'}],
      nodes: [{...node, name: 'find', inputs: names, outputs: ['y']}],
    }),
  );
}

const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** Whole numbers in [-size, size). */
function indices(shape: readonly number[], size: number): Float32Array {
  return integers(count(shape), 7).map((_, at) => ((at * 11) % (2 * size)) - size);
}

interface IndexedCase {
  readonly node: Pick<NodeSpec, 'op' | 'attrs'>;
  readonly shapes: readonly (readonly number[])[];
  readonly size: number;
}

const CASES: readonly IndexedCase[] = [
  {node: {op: 'Gather', attrs: {axis: 1}}, shapes: [[3, 5, 4], [6]], size: 5},
  {
    node: {op: 'Gather', attrs: {axis: 2}},
    shapes: [
      [3, 5, 4],
      [2, 3],
    ],
    size: 4,
  },
  // Long rows are cut into pieces.
  {node: {op: 'Gather'}, shapes: [[40, 40_000], [7]], size: 40},
  {node: {op: 'Gather'}, shapes: [[50], [70_000]], size: 50},
  {
    node: {op: 'GatherElements', attrs: {axis: 1}},
    shapes: [
      [4, 6, 3],
      [3, 9, 2],
    ],
    size: 6,
  },
  {
    node: {op: 'GatherND'},
    shapes: [
      [5, 5, 4],
      [3, 2],
    ],
    size: 5,
  },
  {
    node: {op: 'GatherND', attrs: {batch_dims: 1}},
    shapes: [
      [3, 5, 2],
      [3, 4, 1],
    ],
    size: 5,
  },
  ...['none', 'add', 'mul', 'min', 'max'].flatMap((reduction): IndexedCase[] => [
    {
      node: {op: 'ScatterElements', attrs: {axis: 1, reduction}},
      shapes: [
        [3, 8, 2],
        [3, 5, 2],
        [3, 5, 2],
      ],
      size: 8,
    },
    {
      node: {op: 'ScatterND', attrs: {reduction}},
      shapes: [
        [6, 6, 2],
        [9, 2],
        [9, 2],
      ],
      size: 6,
    },
  ]),
];

for (const {node, shapes, size} of CASES) {
  const title = `${node.op} ${JSON.stringify(node.attrs ?? {})} of [${shapes.join('], [')}]`;
  test(`${title}: native computes what the interpreter computes`, async t => {
    const program = indexed(node, shapes);
    const inputs = shapes.map((shape, index) =>
      index === 1 ? indices(shape, size) : integers(count(shape), index + 1),
    );
    const decoded = decodeProgram(program.bytes);
    const [expected] = interpret(decoded, inputs, {count: false}).outputs;
    for (const threads of [1, 3]) {
      const session = await open(program, {threads});
      const feeds = Object.fromEntries(inputs.map((data, index) => [`i${index}`, data]));
      t.deepEqual((await session.run(feeds)).y!.data, expected!);
      await session.dispose();
    }
  });
}

/** What `run` throws; the interpreter has to throw the same. */
async function errorOf(
  t: ExecutionContext,
  {node, shapes}: IndexedCase,
  {at, value}: {at: number; value: number},
): Promise<UntangleError> {
  const program = indexed(node, shapes);
  const inputs = shapes.map((shape, index) => integers(count(shape), index + 1));
  inputs[1]!.fill(0);
  const good = inputs[1]!.slice();
  inputs[1]![at] = value;
  const told = t.throws<UntangleError>(() => {
    interpret(decodeProgram(program.bytes), inputs, {count: false});
  });
  const feeds = Object.fromEntries(inputs.map((data, index) => [`i${index}`, data]));
  const messages: string[] = [];
  for (const threads of [1, 3]) {
    const session = await open(program, {threads});
    const error = await t.throwsAsync<UntangleError>(session.run(feeds));
    messages.push(error!.message);
    // The session can be used again.
    await t.notThrowsAsync(session.run({...feeds, i1: good}));
    await session.dispose();
  }
  t.deepEqual(messages, [told!.message, told!.message]);
  return told!;
}

test('an index outside its axis ends the run with the node, the index and what was expected', async t => {
  const gather: IndexedCase = {
    node: {op: 'Gather', attrs: {axis: 1}},
    shapes: [[3, 5, 4], [6]],
    size: 5,
  };
  const error = await errorOf(t, gather, {at: 2, value: 5});
  t.is(error.code, 'ERR_INDEX_RANGE');
  t.is(error.message, 'node "find": expected whole indices from -5 to 4 but received 5');
  t.deepEqual(error.fields, {node: 'find', index: 5, size: 5});
  for (const value of [-6, 2 ** 24])
    t.is((await errorOf(t, gather, {at: 0, value})).code, 'ERR_INDEX_RANGE', `${value}`);
});

test('what is no index at all is refused by the executor itself', async t => {
  const program = indexed({op: 'Gather', attrs: {axis: 1}}, [[3, 5, 4], [6]]);
  const session = loadAddon().open(program.bytes, 1);
  for (const value of [0.5, -0.5, 4.5, Number.NaN, Infinity, -Infinity, 2 ** 40, -(2 ** 40)]) {
    const wrong = new Float32Array(6).fill(value, 3);
    const y = new Float32Array(3 * 6 * 4);
    const error = await t.throwsAsync(session.run([integers(60, 1), wrong], [y], false));
    t.like(error, {code: 'ERR_INDEX_RANGE', command: 0, index: value, size: 5});
  }
  session.dispose();
});

test('of several wrong indices the first is named, whatever the number of threads', async t => {
  const long: IndexedCase = {node: {op: 'Gather'}, shapes: [[50], [70_000]], size: 50};
  const program = indexed(long.node, long.shapes);
  const wrong = indices([70_000], 50).map((index, at) =>
    at > 20_000 && at % 3 === 0 ? 50 + at : index,
  );
  for (const threads of [1, 2, 4]) {
    const session = await open(program, {threads});
    const error = await t.throwsAsync<UntangleError>(session.run({i0: integers(50, 1), i1: wrong}));
    t.is(error!.fields.index, 50 + 20_001);
    await session.dispose();
  }
});

test('scatters and tuples refuse indices as well', async t => {
  const scatter = CASES.find(({node}) => node.op === 'ScatterND')!;
  t.is((await errorOf(t, scatter, {at: 3, value: -7})).fields.size, 6);
  const tuples: IndexedCase = {
    node: {op: 'GatherND'},
    shapes: [
      [5, 3, 4],
      [3, 2],
    ],
    size: 3,
  };
  t.is((await errorOf(t, tuples, {at: 1, value: 3})).fields.size, 3);
});
