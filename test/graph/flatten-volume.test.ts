import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import {flattenVolumes} from '../../src/graph/flatten-volume.js';
import {fuseEpilogue} from '../../src/graph/fuse-epilogue.js';
import {checkProperty} from '../helpers/properties.js';
import {assertRuns} from '../schedule/lower-run.js';
import {after, only, withMap} from './fuse-cases.js';

const IDLE = {kernel: 1, stride: 1, pad: 0, output: 2, size: 2};
const AXES = fc.oneof(
  fc.constant(IDLE),
  fc.constant({...IDLE, size: 3, output: 3}),
  fc.record({
    size: fc.integer({min: 1, max: 3}),
    kernel: fc.integer({min: 1, max: 2}),
    stride: fc.integer({min: 1, max: 2}),
    pad: fc.integer({min: 0, max: 1}),
    output: fc.integer({min: 1, max: 4}),
  }),
);

test('convolutions over volumes compute the same with fewer axes, a residual included', t => {
  let flattened = 0;
  const cases = fc.record({
    axes: fc.tuple(AXES, AXES, AXES),
    transposed: fc.boolean(),
    hasResidual: fc.boolean(),
  });
  checkProperty(t, cases, ({axes, transposed, hasResidual}) => {
    const {b, x} = withMap([2, 2, ...axes.map(axis => axis.size)]);
    const shape = [2, 3, ...axes.map(axis => axis.output)];
    const geometry = {
      transposed,
      kernel: axes.map(axis => axis.kernel),
      strides: axes.map(axis => axis.stride),
      dilations: [1, 1, 1],
      padBegin: axes.map(axis => axis.pad),
    };
    const y = b.conv(x, geometry, shape);
    const z = hasResidual ? b.binary('add', b.input('r', shape), y) : y;
    const graph = after(fuseEpilogue(b.build(z)), flattenVolumes);
    if (graph.nodes.length > 1) flattened++;
    assertRuns(graph);
    assert.ok(only(graph, 'conv').geometry.kernel.length >= 2);
  });
  t.true(flattened > 20);
});

test('a kernel within planes makes planes the batch; one across planes makes pixels the row', t => {
  const shapes = ([kernel, padBegin]: readonly [number[], number[]]) => {
    const {b, x} = withMap([2, 4, 3, 5, 6]);
    const geometry = {kernel, padBegin, strides: [1, 1, 1], dilations: [1, 1, 1]};
    const graph = after(b.build(b.conv(x, geometry, [2, 4, 3, 5, 6])), flattenVolumes);
    const node = graph.nodes.find(({operation}) => operation.op === 'conv')!;
    return graph.values.get(node.inputs[0]!)!.shape;
  };
  t.deepEqual(
    shapes([
      [1, 3, 3],
      [0, 1, 1],
    ]),
    [6, 4, 5, 6],
  );
  t.deepEqual(
    shapes([
      [3, 1, 1],
      [1, 0, 0],
    ]),
    [2, 4, 3, 30],
  );
  t.deepEqual(
    shapes([
      [1, 1, 3],
      [0, 0, 1],
    ]),
    [2, 4, 15, 6],
  );
  t.deepEqual(
    shapes([
      [1, 1, 1],
      [0, 0, 0],
    ]),
    [2, 4, 3, 30],
  );
  t.deepEqual(
    shapes([
      [3, 3, 3],
      [1, 1, 1],
    ]),
    [2, 4, 3, 5, 6],
  );
});

test('between convolutions within planes nothing is copied', t => {
  const {b, x} = withMap([1, 1, 3, 4, 4]);
  const geometry = {
    kernel: [1, 3, 3],
    padBegin: [0, 1, 1],
    strides: [1, 1, 1],
    dilations: [1, 1, 1],
  };
  const y = b.conv(x, geometry, [1, 12, 3, 4, 4]);
  const along = {...geometry, kernel: [3, 1, 1], padBegin: [1, 0, 0]};
  const z = b.conv(b.conv(y, along), geometry, [1, 1, 3, 4, 4]);
  const steps = assertRuns(after(b.build(z), flattenVolumes)).steps.map(step => step.op);
  t.false(steps.includes('copy'), steps.join(' '));
});
