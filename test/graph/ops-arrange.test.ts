import test from 'ava';
import {buildOne, errorOf, floats, ints, operationNames, runOne} from './build-one.js';

test('Reshape copies with 0 and infers -1; allowzero switches the copy off', t => {
  const shape = (...sizes: number[]) =>
    runOne({op: 'Reshape', x: [2, 3, 4], constants: [ints(...sizes)]}).shape;
  t.deepEqual(shape(0, -1), [2, 12]);
  t.deepEqual(shape(4, 0, -1), [4, 3, 2]);
  t.is(buildOne({op: 'Reshape', x: [2, 3], constants: [ints(2, -1)]}).nodes.length, 0);
  const invalid = [
    [5, -1],
    [-1, -1],
    [0, 0, 0, 0],
    [-2, 12],
  ];
  for (const sizes of invalid) {
    t.is(
      errorOf({op: 'Reshape', x: [2, 3, 4], constants: [ints(...sizes)]})?.code,
      'ERR_MODEL_INVALID',
    );
  }
  const zero = {
    op: 'Reshape',
    x: [2, 3],
    constants: [ints(0, 3)],
    attrs: {allowzero: 1},
    opset: 14,
  };
  t.is(errorOf(zero)?.code, 'ERR_MODEL_INVALID');
});

test('Flatten, Squeeze and Unsqueeze only rename the shape', t => {
  const shapeOf = (spec: Parameters<typeof runOne>[0]) => runOne(spec).shape;
  t.deepEqual(shapeOf({op: 'Flatten', x: [2, 3, 4]}), [2, 12]);
  t.deepEqual(shapeOf({op: 'Flatten', x: [2, 3, 4], attrs: {axis: 0}}), [1, 24]);
  t.deepEqual(shapeOf({op: 'Flatten', x: [2, 3, 4], attrs: {axis: -1}}), [6, 4]);
  t.deepEqual(shapeOf({op: 'Squeeze', x: [1, 3, 1]}), [3]);
  t.deepEqual(shapeOf({op: 'Squeeze', x: [1, 3, 1], constants: [ints(-1)]}), [1, 3]);
  t.deepEqual(shapeOf({op: 'Squeeze', x: [1, 3, 1], attrs: {axes: [0]}, opset: 11}), [3, 1]);
  t.deepEqual(shapeOf({op: 'Unsqueeze', x: [3], constants: [ints(0, -1)]}), [1, 3, 1]);
  t.deepEqual(shapeOf({op: 'Unsqueeze', x: [3], attrs: {axes: [1]}, opset: 11}), [3, 1]);
  t.is(errorOf({op: 'Squeeze', x: [2, 1], constants: [ints(0)]})?.code, 'ERR_MODEL_INVALID');
  t.is(errorOf({op: 'Unsqueeze', x: [3], constants: [ints(0, 0)]})?.code, 'ERR_MODEL_INVALID');
});

test('Slice clamps, counts from the back and goes backwards', t => {
  const slice = (start: number, end: number, step: number) =>
    runOne({op: 'Slice', x: [5], constants: [ints(start), ints(end), ints(0), ints(step)]}).data;
  t.deepEqual(slice(1, -1, 1), [1, 2, 3]);
  t.deepEqual(slice(-100, 2 ** 53, 2), [0, 2, 4]);
  t.deepEqual(slice(-1, -(2 ** 53), -1), [4, 3, 2, 1, 0]);
  t.deepEqual(slice(100, 0, -3), [4, 1]);
  t.deepEqual(slice(0, 5, 99), [0]);
  t.deepEqual(
    runOne({op: 'Slice', x: [2, 3], attrs: {starts: [1], ends: [3], axes: [1]}, opset: 9}).data,
    [1, 2, 4, 5],
  );
  t.is(buildOne({op: 'Slice', x: [5], constants: [ints(0), ints(5)]}).nodes.length, 0);
  t.is(
    errorOf({op: 'Slice', x: [5], constants: [ints(0), ints(5), ints(0), ints(0)]})?.code,
    'ERR_MODEL_INVALID',
  );
  t.deepEqual(runOne({op: 'Slice', x: [5], constants: [ints(3), ints(3)]}), {shape: [0], data: []});
});

test('Split takes sizes from an attribute, an input or num_outputs', t => {
  const starts = (spec: object) =>
    buildOne({op: 'Split', x: [7], outputCount: 3, ...spec}).nodes.map(
      ({operation, output}) => `${output}@${operation.op === 'slice' ? operation.starts[0] : '?'}`,
    );
  t.deepEqual(starts({attrs: {split: [1, 2, 4]}, opset: 11}), ['y0@0', 'y1@1', 'y2@3']);
  t.deepEqual(starts({constants: [ints(1, 2, 4)]}), ['y0@0', 'y1@1', 'y2@3']);
  t.deepEqual(starts({attrs: {num_outputs: 3}, opset: 18}), ['y0@0', 'y1@3', 'y2@6']);
  t.deepEqual(starts({x: [6]}), ['y0@0', 'y1@2', 'y2@4']);
  t.is(errorOf({op: 'Split', x: [7], outputCount: 3})?.code, 'ERR_MODEL_INVALID');
  t.is(
    errorOf({op: 'Split', x: [7], constants: [ints(3, 3)], outputCount: 2})?.code,
    'ERR_MODEL_INVALID',
  );
});

test('Concat joins, drops empty parts and checks shapes', t => {
  t.deepEqual(
    runOne({
      op: 'Concat',
      x: [2, 1],
      constants: [floats([2, 2], [7, 8, 9, 10])],
      attrs: {axis: -1},
    }),
    {
      shape: [2, 3],
      data: [0, 7, 8, 1, 9, 10],
    },
  );
  t.is(
    buildOne({op: 'Concat', x: [2], constants: [floats([0], [])], attrs: {axis: 0}}).nodes.length,
    0,
  );
  t.is(
    errorOf({op: 'Concat', x: [2, 1], constants: [floats([3, 1], [1, 2, 3])], attrs: {axis: 1}})
      ?.code,
    'ERR_MODEL_INVALID',
  );
});

test('Transpose reverses by default; Expand and Tile repeat', t => {
  t.deepEqual(runOne({op: 'Transpose', x: [2, 3]}).data, [0, 3, 1, 4, 2, 5]);
  t.deepEqual(runOne({op: 'Transpose', x: [2, 1, 3], attrs: {perm: [1, 2, 0]}}).shape, [1, 3, 2]);
  t.is(errorOf({op: 'Transpose', x: [2, 3], attrs: {perm: [0, 0]}})?.code, 'ERR_MODEL_INVALID');
  t.deepEqual(
    runOne({op: 'Expand', x: [2, 1], constants: [ints(2, 1, 2)]}).data,
    [0, 0, 1, 1, 0, 0, 1, 1],
  );
  t.deepEqual(
    runOne({op: 'Tile', x: [2, 2], constants: [ints(1, 2)]}).data,
    [0, 1, 0, 1, 2, 3, 2, 3],
  );
  t.deepEqual(runOne({op: 'Tile', x: [2], constants: [ints(3)]}).data, [0, 1, 0, 1, 0, 1]);
});

test('Gather of evenly spaced indices is a slice', t => {
  const gather = (indices: readonly number[], axis = 0) =>
    ({op: 'Gather', x: [3, 2], constants: [ints(...indices)], attrs: {axis}}) as const;
  t.deepEqual(operationNames(buildOne(gather([2, 1, 0]))), ['slice']);
  t.deepEqual(runOne(gather([2, 1, 0])).data, [4, 5, 2, 3, 0, 1]);
  t.deepEqual(operationNames(buildOne(gather([0, 0, 2]))), ['gather']);
  t.deepEqual(runOne(gather([0, 0, -1])).data, [0, 1, 0, 1, 4, 5]);
  const scalar = {dims: [], data: [-1], dtype: 'int64'} as const;
  t.deepEqual(runOne({op: 'Gather', x: [3, 2], constants: [scalar], attrs: {axis: 1}}), {
    shape: [3],
    data: [1, 3, 5],
  });
  t.is(errorOf(gather([3]))?.code, 'ERR_MODEL_INVALID');
});

test('DepthToSpace and SpaceToDepth order channels as ONNX says', t => {
  const dcr = runOne({op: 'DepthToSpace', x: [1, 8, 1, 1], attrs: {blocksize: 2}});
  t.deepEqual(dcr, {shape: [1, 2, 2, 2], data: [0, 2, 4, 6, 1, 3, 5, 7]});
  const crd = runOne({op: 'DepthToSpace', x: [1, 8, 1, 1], attrs: {blocksize: 2, mode: 'CRD'}});
  t.deepEqual(crd.data, [0, 1, 2, 3, 4, 5, 6, 7]);
  const back = runOne({op: 'SpaceToDepth', x: [1, 2, 2, 2], attrs: {blocksize: 2}});
  t.deepEqual(back, {shape: [1, 8, 1, 1], data: [0, 4, 1, 5, 2, 6, 3, 7]});
  t.is(
    errorOf({op: 'DepthToSpace', x: [1, 6, 1, 1], attrs: {blocksize: 2}})?.code,
    'ERR_MODEL_INVALID',
  );
});

test('Pad reads attributes, inputs and axes; negative pads cut', t => {
  t.deepEqual(
    runOne({op: 'Pad', x: [2], attrs: {pads: [1, 2], value: {float: 9}}, opset: 10}).data,
    [9, 0, 1, 9, 9],
  );
  t.deepEqual(
    runOne({op: 'Pad', x: [2], constants: [ints(1, 0), floats([], [9])]}).data,
    [9, 0, 1],
  );
  const axes = {op: 'Pad', x: [1, 2], constants: [ints(1, 0), null, ints(-1)], opset: 18} as const;
  t.deepEqual(runOne(axes).data, [0, 0, 1]);
  t.deepEqual(
    runOne({op: 'Pad', x: [4], constants: [ints(-1, 1)], attrs: {mode: 'edge'}}).data,
    [1, 2, 3, 3],
  );
  t.deepEqual(
    runOne({op: 'Pad', x: [3], constants: [ints(2, 2)], attrs: {mode: 'reflect'}}).data,
    [2, 1, 0, 1, 2, 1, 0],
  );
  t.is(buildOne({op: 'Pad', x: [3], constants: [ints(0, 0)]}).nodes.length, 0);
  t.is(
    errorOf({op: 'Pad', x: [3], constants: [ints(3, 0)], attrs: {mode: 'reflect'}})?.code,
    'ERR_MODEL_INVALID',
  );
  t.is(errorOf({op: 'Pad', x: [3], constants: [ints(1)]})?.code, 'ERR_MODEL_INVALID');
});

test('Split into other parts than there are outputs is refused', t => {
  for (const parts of [0, 3, 2 ** 40]) {
    const attrs = {axis: 0, num_outputs: parts};
    const error = errorOf({op: 'Split', x: [4], opset: 18, attrs, outputCount: 2});
    t.is(error?.code, 'ERR_MODEL_INVALID');
    t.regex(error?.message ?? '', /num_outputs/);
  }
});
