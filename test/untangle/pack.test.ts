// Packed weights: where each ONNX weight goes, and that the rest is zero.

import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import {plainWeights} from '../../src/graph/weights.js';
import {
  PANEL,
  packBias,
  packDepthwise,
  packedPanels,
  packWeights,
} from '../../src/untangle/pack.js';
import {checkProperty} from '../helpers/properties.js';

const SOURCES = fc.record({
  transposed: fc.boolean(),
  groups: fc.integer({min: 1, max: 3}),
  inChannels: fc.integer({min: 1, max: 4}),
  outChannels: fc.integer({min: 1, max: 20}),
  kernelElements: fc.integer({min: 1, max: 6}),
  fusedPhases: fc.integer({min: 1, max: 4}),
  taps: fc.array(fc.array(fc.integer({min: -1, max: 5}), {minLength: 4, maxLength: 4}), {
    minLength: 1,
    maxLength: 5,
  }),
});

test('a packed weight is found at [group][panel][tap * inChannels + channel][column]', t => {
  checkProperty(t, SOURCES, ({fusedPhases, ...shape}) => {
    const {transposed, groups, inChannels, outChannels, kernelElements} = shape;
    const taps = shape.taps.map(phases =>
      phases.slice(0, fusedPhases).map(k => Math.min(k, kernelElements - 1)),
    );
    // Every weight is different, and none is zero.
    const weights = Float32Array.from(
      {length: groups * inChannels * outChannels * kernelElements},
      (_, i) => i + 1,
    );
    const columns = {fusedPhases, width: PANEL};
    const {panels: all, rows, width} = packedPanels(shape, taps, columns);
    const packed = new Float32Array(all * rows * width);
    packWeights({...shape, weights: plainWeights(weights)}, taps, columns, packed);

    const panels = Math.ceil((fusedPhases * outChannels) / PANEL);
    const kTotal = taps.length * inChannels;
    assert.equal(packed.length, groups * panels * kTotal * PANEL);
    packed.forEach((value, index) => {
      const row = Math.floor(index / PANEL) % kTotal;
      const panel = Math.floor(index / PANEL / kTotal);
      const group = Math.floor(panel / panels);
      const column = (panel % panels) * PANEL + (index % PANEL);
      const kernelIndex =
        taps[Math.floor(row / inChannels)]![Math.floor(column / outChannels)] ?? -1;
      const [ci, co] = [row % inChannels, column % outChannels];
      const pair = transposed
        ? (group * inChannels + ci) * outChannels + co
        : (group * outChannels + co) * inChannels + ci;
      assert.equal(value, kernelIndex < 0 ? 0 : weights[pair * kernelElements + kernelIndex]);
    });
  });
});

test('a bias fills whole panels per group and repeats for every fused phase', t => {
  const packed = packBias(Float32Array.of(1, 2, 3, 4), 2, 3);
  t.is(packed.length, 2 * PANEL);
  t.deepEqual([...packed.slice(0, 7)], [1, 2, 1, 2, 1, 2, 0]);
  t.deepEqual([...packed.slice(PANEL, PANEL + 7)], [3, 4, 3, 4, 3, 4, 0]);
});

test('depthwise weights go tap by tap; a missing tap is zero', t => {
  const weights = plainWeights(Float32Array.of(1, 2, 3, 4, 5, 6));
  const shape = {transposed: false, groups: 2, inChannels: 1, outChannels: 1, kernelElements: 3};
  const packed = new Float32Array(6);
  packDepthwise({...shape, weights}, [[2], [0], [-1]], packed);
  t.deepEqual([...packed], [3, 6, 1, 4, 0, 0]);
});
