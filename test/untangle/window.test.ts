// Fused phases: every output finds its kernel elements in the one window.

import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import {fuseAxis, fusedKernelIndexes} from '../../src/untangle/window.js';
import {checkProperty} from '../helpers/properties.js';

const AXES = fc.record({
  inputSize: fc.integer({min: 1, max: 8}),
  outputSize: fc.integer({min: 1, max: 20}),
  kernelSize: fc.integer({min: 1, max: 7}),
  stride: fc.integer({min: 1, max: 4}),
  dilation: fc.integer({min: 1, max: 3}),
  padBegin: fc.integer({min: -3, max: 12}),
});

test('the window gives each output the inputs of its kernel elements', t => {
  checkProperty(t, AXES, axis => {
    const {window, kernelIndexes} = fuseAxis(axis);
    const seen = new Set<number>();
    for (let q = 0; q < window.outCount; q++) {
      for (let r = 0; r < axis.stride; r++) {
        const output = window.outStart + q * axis.stride + r;
        if (output < 0 || output >= axis.outputSize) continue;
        seen.add(output);
        const pairs = window.taps.flatMap(tap => {
          const kernelIndex = kernelIndexes[tap.kernelIndex]![r]!;
          const input = q + tap.inStart;
          return kernelIndex < 0 || input < 0 || input >= axis.inputSize
            ? []
            : [`${input}:${kernelIndex}`];
        });
        const expected: string[] = [];
        for (let input = 0; input < axis.inputSize; input++) {
          const k = (output + axis.padBegin - input * axis.stride) / axis.dilation;
          if (Number.isInteger(k) && k >= 0 && k < axis.kernelSize) expected.push(`${input}:${k}`);
        }
        assert.deepEqual(pairs.sort(), expected.sort());
      }
    }
    assert.equal(seen.size, axis.outputSize);
  });
});

test('without dilation the window has ceil(K / S) taps', t => {
  for (let kernelSize = 1; kernelSize <= 7; kernelSize++) {
    for (let stride = 1; stride <= 4; stride++) {
      const {window} = fuseAxis({
        inputSize: 20,
        outputSize: 20 * stride,
        kernelSize,
        stride,
        dilation: 1,
        padBegin: 1,
      });
      t.is(window.taps.length, Math.ceil(kernelSize / stride));
    }
  }
});

test('kernel elements of a product of window taps are numbered phase by phase', t => {
  t.deepEqual(fusedKernelIndexes({y: [2, 1], x: [0, -1]}, 3), [6, -1, 3, -1]);
});
