// Phases of one axis: a partition of the output, and the sub-kernel sizes of the papers.

import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import {type Axis, untangleDilated, untangleTransposed} from '../../src/untangle/phases.js';
import {checkProperty} from '../helpers/properties.js';

const AXES: fc.Arbitrary<Axis> = fc.record({
  inputSize: fc.integer({min: 1, max: 8}),
  outputSize: fc.integer({min: 1, max: 20}),
  kernelSize: fc.integer({min: 1, max: 7}),
  stride: fc.integer({min: 1, max: 4}),
  dilation: fc.integer({min: 1, max: 3}),
  padBegin: fc.integer({min: -3, max: 12}),
});

test('phases of a transposed convolution partition the output', t => {
  checkProperty(t, AXES, axis => {
    const outputs = untangleTransposed(axis).flatMap(({outStart, outStep, outCount}) =>
      Array.from({length: outCount}, (_, q) => outStart + q * outStep),
    );
    assert.deepEqual(
      outputs.sort((a, b) => a - b),
      Array.from({length: axis.outputSize}, (_, o) => o),
    );
  });
});

test('every kernel element lands in exactly one phase once the output is as wide as the stride', t => {
  checkProperty(t, AXES, axis => {
    const used = untangleTransposed(axis).flatMap(({taps}) => taps.map(tap => tap.kernelIndex));
    assert.equal(new Set(used).size, used.length);
    if (axis.outputSize >= axis.stride) assert.equal(used.length, axis.kernelSize);
  });
});

test('taps satisfy b = a*S - P + k*D and ascend', t => {
  checkProperty(t, AXES, axis => {
    for (const {outStart, taps} of untangleTransposed(axis)) {
      for (const {kernelIndex, inStart} of taps) {
        assert.equal(inStart * axis.stride - axis.padBegin + kernelIndex * axis.dilation, outStart);
      }
      assert.deepEqual(
        taps,
        [...taps].sort((a, b) => a.inStart - b.inStart),
      );
    }
  });
});

test('stride-2 sub-kernels have the sizes of the papers', t => {
  const sizes = (kernelSize: number): number[] =>
    untangleTransposed({
      inputSize: 4,
      outputSize: 8,
      kernelSize,
      stride: 2,
      dilation: 1,
      padBegin: 0,
    }).map(({taps}) => taps.length);
  t.deepEqual([2, 3, 4, 5, 6].map(sizes), [
    [1, 1],
    [2, 1],
    [2, 2],
    [3, 2],
    [3, 3],
  ]);
});

test('a convolution is one phase whose taps read a dilation apart', t => {
  const [phase, ...others] = untangleDilated({
    inputSize: 9,
    outputSize: 5,
    kernelSize: 3,
    stride: 2,
    dilation: 2,
    padBegin: 2,
  });
  t.is(others.length, 0);
  t.deepEqual(phase, {
    outStart: 0,
    outStep: 1,
    outCount: 5,
    inStep: 2,
    taps: [
      {kernelIndex: 0, inStart: -2},
      {kernelIndex: 1, inStart: 0},
      {kernelIndex: 2, inStart: 2},
    ],
  });
});
