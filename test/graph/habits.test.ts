// What exporters write, as ONNX files, and what is left of it after building and fusing.

import test, {type ExecutionContext} from 'ava';
import {buildGraph} from '../../src/graph/build.js';
import {fuseGraph} from '../../src/graph/fuse.js';
import type {Graph} from '../../src/graph/graph.js';
import {decodeModel} from '../../src/onnx/decode.js';
import {model, type NodeSpec, type TensorSpec} from '../helpers/onnx-builder.js';
import {operationNames} from './build-one.js';
import {assertSameResults, integers} from './fuse-builder.js';

type Initializers = Readonly<Record<string, TensorSpec>>;

interface Habit {
  readonly x: readonly number[];
  readonly nodes: readonly NodeSpec[];
  readonly initializers?: Initializers;
  readonly opset?: number;
}

/** The fused graph of a model from x to y, checked to compute what it computes unfused. */
function fused({x, nodes, initializers = {}, opset = 17}: Habit): Graph {
  const bytes = model({
    opset,
    inputs: [{name: 'x', dims: x}],
    outputs: [{name: 'y'}],
    nodes,
    initializers,
  });
  const built = buildGraph(decodeModel(bytes), {shapes: {}});
  const graph = fuseGraph(built);
  assertSameResults(built, graph, 1e-5);
  return graph;
}

function leaves(t: ExecutionContext, habit: Habit, ...expected: readonly string[]): Graph {
  const graph = fused(habit);
  t.deepEqual(operationNames(graph), expected);
  return graph;
}

function weights(...dims: readonly number[]): TensorSpec {
  return {
    dims,
    data: integers(
      dims.reduce((product, size) => product * size, 1),
      3,
    ),
  };
}

const scalar = (value: number): TensorSpec => ({dims: [], data: [value]});
const ints = (...data: readonly number[]): TensorSpec => ({
  dims: [data.length],
  data,
  dtype: 'int64',
});

/** `[op, inputs, output, attrs]` as a node. */
function node(op: string, inputs: string, output: string, attrs: NodeSpec['attrs'] = {}): NodeSpec {
  return {op, inputs: inputs === '' ? [] : inputs.split(' '), outputs: output.split(' '), attrs};
}

/** (x - mean) / sqrt(variance + eps) * scale + bias from x to y, in the spellings that exporters use. */
function spelledOut(
  axes: readonly number[],
  square: 'Pow' | 'Mul' | 'second Sub',
  last: string,
): NodeSpec[] {
  const other = square === 'second Sub' ? [node('Sub', 'x mean', 'd2')] : [];
  const base = square === 'second Sub' ? 'd2' : 'd';
  const quotient: Readonly<Record<string, readonly NodeSpec[]>> = {
    'Sqrt, Div': [node('Sqrt', 'v', 's'), node('Div', 'd s', 'n')],
    'Pow, Div': [node('Pow', 'v half', 's'), node('Div', 'd s', 'n')],
    'Sqrt, Reciprocal, Mul': [
      node('Sqrt', 'v', 's'),
      node('Reciprocal', 's', 'r'),
      node('Mul', 'r d', 'n'),
    ],
  };
  return [
    node('ReduceMean', 'x', 'mean', {axes}),
    node('Sub', 'x mean', 'd'),
    ...other,
    square === 'Mul' ? node('Mul', `${base} ${base}`, 'q') : node('Pow', `${base} two`, 'q'),
    node('ReduceMean', 'q', 'variance', {axes}),
    node('Add', 'variance eps', 'v'),
    ...quotient[last]!,
    node('Mul', 'n scale', 'm'),
    node('Add', 'm bias', 'y'),
  ];
}

const EPSILON = {eps: scalar(0.5), two: scalar(2), half: scalar(0.5)};

for (const square of ['Pow', 'Mul', 'second Sub'] as const) {
  for (const last of ['Sqrt, Div', 'Pow, Div', 'Sqrt, Reciprocal, Mul']) {
    test(`an instance normalisation written with ${square}, ${last} is one`, t => {
      const initializers = {...EPSILON, scale: weights(4, 1, 1), bias: weights(4, 1, 1)};
      const nodes = spelledOut([2, 3], square, last);
      const graph = leaves(t, {x: [2, 4, 3, 3], nodes, initializers}, 'instanceNorm');
      const {operation} = graph.nodes[0]!;
      t.is(operation.op === 'instanceNorm' && operation.epsilon, 0.5);
      const line = {...initializers, scale: weights(4, 1), bias: weights(4, 1)};
      const oneAxis = spelledOut([2], square, last);
      leaves(t, {x: [2, 4, 3], nodes: oneAxis, initializers: line}, 'instanceNorm');
    });

    test(`a layer normalisation written with ${square}, ${last} is one, and a chain`, t => {
      const initializers = {...EPSILON, scale: weights(4), bias: weights(4)};
      const nodes = spelledOut([-1], square, last);
      leaves(t, {x: [2, 3, 4], nodes, initializers}, 'standardize', 'chain');
    });
  }
}

test('what only looks like a normalisation is left alone', t => {
  const initializers = {...EPSILON, scale: weights(4), bias: weights(4)};
  const nodes = spelledOut([-1], 'Mul', 'Sqrt, Div');
  const changed = (output: string, replacement: NodeSpec): Habit => ({
    x: [2, 4, 4],
    nodes: nodes.map(each => (each.outputs[0] === output ? replacement : each)),
    initializers,
  });
  const habits = [
    changed('variance', node('ReduceMean', 'q', 'variance', {axes: [1]})),
    changed('variance', node('ReduceSum', 'q', 'variance')),
    changed('mean', node('ReduceMean', 'x', 'mean', {axes: [1]})),
    changed('q', node('Mul', 'd x', 'q')),
    changed('v', node('Mul', 'variance eps', 'v')),
    changed('n', node('Div', 'x s', 'n')),
  ];
  for (const habit of habits) t.false(operationNames(fused(habit)).includes('standardize'));
});

test('gates and their approximations are one pass', t => {
  const constants = {
    root2: scalar(Math.SQRT2),
    one: scalar(1),
    half: scalar(0.5),
    three: scalar(3),
    cubic: scalar(0.044715),
    root2pi: scalar(Math.sqrt(2 / Math.PI)),
    six: scalar(6),
    zero: scalar(0),
  };
  const gelu = [
    node('Div', 'x root2', 'a'),
    node('Erf', 'a', 'b'),
    node('Add', 'b one', 'c'),
    node('Mul', 'x c', 'd'),
    node('Mul', 'd half', 'y'),
  ];
  const tanhGelu = [
    node('Pow', 'x three', 'a'),
    node('Mul', 'a cubic', 'b'),
    node('Add', 'x b', 'c'),
    node('Mul', 'c root2pi', 'd'),
    node('Tanh', 'd', 'e'),
    node('Add', 'e one', 'f'),
    node('Mul', 'x half', 'g'),
    node('Mul', 'g f', 'y'),
  ];
  const silu = [node('Sigmoid', 'x', 'a'), node('Mul', 'x a', 'y')];
  const mish = [node('Softplus', 'x', 'a'), node('Tanh', 'a', 'b'), node('Mul', 'x b', 'y')];
  const writtenMish = [
    node('Exp', 'x', 'e'),
    node('Add', 'e one', 'p'),
    node('Log', 'p', 'a'),
    ...mish.slice(1),
  ];
  for (const nodes of [gelu, tanhGelu, silu, mish, writtenMish])
    leaves(t, {x: [2, 4, 3], nodes, initializers: constants}, 'chain');

  const hardSwish = [
    node('Add', 'x three', 'a'),
    node('Clip', 'a zero six', 'b'),
    node('Mul', 'x b', 'c'),
    node('Div', 'c six', 'y'),
  ];
  const graph = leaves(t, {x: [2, 4], nodes: hardSwish, initializers: constants}, 'chain');
  const {operation} = graph.nodes[0]!;
  const fn = operation.op === 'chain' ? operation.ops.map(op => op.fn) : [];
  t.deepEqual(fn, [{kind: 'unary', activation: {fn: 'hardSwish', alpha: 0, beta: 0}}]);
});

test('weights that the model computes from constants are weights', t => {
  const weightNormalised = [
    node('ReduceL2', 'v', 'norm', {axes: [1, 2, 3]}),
    node('Div', 'v norm', 'u'),
    node('Mul', 'u g', 'w'),
    node('Conv', 'x w', 'y', {pads: [1, 1, 1, 1]}),
  ];
  const v = weights(5, 4, 3, 3);
  leaves(
    t,
    {x: [1, 4, 6, 6], nodes: weightNormalised, initializers: {v, g: weights(5, 1, 1, 1)}},
    'conv',
  );

  // One step of the power method, as torch's spectral norm leaves it in the graph.
  const spectral = [
    node('Reshape', 'v matrix', 'm'),
    node('Transpose', 'm', 'mt', {perm: [1, 0]}),
    node('MatMul', 'mt u', 'a'),
    node('ReduceL2', 'a', 'an'),
    node('Clip', 'an tiny', 'ac'),
    node('Div', 'a ac', 'b'),
    node('MatMul', 'm b', 'c'),
    node('Mul', 'u c', 'uc'),
    node('ReduceSum', 'uc', 'sigma', {keepdims: 0}),
    node('Div', 'v sigma', 'w'),
    node('Conv', 'x w', 'y'),
  ];
  const initializers = {v, u: weights(5), matrix: ints(5, -1), tiny: scalar(1e-12)};
  leaves(t, {x: [1, 4, 6, 6], nodes: spectral, initializers}, 'conv');

  const gemm = [
    node('Gemm', 'a b c', 'w', {transB: 1}),
    node('MatMul', 'x w', 'h'),
    node('Add', 'h bias', 'y'),
  ];
  const matrices = {a: weights(4, 3), b: weights(6, 3), c: weights(6), bias: weights(6)};
  leaves(t, {x: [2, 7, 4], nodes: gemm, initializers: matrices}, 'gemm');
});

test('shape tails, padding lists and sizes fold away', t => {
  const flatten = [
    node('Shape', 'x', 's'),
    node('Gather', 's zero', 'n'),
    node('Unsqueeze', 'n axis', 'nu'),
    node('Concat', 'nu rest', 'target', {axis: 0}),
    node('Reshape', 'x target', 'f'),
    node('Gemm', 'f w', 'y'),
  ];
  const constants = {
    zero: {dims: [], data: [0], dtype: 'int64'} as const,
    axis: ints(0),
    rest: ints(-1),
    w: weights(12, 5),
  };
  leaves(t, {x: [2, 3, 4], nodes: flatten, initializers: constants}, 'reshape', 'gemm');

  // torch: pads in reversed order, completed with zeros.
  const pad = [
    node('ConstantOfShape', 'missing', 'zeros', {value: ints(0)}),
    node('Concat', 'given zeros', 'flat', {axis: 0}),
    node('Reshape', 'flat pairs', 'p'),
    node('Slice', 'p last first axis0 back', 'reversed'),
    node('Transpose', 'reversed', 'swapped', {perm: [1, 0]}),
    node('Reshape', 'swapped minus', 'list'),
    node('Cast', 'list', 'pads', {to: 7}),
    node('Pad', 'x pads', 'h'),
    node('Conv', 'h w', 'y'),
  ];
  const padding = {
    missing: ints(4),
    given: ints(1, 1, 1, 1),
    pairs: ints(-1, 2),
    last: ints(-1),
    first: ints(-(2 ** 63)),
    axis0: ints(0),
    back: ints(-1),
    minus: ints(-1),
    w: weights(2, 3, 3, 3),
  };
  leaves(t, {x: [1, 3, 5, 5], nodes: pad, initializers: padding}, 'conv');

  const resize = [
    node('Shape', 'x', 's'),
    node('Slice', 's two four zeros', 'hw'),
    node('Cast', 'hw', 'f', {to: 1}),
    node('Mul', 'f factor', 'scaled'),
    node('Floor', 'scaled', 'floored'),
    node('Cast', 'floored', 'i', {to: 7}),
    node('Slice', 's zeros two zeros', 'nc'),
    node('Concat', 'nc i', 'sizes', {axis: 0}),
    node('Resize', 'x   sizes', 'y', {mode: 'nearest'}),
  ];
  const sizes = {two: ints(2), four: ints(4), zeros: ints(0), factor: scalar(2.5)};
  const graph = leaves(t, {x: [1, 2, 3, 5], nodes: resize, initializers: sizes}, 'resize');
  t.deepEqual(graph.values.get('y')!.shape, [1, 2, 7, 12]);
});

test('identities, dropouts and axes that come and go leave nothing', t => {
  const nodes = [
    node('Identity', 'x', 'a'),
    node('Dropout', 'a', 'b'),
    node('Unsqueeze', 'b axes', 'c'),
    node('Identity', 'c', 'd'),
    node('Squeeze', 'd axes', 'e'),
    node('Dropout', 'e', 'f'),
    node('Relu', 'f', 'y'),
  ];
  leaves(t, {x: [2, 3], nodes, initializers: {axes: ints(0, 3)}}, 'chain');
});

test('a channels-last model wrapped in transposes is convolutions between two transposes', t => {
  const toFirst = {perm: [0, 3, 1, 2]};
  const toLast = {perm: [0, 2, 3, 1]};
  const layer = (from: string, to: string, w: string): NodeSpec[] => [
    node('Transpose', from, `${to}1`, toFirst),
    node('Conv', `${to}1 ${w}`, `${to}2`, {pads: [1, 1, 1, 1]}),
    node('Transpose', `${to}2`, to, toLast),
  ];
  const nodes = [
    ...layer('x', 'a', 'w'),
    node('Add', 'a bias', 'b'),
    node('Mul', 'b scale', 'c'),
    node('Relu', 'c', 'd'),
    ...layer('d', 'e', 'w'),
    node('Add', 'e d', 'f'),
    node('LeakyRelu', 'f', 'g'),
    ...layer('g', 'y', 'w'),
  ];
  const initializers = {w: weights(4, 4, 3, 3), bias: weights(4), scale: weights(1, 1, 1, 4)};
  leaves(
    t,
    {x: [1, 5, 6, 4], nodes, initializers},
    'transpose',
    'conv',
    'conv',
    'conv',
    'transpose',
  );
});

test('channels-last means, pads, concats and normalisations exchange with transposes', t => {
  const nodes = [
    node('Transpose', 'x', 'x1', {perm: [0, 3, 1, 2]}),
    node('Conv', 'x1 w', 'x2'),
    node('Transpose', 'x2', 'a', {perm: [0, 2, 3, 1]}),
    node('Pad', 'a pads', 'p'),
    node('Concat', 'p p', 'c', {axis: 3}),
    node('ReduceMean', 'c', 'y', {axes: [1, 2], keepdims: 0}),
  ];
  const initializers = {w: weights(4, 4, 1, 1), pads: ints(0, 1, 1, 0, 0, 1, 1, 0)};
  leaves(t, {x: [1, 5, 6, 4], nodes, initializers}, 'transpose', 'conv', 'pad', 'concat', 'reduce');
  const norm = spelledOut([1, 2], 'Mul', 'Sqrt, Div').map(each => ({
    ...each,
    inputs: each.inputs.map(name => (name === 'x' ? 'a' : name)),
  }));
  const wrapped = [
    ...nodes.slice(0, 3),
    ...norm.slice(0, -1),
    node('Add', 'm bias', 'b'),
    node('Transpose', 'b', 'y', {perm: [0, 3, 1, 2]}),
  ];
  const constants = {...initializers, ...EPSILON, scale: weights(4), bias: weights(4)};
  leaves(
    t,
    {x: [1, 5, 6, 4], nodes: wrapped, initializers: constants},
    'transpose',
    'conv',
    'instanceNorm',
  );
});

test('normalisation and scalars behind a convolution or a product go into it', t => {
  const channel = (seed: number): TensorSpec => ({dims: [4, 1, 1], data: integers(4, seed)});
  const nodes = [
    node('Conv', 'x w', 'a'),
    node('Mul', 'a s', 'b'),
    node('Add', 'b t', 'c'),
    node('Mul', 'c half', 'd'),
    node('Sub', 'd half', 'e'),
    node('Relu', 'e', 'y'),
  ];
  const initializers = {w: weights(4, 3, 1, 1), s: channel(2), t: channel(4), half: scalar(0.5)};
  leaves(t, {x: [1, 3, 4, 4], nodes, initializers}, 'conv');
});
