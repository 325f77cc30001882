import test from 'ava';
import type {AttributeSpec} from '../helpers/onnx-builder.js';
import {
  buildOne,
  errorOf,
  floats,
  ints,
  type OneNode,
  operationNames,
  runOne,
} from './build-one.js';

const NO_ROI = floats([0], []);

/** Resizes x = [0, 1, 2, ...] of `size` elements along the last axis. */
function resize(
  size: number,
  target: {readonly scale: number} | {readonly size: number},
  attrs: Readonly<Record<string, AttributeSpec>>,
): number[] {
  const constants =
    'scale' in target
      ? [NO_ROI, floats([3], [1, 1, target.scale])]
      : [NO_ROI, NO_ROI, ints(1, 1, target.size)];
  return runOne({op: 'Resize', x: [1, 1, size], constants, attrs, opset: 19}).data.map(
    value => Math.round(value * 1e4) / 1e4,
  );
}

test('nearest: coordinates and rounding', t => {
  const nearest = (coordinates: string, rounding: string) =>
    resize(4, {scale: 2}, {coordinate_transformation_mode: coordinates, nearest_mode: rounding});
  t.deepEqual(nearest('asymmetric', 'floor'), [0, 0, 1, 1, 2, 2, 3, 3]);
  t.deepEqual(nearest('asymmetric', 'ceil'), [0, 1, 1, 2, 2, 3, 3, 3]);
  t.deepEqual(nearest('asymmetric', 'round_prefer_ceil'), [0, 1, 1, 2, 2, 3, 3, 3]);
  t.deepEqual(nearest('asymmetric', 'round_prefer_floor'), [0, 0, 1, 1, 2, 2, 3, 3]);
  t.deepEqual(nearest('half_pixel', 'round_prefer_floor'), [0, 0, 1, 1, 2, 2, 3, 3]);
  t.deepEqual(nearest('align_corners', 'floor'), [0, 0, 0, 1, 1, 2, 2, 3]);
});

test('linear: coordinates', t => {
  const linear = (coordinates: string) =>
    resize(2, {scale: 2}, {mode: 'linear', coordinate_transformation_mode: coordinates});
  t.deepEqual(linear('half_pixel'), [0, 0.25, 0.75, 1]);
  t.deepEqual(linear('pytorch_half_pixel'), [0, 0.25, 0.75, 1]);
  t.deepEqual(linear('half_pixel_symmetric'), [0, 0.25, 0.75, 1]);
  t.deepEqual(linear('align_corners'), [0, 0.3333, 0.6667, 1]);
  t.deepEqual(linear('asymmetric'), [0, 0.5, 1, 1]);
  t.deepEqual(
    resize(4, {size: 1}, {mode: 'linear', coordinate_transformation_mode: 'pytorch_half_pixel'}),
    [0],
  );
});

test('cubic: weights sum to one, also with the outside excluded', t => {
  const ones = new Array(5).fill(1);
  for (const exclude_outside of [0, 1]) {
    const spec: OneNode = {
      op: 'Resize',
      x: [1, 1, 5],
      constants: [NO_ROI, floats([3], [1, 1, 2.5])],
      attrs: {mode: 'cubic', exclude_outside},
    };
    t.true(runOne(spec, ones).data.every(value => Math.abs(value - 1) < 1e-6));
  }
});

test('sizes with a policy keep the aspect ratio', t => {
  const shape = (policy: string) =>
    runOne({
      op: 'Resize',
      x: [1, 1, 2, 4],
      constants: [null, null, ints(7, 8)],
      opset: 18,
      attrs: {axes: [2, 3], keep_aspect_ratio_policy: policy},
    }).shape;
  t.deepEqual(shape('stretch'), [1, 1, 7, 8]);
  t.deepEqual(shape('not_larger'), [1, 1, 4, 8]);
  t.deepEqual(shape('not_smaller'), [1, 1, 7, 14]);
});

test('tf_crop_and_resize reads its region; elements outside it are the extrapolation value', t => {
  const crop = (end: number, extrapolation_value: number): OneNode => ({
    op: 'Resize',
    x: [1, 1, 5],
    constants: [floats([6], [0, 0, 0.25, 1, 1, end]), NO_ROI, ints(1, 1, 3)],
    attrs: {
      mode: 'linear',
      coordinate_transformation_mode: 'tf_crop_and_resize',
      extrapolation_value: {float: extrapolation_value},
    },
  });
  t.deepEqual(runOne(crop(0.75, 0)).data, [1, 2, 3]);
  t.deepEqual(runOne(crop(1.25, 0)).data, [1, 3, 0]);
  t.deepEqual(operationNames(buildOne(crop(0.75, 10))), ['resize']);
  t.deepEqual(runOne(crop(1.25, 10)).data, [1, 3, 10]);

  const corner: OneNode = {
    op: 'Resize',
    x: [2, 2],
    constants: [floats([4], [0, 0, 2, 2]), NO_ROI, ints(3, 3)],
    attrs: {
      mode: 'nearest',
      coordinate_transformation_mode: 'tf_crop_and_resize',
      extrapolation_value: {float: 9},
    },
  };
  t.deepEqual(runOne(corner).data, [0, 1, 9, 2, 3, 9, 9, 9, 9]);
});

test('Upsample and Resize 10 are asymmetric, with floor to grow and ceil to shrink', t => {
  const scales = (scale: number) => floats([3], [1, 1, scale]);
  t.deepEqual(
    runOne({op: 'Upsample', x: [1, 1, 2], constants: [scales(2)], opset: 9}).data,
    [0, 0, 1, 1],
  );
  t.deepEqual(
    runOne({op: 'Upsample', x: [1, 1, 2], attrs: {scales: {float: [1, 1, 2]}}, opset: 7}).data,
    [0, 0, 1, 1],
  );
  t.deepEqual(
    runOne({
      op: 'Upsample',
      x: [1, 1, 2],
      constants: [scales(2)],
      attrs: {mode: 'linear'},
      opset: 9,
    }).data,
    [0, 0.5, 1, 1],
  );
  t.deepEqual(
    runOne({op: 'Resize', x: [1, 1, 4], constants: [scales(0.6)], opset: 10}).data,
    [0, 2],
  );
});

test('axes that are only copied have no taps, and nothing at all is an alias', t => {
  const {operation} = buildOne({
    op: 'Resize',
    x: [1, 1, 2],
    constants: [NO_ROI, floats([3], [1, 1, 2])],
  }).nodes[0]!;
  t.deepEqual(operation.op === 'resize' && operation.axes.map(axis => axis.taps), [0, 0, 1]);
  t.is(
    buildOne({op: 'Resize', x: [1, 1, 2], constants: [NO_ROI, NO_ROI, ints(1, 1, 2)]}).nodes.length,
    0,
  );
});

test('antialiasing widens the filter when shrinking and changes nothing when growing', t => {
  const run = (scale: number, attrs: Readonly<Record<string, AttributeSpec>>) =>
    runOne({
      op: 'Resize',
      x: [1, 1, 4],
      constants: [NO_ROI, floats([3], [1, 1, scale])],
      attrs,
      opset: 18,
    }).data;
  t.deepEqual(run(0.5, {mode: 'linear', antialias: 1}), [0.625, 2.375]);
  t.deepEqual(run(0.5, {mode: 'linear'}), [0.5, 2.5]);
  // The neighbours outside the input no longer count: (3*0 + 3*1 + 1*2) / 7.
  const excluded = run(0.5, {mode: 'linear', antialias: 1, exclude_outside: 1});
  t.true(Math.abs(excluded[0]! - 5 / 7) < 1e-6);
  t.deepEqual(run(2, {mode: 'cubic', antialias: 1}), run(2, {mode: 'cubic'}));
  t.deepEqual(run(0.5, {mode: 'nearest', antialias: 1}), run(0.5, {mode: 'nearest'}));
});

test('align_corners reckons with the length before rounding when scales are given', t => {
  const attrs = {mode: 'linear', coordinate_transformation_mode: 'align_corners'};
  const run = (constants: OneNode['constants'] & object) =>
    runOne({op: 'Resize', x: [4], constants, attrs});
  // 0.6 * 4 = 2.4: the second of two elements lies at 1 * 3 / 1.4.
  const scaled = run([NO_ROI, floats([1], [0.6])]);
  t.deepEqual(scaled.shape, [2]);
  t.true(Math.abs(scaled.data[1]! - 3 / 1.4) < 1e-5);
  t.deepEqual(run([NO_ROI, NO_ROI, ints(2)]).data, [0, 3]);
});

test('any axis can be resized, of volumes, batches and channels', t => {
  const attrs = {mode: 'linear', coordinate_transformation_mode: 'align_corners'};
  const {shape, data} = runOne({
    op: 'Resize',
    x: [2, 2, 2, 1, 2],
    constants: [NO_ROI, NO_ROI, ints(3, 2, 3, 1, 3)],
    attrs,
  });
  t.deepEqual(shape, [3, 2, 3, 1, 3]);
  // x counts its elements, so the interpolated value is that of the interpolated index.
  const expected = [0, 4, 8].flatMap(n =>
    [0, 4].flatMap(c => [0, 1, 2].flatMap(d => [0, 0.5, 1].map(w => n + c + d + w))),
  );
  t.deepEqual(data, expected);
});

test('wrong counts of scales and hostile sizes are refused', t => {
  t.is(
    errorOf({op: 'Resize', x: [1, 1, 2], constants: [NO_ROI, floats([2], [1, 2])]})?.code,
    'ERR_MODEL_INVALID',
  );
  t.is(
    errorOf({op: 'Resize', x: [1, 1, 2], constants: [NO_ROI, floats([3], [1, 1, -1])]})?.code,
    'ERR_MODEL_INVALID',
  );
  t.is(
    errorOf({op: 'Resize', x: [1, 1, 2], constants: [NO_ROI, floats([3], [1, 1, 1e8])]})?.code,
    'ERR_ONNX_LIMIT',
  );
  t.is(
    errorOf({op: 'Resize', x: [1, 1, 4], constants: [NO_ROI, floats([3], [1, 1, 0.1])]})?.code,
    'ERR_MODEL_INVALID',
  );
});
