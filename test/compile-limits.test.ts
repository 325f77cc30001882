// Both sides of the limits that compiling holds itself to.

import test, {type ExecutionContext} from 'ava';
import {compile} from '../src/compile.js';
import {UntangleError} from '../src/errors.js';
import {type Limits, resolveLimits, startClock} from '../src/onnx/limits.js';
import {model} from './helpers/onnx-builder.js';
import {weights} from './runtime/small-models.js';

function isEdge(t: ExecutionContext, bytes: Uint8Array, name: keyof Limits, edge: number): void {
  t.notThrows(() => compile(bytes, {limits: {[name]: edge}}));
  const error = t.throws(() => compile(bytes, {limits: {[name]: edge - 1}}), {
    instanceOf: UntangleError,
  });
  t.is(error?.code, 'ERR_ONNX_LIMIT');
  t.is(error?.fields.limit, name);
}

test('foldedElements: what is made beyond four times the elements of the file', t => {
  const bytes = model({
    inputs: [{name: 'x', dims: [100]}],
    outputs: [{name: 'y', dims: [100]}],
    initializers: {c: {dims: [1], data: [2]}, shape: {dims: [1], data: [100], dtype: 'int64'}},
    nodes: [
      {op: 'Expand', inputs: ['c', 'shape'], outputs: ['e']},
      {op: 'Pow', inputs: ['x', 'e'], outputs: ['y']},
    ],
  });
  isEdge(t, bytes, 'foldedElements', 100 - 4 * 2);
});

test('regions: phases and kernel elements', t => {
  const bytes = model({
    inputs: [{name: 'x', dims: [1, 2, 3, 3]}],
    outputs: [{name: 'y', dims: [1, 2, 8, 14]}],
    initializers: {w: weights([2, 2, 4, 4])},
    nodes: [{op: 'ConvTranspose', inputs: ['x', 'w'], outputs: ['y'], attrs: {strides: [2, 5]}}],
  });
  isEdge(t, bytes, 'regions', 2 * 5 + 4 * 4);
  isEdge(t, bytes, 'convolutionRegions', 2 * 5 + 4 * 4);
});

test('regions: strides beyond the output make no phases of their own, and enormous ones are refused at once', t => {
  const strided = (stride: number) =>
    model({
      inputs: [{name: 'x', dims: [1, 1, 2, 2]}],
      outputs: [{name: 'y'}],
      initializers: {w: weights([1, 1, 1, 1])},
      nodes: [
        {
          op: 'ConvTranspose',
          inputs: ['x', 'w'],
          outputs: ['y'],
          attrs: {strides: [stride, stride]},
        },
      ],
    });
  t.notThrows(() => compile(strided(20)));
  t.throws(() => compile(strided(20_000)), {code: 'ERR_ONNX_LIMIT', message: /convolutionRegions/});
});

test('compileMs: the clock throws once the time is over, and compiling looks at it', t => {
  const wait = (ms: number) => {
    for (const start = performance.now(); performance.now() - start < ms; );
  };
  const check = startClock(resolveLimits({compileMs: 30}));
  t.notThrows(check);
  wait(40);
  t.throws(check, {code: 'ERR_ONNX_LIMIT', message: /compileMs = 30/});

  const long = model({
    inputs: [{name: 'x', dims: [4]}],
    outputs: [{name: 'v5000'}],
    nodes: Array.from({length: 5000}, (_, i) => ({
      op: i % 2 === 0 ? 'Tanh' : 'Relu',
      inputs: [i === 0 ? 'x' : `v${i}`],
      outputs: [`v${i + 1}`],
    })),
  });
  t.throws(() => compile(long, {limits: {compileMs: 1}}), {
    code: 'ERR_ONNX_LIMIT',
    message: /compileMs/,
  });
});

test('maps of many millions of rows are counted without listing them', t => {
  const shape = [1, 4, 2 ** 22, 8];
  const conv = {op: 'Conv', inputs: ['x', 'w'], outputs: ['y']};
  const pool = {op: 'MaxPool', inputs: ['x'], outputs: ['y'], attrs: {kernel_shape: [3, 3]}};
  for (const node of [conv, pool]) {
    const inputs = [
      {name: 'x', dims: shape},
      {name: 'w', dims: [1, 4, 6, 6]},
    ];
    const bytes = model({inputs, outputs: [{name: 'y'}], nodes: [node]});
    const {totals} = compile(bytes).explanation;
    t.true(totals.readBytes >= shape.reduce((a, b) => a * b, 4));
  }
});

test('tables are refused before they are made, and values past 4 GiB by name', t => {
  const oneHot = model({
    inputs: [{name: 'x', dims: [2], dtype: 'int64'}],
    outputs: [{name: 'y'}],
    initializers: {
      depth: {dims: [], data: [2 ** 30], dtype: 'int64'},
      values: {dims: [2], data: [0, 1]},
    },
    nodes: [{op: 'OneHot', inputs: ['x', 'depth', 'values'], outputs: ['y']}],
  });
  t.throws(() => compile(oneHot), {code: 'ERR_ONNX_LIMIT', message: /foldedElements/});

  const large = model({
    inputs: [{name: 'x', dims: [2, 2 ** 30 - 8]}],
    outputs: [{name: 'y'}],
    initializers: {at: {dims: [1], data: [1], dtype: 'int64'}},
    nodes: [
      {op: 'Gather', inputs: ['x', 'at'], outputs: ['row']},
      {op: 'Relu', inputs: ['row'], outputs: ['y']},
    ],
  });
  t.throws(() => compile(large), {
    code: 'ERR_PROGRAM_SIZE',
    message: /needs an arena of \d+ bytes/,
  });
});
