import test from 'ava';
import type {AttributeSpec} from '../helpers/onnx-builder.js';
import {buildOne, errorOf, floats, type OneNode, runOne} from './build-one.js';

/** x = [1, 2, 3] over one axis; the k-th weight is 10^k, so a result shows which taps it got. */
const X = [1, 2, 3];

function oneAxis(
  op: string,
  kernel: number,
  attrs: Readonly<Record<string, AttributeSpec>>,
): number[] {
  const weights = floats(
    [1, 1, kernel],
    Array.from({length: kernel}, (_, k) => 10 ** k),
  );
  return runOne({op, x: [1, 1, 3], constants: [weights], attrs}, X).data;
}

test('transposed: pads, output_shape and auto_pad give what onnxruntime 1.30 gives', t => {
  const run = (attrs: Record<string, AttributeSpec>) =>
    oneAxis('ConvTranspose', 3, {strides: [2], ...attrs});
  const all = [1, 10, 102, 20, 203, 30, 300];
  t.deepEqual(run({}), all);
  t.deepEqual(run({pads: [1, 2]}), all.slice(1, -2));
  t.deepEqual(run({output_padding: [1]}), [...all, 0]);
  t.deepEqual(run({auto_pad: 'SAME_UPPER'}), all.slice(0, -1));
  t.deepEqual(run({auto_pad: 'SAME_LOWER'}), all.slice(1));
  t.deepEqual(run({auto_pad: 'VALID'}), all);
  for (const auto_pad of ['NOTSET', 'SAME_LOWER', 'VALID']) {
    t.deepEqual(run({output_shape: [6], auto_pad}), all.slice(1));
  }
  t.deepEqual(run({output_shape: [6], auto_pad: 'SAME_UPPER'}), all.slice(0, -1));
  t.deepEqual(run({output_shape: [6], output_padding: [1]}), all.slice(1));
  t.deepEqual(run({output_shape: [6], pads: [2, 0]}), all.slice(1));
});

test('transposed: an output_shape above the natural size appends at the end', t => {
  const run = oneAxis('ConvTranspose', 3, {strides: [2], output_shape: [8], auto_pad: 'VALID'});
  t.deepEqual(run, [1, 10, 102, 20, 203, 30, 300, 0]);
});

test('transposed: SAME with a stride above the kernel is not padded', t => {
  t.deepEqual(oneAxis('ConvTranspose', 1, {strides: [2], auto_pad: 'SAME_UPPER'}), [1, 0, 2, 0, 3]);
});

test('transposed: negative pads widen the output', t => {
  t.deepEqual(oneAxis('ConvTranspose', 1, {pads: [-1, -2]}), [0, 1, 2, 3, 0, 0]);
});

test('transposed: output_shape may include batch and channels', t => {
  t.deepEqual(oneAxis('ConvTranspose', 1, {output_shape: [1, 1, 3]}), X);
});

test('convolution: auto_pad, asymmetric and negative pads, stride, dilation', t => {
  t.deepEqual(oneAxis('Conv', 2, {auto_pad: 'SAME_UPPER'}), [21, 32, 3]);
  t.deepEqual(oneAxis('Conv', 2, {auto_pad: 'SAME_LOWER'}), [10, 21, 32]);
  t.deepEqual(oneAxis('Conv', 2, {auto_pad: 'VALID'}), [21, 32]);
  t.deepEqual(oneAxis('Conv', 2, {pads: [0, 1]}), [21, 32, 3]);
  t.deepEqual(oneAxis('Conv', 1, {pads: [-1, 2]}), [2, 3, 0, 0]);
  t.deepEqual(oneAxis('Conv', 1, {strides: [2]}), [1, 3]);
  t.deepEqual(oneAxis('Conv', 2, {dilations: [2]}), [31]);
  t.deepEqual(oneAxis('Conv', 3, {auto_pad: 'SAME_UPPER', dilations: [2]}), [310, 20, 31]);
});

test('groups, bias and two axes reach the operation', t => {
  const spec: OneNode = {
    op: 'Conv',
    x: [2, 4, 5, 6],
    constants: [floats([6, 2, 3, 1], new Array(36).fill(1)), floats([6], [1, 2, 3, 4, 5, 6])],
    attrs: {group: 2, kernel_shape: [3, 1], pads: [1, 0, 1, 0]},
  };
  const graph = buildOne(spec);
  const {operation, output} = graph.nodes[0]!;
  t.deepEqual(graph.values.get(output)!.shape, [2, 6, 5, 6]);
  t.is(operation.op === 'conv' && operation.geometry.groups, 2);
  t.deepEqual(operation.op === 'conv' && Array.from(operation.bias!), [1, 2, 3, 4, 5, 6]);
});

test('wrong weights say what was expected', t => {
  const one = floats([1, 1, 1], [1]);
  const conv = (spec: Partial<OneNode>) =>
    errorOf({op: 'Conv', x: [1, 1, 3], constants: [one], ...spec});
  const invalid: Partial<OneNode>[] = [
    {x: [1, 2, 3]},
    {attrs: {kernel_shape: [2]}},
    {attrs: {strides: [0]}},
    {attrs: {pads: [1]}},
    {attrs: {group: 2}},
    {attrs: {group: 0}},
    {x: [1, 1]},
    {constants: [floats([1, 1, 4], [1, 1, 1, 1])]},
    {constants: [one, floats([2], [1, 1])]},
    {constants: []},
  ];
  for (const spec of invalid) t.is(conv(spec)?.code, 'ERR_MODEL_INVALID', JSON.stringify(spec));
  t.regex(conv({x: [1, 2, 3]})!.message, /2 input channels.*\[1, 1, 1\]/);
});

test('three spatial axes: pads, strides and auto_pad per axis', t => {
  const weights = floats([2, 1, 2, 1, 2], [1, 10, 100, 1000, 2, 20, 200, 2000]);
  const run = (attrs: Readonly<Record<string, AttributeSpec>>) =>
    runOne({op: 'Conv', x: [1, 1, 2, 1, 3], constants: [weights], attrs}, [1, 2, 3, 4, 5, 6]);
  t.deepEqual(run({}), {shape: [1, 2, 1, 1, 2], data: [5421, 6532, 10842, 13064]});
  t.deepEqual(run({auto_pad: 'SAME_UPPER', strides: [2, 1, 3]}).data, [5421, 10842]);
  const padded = run({pads: [0, 1, 0, 0, 0, 1], strides: [1, 2, 2]});
  t.deepEqual(padded, {shape: [1, 2, 1, 1, 2], data: [0, 0, 0, 0]});

  const transposed = runOne(
    {
      op: 'ConvTranspose',
      x: [1, 1, 2, 1, 1],
      constants: [floats([1, 1, 1, 1, 2], [1, 10])],
      attrs: {strides: [2, 1, 1], output_padding: [1, 0, 0]},
    },
    [1, 2],
  );
  t.deepEqual(transposed, {shape: [1, 1, 4, 1, 2], data: [1, 10, 0, 0, 2, 20, 0, 0]});
});

test('four spatial axes are unsupported', t => {
  const error = errorOf({
    op: 'Conv',
    x: [1, 1, 2, 2, 2, 2],
    constants: [floats([1, 1, 1, 1, 1, 1], [1])],
  });
  t.is(error?.code, 'ERR_OP_UNSUPPORTED');
  t.regex(error!.message, /4 spatial axes/);
});
