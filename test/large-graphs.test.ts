// Graphs of many nodes in the shapes that make a pass over pairs of nodes quadratic, or a search through them worse.

import test from 'ava';
import {compile} from '../src/compile.js';
import {type ModelSpec, model, type NodeSpec} from './helpers/onnx-builder.js';

/** A quadratic pass would take minutes, a linear one a second. */
const NODES = 10_000;
const INPUT = [{name: 'x', dims: [1, 4]}];

function unary(op: string, from: string, to: string): NodeSpec {
  return {op, inputs: [from], outputs: [to]};
}

function times(nodes: (index: number) => NodeSpec[]): NodeSpec[] {
  return Array.from({length: NODES}, (_, index) => nodes(index)).flat();
}

const before = (index: number): string => (index === 0 ? 'x' : `v${index}`);
const last = [{name: `v${NODES}`}];
const CONCAT = {op: 'Concat', outputs: ['y'], attrs: {axis: 0}};
const FILTER = {dims: [4, 4, 1, 1], data: new Float32Array(16)};

const SPECS: Readonly<Record<string, ModelSpec>> = {
  'a chain': {
    inputs: INPUT,
    outputs: last,
    nodes: times(i => [unary(i % 2 === 0 ? 'Tanh' : 'Relu', before(i), `v${i + 1}`)]),
  },
  'a chain of additions of one constant': {
    inputs: INPUT,
    outputs: last,
    initializers: {c: {dims: [1], data: [1.5]}},
    nodes: times(i => [{op: 'Add', inputs: [before(i), 'c'], outputs: [`v${i + 1}`]}]),
  },
  'pairs on one value, makers first': {
    inputs: INPUT,
    outputs: [{name: 'y'}],
    nodes: [
      ...times(i => [unary('Relu', 'x', `a${i}`)]),
      ...times(i => [unary('Tanh', `a${i}`, `b${i}`)]),
      {...CONCAT, inputs: Array.from({length: NODES}, (_, i) => `b${i}`)},
    ],
  },
  'concats in concats': {
    inputs: INPUT,
    outputs: last,
    nodes: times(i => [{...CONCAT, inputs: [before(i), 'x'], outputs: [`v${i + 1}`]}]),
  },
  'as many outputs': {
    inputs: INPUT,
    outputs: Array.from({length: NODES}, (_, i) => ({name: `v${i}`})),
    nodes: times(i => [unary('Relu', 'x', `v${i}`)]),
  },
  'constants of one size': {
    inputs: INPUT,
    outputs: last,
    initializers: Object.fromEntries(
      Array.from({length: NODES}, (_, i) => [`c${i}`, {dims: [4], data: [i, 1, 2, 3]}]),
    ),
    nodes: times(i => [
      {op: i % 2 === 0 ? 'Max' : 'Pow', inputs: [before(i), `c${i}`], outputs: [`v${i + 1}`]},
    ]),
  },
  'rearrangements between a convolution and a Relu': {
    inputs: [{name: 'x', dims: [1, 4, 4, 4]}],
    outputs: [{name: 'y'}],
    initializers: {
      w: FILTER,
      minus: {dims: [1], data: [-1], dtype: 'int64'},
      start: {dims: [1], data: [-9], dtype: 'int64'},
      axis: {dims: [1], data: [1], dtype: 'int64'},
    },
    nodes: [
      {op: 'Conv', inputs: ['x', 'w'], outputs: ['v0']},
      ...times(i => [
        i % 2 === 0
          ? {
              op: 'Slice',
              inputs: [`v${i}`, 'minus', 'start', 'axis', 'minus'],
              outputs: [`v${i + 1}`],
            }
          : {
              op: 'Transpose',
              inputs: [`v${i}`],
              outputs: [`v${i + 1}`],
              attrs: {perm: [0, 1, 3, 2]},
            },
      ]),
      unary('Relu', `v${NODES}`, 'y'),
    ],
  },
  'diamonds behind a dense layer, each doubling the ways through': {
    inputs: [{name: 'x', dims: [2, 4]}],
    outputs: [{name: 'y'}],
    initializers: {
      w: {dims: [4, 16], data: new Float32Array(64)},
      shape: {dims: [4], data: [2, 4, 2, 2], dtype: 'int64'},
      k: FILTER,
    },
    nodes: [
      {op: 'Gemm', inputs: ['x', 'w'], outputs: ['g']},
      {op: 'Reshape', inputs: ['g', 'shape'], outputs: ['v0']},
      ...times(i => [
        unary('Relu', `v${i}`, `a${i}`),
        unary('Tanh', `v${i}`, `b${i}`),
        {op: 'Add', inputs: [`a${i}`, `b${i}`], outputs: [`v${i + 1}`]},
      ]),
      {op: 'Conv', inputs: [`v${NODES}`, 'k'], outputs: ['y']},
    ],
  },
  'nodes that share a name and make nothing': {
    inputs: INPUT,
    outputs: [{name: 'y'}],
    nodes: [...times(() => [{...unary('Relu', 'x', ''), name: 'n'}]), unary('Relu', 'x', 'y')],
  },
  'one node of many inputs': {
    inputs: INPUT,
    outputs: [{name: 'y'}],
    nodes: [{op: 'Max', inputs: Array.from({length: NODES}, () => 'x'), outputs: ['y']}],
  },
};

for (const [name, spec] of Object.entries(SPECS)) {
  test(`${NODES} times: ${name}`, t => {
    const start = process.cpuUsage();
    t.notThrows(() => compile(model(spec), {threads: 1}));
    const {user, system} = process.cpuUsage(start);
    t.log(`${Math.round((user + system) / 1000)} ms of CPU time`);
  });
}
