import test from 'ava';
import {buildGraph} from '../../src/graph/build.js';
import {decodeModel} from '../../src/onnx/decode.js';
import {model} from '../helpers/onnx-builder.js';
import {buildOne, errorOf, floats, operationNames, runGraph, runOne} from './build-one.js';

// x = [[0, 1, 2], [3, 4, 5]]
const B = floats([3, 2], [1, 2, 3, 4, 5, 6]);
const B_TRANSPOSED = floats([2, 3], [1, 3, 5, 2, 4, 6]);
const XB = [13, 16, 40, 52];

test('Gemm folds alpha, beta and transpositions into constants', t => {
  t.deepEqual(runOne({op: 'Gemm', x: [2, 3], constants: [B]}).data, XB);
  t.deepEqual(
    runOne({op: 'Gemm', x: [2, 3], constants: [B_TRANSPOSED], attrs: {transB: 1}}).data,
    XB,
  );
  const graph = buildOne({
    op: 'Gemm',
    x: [2, 3],
    constants: [B, floats([2], [10, 20])],
    attrs: {alpha: {float: 2}, beta: {float: 0.5}},
  });
  t.deepEqual(operationNames(graph), ['gemm']);
  t.deepEqual(runGraph(graph).data, [31, 42, 85, 114]);
  const turned = buildOne({op: 'Gemm', x: [3, 2], constants: [B], attrs: {transA: 1}});
  t.deepEqual(operationNames(turned), ['transpose', 'gemm']);
});

test('Gemm adds a C that is no row of the result afterwards', t => {
  const column = buildOne({op: 'Gemm', x: [2, 3], constants: [B, floats([2, 1], [100, 200])]});
  t.deepEqual(operationNames(column), ['gemm', 'chain']);
  t.deepEqual(runGraph(column).data, [113, 116, 240, 252]);
  for (const dims of [[], [1], [1, 1], [1, 2]]) {
    const count = dims.reduce((product, size) => product * size, 1);
    const graph = buildOne({
      op: 'Gemm',
      x: [2, 3],
      constants: [B, floats(dims, new Array(count).fill(1))],
    });
    t.deepEqual(operationNames(graph), ['gemm']);
    t.deepEqual(
      runGraph(graph).data,
      XB.map(value => value + 1),
    );
  }
  t.is(
    errorOf({op: 'Gemm', x: [2, 3], constants: [B, floats([3], [1, 1, 1])]})?.code,
    'ERR_MODEL_INVALID',
  );
});

test('MatMul with one constant matrix is a gemm on either side', t => {
  t.deepEqual(runOne({op: 'MatMul', x: [2, 3], constants: [B]}).data, XB);
  t.deepEqual(runOne({op: 'MatMul', x: [4, 2, 3], constants: [B]}).shape, [4, 2, 2]);
  t.deepEqual(runOne({op: 'MatMul', x: [3], constants: [B]}), {shape: [2], data: XB.slice(0, 2)});
  t.deepEqual(runOne({op: 'MatMul', x: [2, 3], constants: [floats([3], [1, 3, 5])]}), {
    shape: [2],
    data: [13, 40],
  });
  t.is(errorOf({op: 'MatMul', x: [2, 2], constants: [B]})?.code, 'ERR_MODEL_INVALID');

  const left = build('c', 'x', [2, 2]);
  t.deepEqual(operationNames(left), ['transpose', 'gemm', 'transpose']);
  t.deepEqual(runGraph(left, [1, 0, 0, 1]).data, [1, 2, 3, 4, 5, 6]);
});

test('MatMul of two run-time values broadcasts the batch', t => {
  const graph = build('x', 'x', [3, 2, 2]);
  t.deepEqual(operationNames(graph), ['matmul']);
  t.deepEqual(runGraph(graph).data.slice(0, 4), [2, 3, 6, 11]);
});

function build(a: string, b: string, dims: readonly number[]) {
  const bytes = model({
    inputs: [{name: 'x', dims}],
    outputs: [{name: 'y'}],
    nodes: [{op: 'MatMul', inputs: [a, b], outputs: ['y']}],
    initializers: {c: B},
  });
  return buildGraph(decodeModel(bytes), {shapes: {}});
}
