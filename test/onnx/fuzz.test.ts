// Damaged models: whatever the bytes say, decoding succeeds or throws an UntangleError.

import test from 'ava';
import fc from 'fast-check';
import {UntangleError} from '../../src/errors.js';
import {decodeModel} from '../../src/onnx/decode.js';
import {decodeTensor, encodeTensor} from '../../src/onnx/tensor-file.js';
import {float, model} from '../helpers/onnx-builder.js';

const MODEL_BYTES = model({
  inputs: [
    {name: 'x', dims: ['N', 2, 4, 4]},
    {name: 'w', dims: [2, 1, 2, 2]},
  ],
  outputs: [{name: 'y', dims: ['N', 1, 8, 8]}],
  nodes: [
    {
      op: 'ConvTranspose',
      inputs: ['x', 'w', ''],
      outputs: ['h'],
      attrs: {strides: [2, 2], auto_pad: 'SAME_UPPER'},
    },
    {op: 'LeakyRelu', inputs: ['h'], outputs: ['s'], attrs: {alpha: float(0.1)}},
    {op: 'Reshape', inputs: ['s', 'shape'], outputs: ['y'], attrs: {value: {dims: [1], data: [1]}}},
    {
      op: 'Fn',
      domain: 'local',
      inputs: ['y'],
      outputs: ['z'],
      attrs: {then_branch: {nodes: [{op: 'Neg', inputs: ['y'], outputs: ['n']}], outputs: ['n']}},
    },
  ],
  functions: [
    {name: 'Inner', inputs: ['p'], outputs: ['q'], nodes: []},
    {
      name: 'Fn',
      inputs: ['p'],
      outputs: ['q'],
      nodes: [
        {op: 'Inner', domain: 'local', inputs: ['p'], outputs: ['h']},
        {op: 'If', inputs: ['h'], outputs: ['q'], attrs: {b: {refersTo: 'then_branch', type: 5}}},
      ],
    },
  ],
  initializers: {
    w: {dims: [2, 1, 2, 2], data: [1, 2, 3, 4, 5, 6, 7, 8]},
    shape: {dims: [4], data: [0, 1, 8, 8], dtype: 'int64'},
  },
});
const TENSOR_BYTES = encodeTensor({
  name: 't',
  dims: [2, 3],
  data: [1, 2, 3, 4, 5, 6],
  dtype: 'float64',
});

const mutation = fc.oneof(
  fc.record({kind: fc.constant('set' as const), at: fc.nat(), value: fc.nat(255)}),
  fc.record({kind: fc.constant('flip' as const), at: fc.nat(), value: fc.nat(7)}),
  fc.record({kind: fc.constant('insert' as const), at: fc.nat(), value: fc.nat(255)}),
  fc.record({
    kind: fc.constant('remove' as const),
    at: fc.nat(),
    value: fc.integer({min: 1, max: 8}),
  }),
  fc.record({kind: fc.constant('cut' as const), at: fc.nat(), value: fc.constant(0)}),
  fc.record({
    kind: fc.constant('repeat' as const),
    at: fc.nat(),
    value: fc.integer({min: 1, max: 32}),
  }),
);
type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never;

function mutate(bytes: Uint8Array, mutations: readonly Mutation[]): Uint8Array {
  const list = [...bytes];
  for (const {kind, at, value} of mutations) {
    const index = at % Math.max(list.length, 1);
    if (kind === 'set') list[index] = value;
    if (kind === 'flip') list[index] = (list[index] ?? 0) ^ (1 << value);
    if (kind === 'insert') list.splice(index, 0, value);
    if (kind === 'remove') list.splice(index, value);
    if (kind === 'cut') list.length = index;
    if (kind === 'repeat') list.splice(index, 0, ...list.slice(index, index + value));
  }
  return Uint8Array.from(list);
}

function survives(decode: () => unknown): boolean {
  try {
    decode();
    return true;
  } catch (error) {
    if (error instanceof UntangleError && error.code !== 'ERR_INTERNAL') return true;
    throw error;
  }
}

// UNTANGLE_FUZZ_RUNS makes a nightly run longer.
const numRuns = Number(process.env.UNTANGLE_FUZZ_RUNS ?? 5000);
const seed = Number(process.env.UNTANGLE_FUZZ_SEED ?? Date.now() % 2 ** 31);

test('a damaged model never breaks the decoder', t => {
  t.log(`seed ${seed}, ${numRuns} runs`);
  const property = fc.property(fc.array(mutation, {minLength: 1, maxLength: 8}), mutations =>
    survives(() => decodeModel(mutate(MODEL_BYTES, mutations))),
  );
  t.notThrows(() => fc.assert(property, {numRuns, seed}));
});

test('a damaged tensor file never breaks the decoder', t => {
  t.log(`seed ${seed}, ${numRuns} runs`);
  const property = fc.property(fc.array(mutation, {minLength: 1, maxLength: 4}), mutations =>
    survives(() => decodeTensor(mutate(TENSOR_BYTES, mutations))),
  );
  t.notThrows(() => fc.assert(property, {numRuns, seed}));
});

test('random bytes never break the decoder', t => {
  const property = fc.property(fc.uint8Array({maxLength: 300}), bytes =>
    survives(() => decodeModel(bytes)),
  );
  t.notThrows(() => fc.assert(property, {numRuns, seed}));
});
