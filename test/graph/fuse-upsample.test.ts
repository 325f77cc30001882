import test from 'ava';
import fc from 'fast-check';
import {fuseUpsample} from '../../src/graph/fuse-upsample.js';
import type {ResizeAxis} from '../../src/graph/graph.js';
import {checkProperty} from '../helpers/properties.js';
import {operationNames} from './fuse-builder.js';
import {after, only, withMap} from './fuse-cases.js';

const COPY: ResizeAxis = {taps: 0, indices: new Int32Array(0), weights: new Float32Array(0)};

/** Every element `scale` times. */
function repeat(size: number, scale: number): ResizeAxis {
  const length = size * scale;
  return {
    taps: 1,
    indices: Int32Array.from({length}, (_, i) => Math.floor(i / scale)),
    weights: new Float32Array(length).fill(1),
  };
}

/** x [2, channels, ...sizes] upsampled by `scales`. */
function upsampled(channels: number, sizes: readonly number[], scales: readonly number[]) {
  const {b, x} = withMap([2, channels, ...sizes]);
  const axes = [
    COPY,
    COPY,
    ...scales.map((scale, i) => (scale === 1 ? COPY : repeat(sizes[i]!, scale))),
  ];
  const shape = [2, channels, ...sizes.map((size, i) => size * scales[i]!)];
  return {b, x, y: b.node({op: 'resize', axes}, [x], shape), shape};
}

const AXES = fc.record({
  size: fc.integer({min: 1, max: 4}),
  scale: fc.integer({min: 1, max: 3}),
  kernel: fc.integer({min: 1, max: 4}),
  pad: fc.integer({min: -1, max: 4}),
  output: fc.integer({min: 1, max: 9}),
  dilation: fc.integer({min: 1, max: 2}),
});

test('any convolution of stride 1 after a nearest upsampling computes the same fused', t => {
  let fused = 0;
  const cases = fc.record({
    axes: fc.array(AXES, {minLength: 1, maxLength: 3}),
    groups: fc.constantFrom(1, 1, 2, 3),
    inPerGroup: fc.integer({min: 1, max: 2}),
    outPerGroup: fc.integer({min: 1, max: 2}),
  });
  checkProperty(t, cases, ({axes, groups, inPerGroup, outPerGroup}) => {
    const scales = axes.map(axis => axis.scale);
    const sizes = axes.map(axis => axis.size);
    const {b, y} = upsampled(groups * inPerGroup, sizes, scales);
    const geometry = {
      groups,
      kernel: axes.map(axis => axis.kernel),
      strides: axes.map(() => 1),
      dilations: axes.map(axis => axis.dilation),
      padBegin: axes.map(axis => axis.pad),
    };
    const z = b.conv(y, geometry, [2, groups * outPerGroup, ...axes.map(axis => axis.output)]);
    fused += 2 - after(b.build(z), fuseUpsample).nodes.length;
  });
  t.true(fused > 20);
});

test('x2 before a 3x3 kernel becomes a 4x4 kernel of stride 2', t => {
  const {b, y, shape} = upsampled(4, [5, 5], [2, 2]);
  const graph = after(b.build(b.conv(y, {kernel: [3, 3], padBegin: [1, 1]}, shape)), fuseUpsample);
  t.deepEqual(only(graph, 'conv').geometry, {
    transposed: true,
    groups: 1,
    kernel: [4, 4],
    strides: [2, 2],
    dilations: [1, 1],
    padBegin: [1, 1],
  });
});

test('kept apart: other users, strides, a 1x1 kernel, weights that weigh more than what is saved', t => {
  const conv = {kernel: [3, 3], padBegin: [1, 1]};
  const kept = (
    build: (parts: ReturnType<typeof upsampled>) => string[],
    channels = 4,
    size = 3,
  ) => {
    const parts = upsampled(channels, [size, size], [2, 2]);
    const graph = parts.b.build(...build(parts));
    return operationNames(after(graph, fuseUpsample)).includes('resize');
  };
  t.true(kept(({b, y, shape}) => [b.conv(y, conv, shape), y]));
  t.true(kept(({b, y}) => [b.conv(y, {...conv, strides: [2, 2]}, [2, 4, 3, 3])]));
  t.true(kept(({b, y, shape}) => [b.conv(y, {}, shape)]));
  t.true(kept(({b, y}) => [b.conv(y, conv, [2, 64, 2, 2])], 64, 1));
  t.false(kept(({b, y, shape}) => [b.conv(y, conv, shape)]));
});

test('kept apart: more repeats than phases are worth', t => {
  const conv = {kernel: [3, 3], padBegin: [1, 1]};
  const isFused = (scale: number) => {
    const {b, y, shape} = upsampled(1, [2, 2], [scale, scale]);
    return !operationNames(after(b.build(b.conv(y, conv, shape)), fuseUpsample)).includes('resize');
  };
  t.true(isFused(8));
  t.false(isFused(9));
});
