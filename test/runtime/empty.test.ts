// Values of no elements: inputs, outputs and what lies between them.

import test from 'ava';
import {load} from '../../src/index.js';
import {model, type NodeSpec} from '../helpers/onnx-builder.js';

/** The outputs y0, y1, ... of nodes over x [N, 3], with x of `rows` rows counting from 0. */
async function run(nodes: readonly NodeSpec[], rows: number, outputs = ['y0']) {
  const bytes = model({
    opset: 13,
    inputs: [{name: 'x', dims: ['N', 3]}],
    outputs: outputs.map(name => ({name})),
    nodes,
    initializers: {
      starts: {dims: [1], data: [9], dtype: 'int64'},
      ends: {dims: [1], data: [10], dtype: 'int64'},
      axes: {dims: [1], data: [0], dtype: 'int64'},
      weights: {dims: [3, 2], data: [1, 2, 3, 4, 5, 6]},
    },
  });
  await using session = await load(bytes, {threads: 1, shapes: {x: [rows, 3]}});
  const x = Float32Array.from({length: rows * 3}, (_, at) => at);
  const results = await session.run({x});
  return outputs.map(name => ({shape: results[name]!.shape, data: [...results[name]!.data]}));
}

const TAIL: NodeSpec = {op: 'Slice', inputs: ['x', 'starts', 'ends', 'axes'], outputs: ['none']};

test('an input without elements goes through the operators of the model', async t => {
  const nodes: NodeSpec[] = [
    {op: 'Relu', inputs: ['x'], outputs: ['relu']},
    {op: 'MatMul', inputs: ['relu', 'weights'], outputs: ['y0']},
    {op: 'ReduceSum', inputs: ['relu', 'axes'], outputs: ['y1']},
    {op: 'ReduceMax', inputs: ['relu'], outputs: ['y2'], attrs: {keepdims: 0}},
  ];
  t.deepEqual(await run(nodes, 0, ['y0', 'y1', 'y2']), [
    {shape: [0, 2], data: []},
    {shape: [1, 3], data: [0, 0, 0]},
    {shape: [], data: [-Infinity]},
  ]);
  t.deepEqual((await run(nodes, 1))[0], {shape: [1, 2], data: [13, 16]});
});

test('an input without elements may itself be the output', async t => {
  const nodes = [{op: 'Identity', inputs: ['x'], outputs: ['y0']}];
  t.deepEqual(await run(nodes, 0), [{shape: [0, 3], data: []}]);
});

test('a slice past the end has no elements, beside outputs that have some', async t => {
  const nodes = [
    TAIL,
    {op: 'Neg', inputs: ['none'], outputs: ['y0']},
    {op: 'Concat', inputs: ['none', 'x', 'none'], outputs: ['y1'], attrs: {axis: 0}},
    {op: 'Shape', inputs: ['y0'], outputs: ['y2']},
  ];
  const [empty, joined, shape] = await run(nodes, 2, ['y0', 'y1', 'y2']);
  t.deepEqual(empty, {shape: [0, 3], data: []});
  t.deepEqual(joined, {shape: [2, 3], data: [0, 1, 2, 3, 4, 5]});
  t.deepEqual(shape!.data.map(Number), [0, 3]);
});
