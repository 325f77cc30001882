// Phases and taps sum to the definition of the operators.

import assert from 'node:assert/strict';
import test from 'ava';
import {planeConv, untangleConv} from '../../src/untangle/conv.js';
import {checkProperty} from '../helpers/properties.js';
import {
  CONV_CASES,
  type ConvCase,
  type ConvData,
  dataOf,
  definitionOf,
  geometryOf,
} from '../schedule/conv-cases.js';

/** Sums phases and taps; every output must be written exactly once. */
function runPhases(conv: ConvCase, {x, weights}: ConvData): number[] {
  const {batch, groups, inChannels, outChannels, input, output, kernel} = conv.definition;
  const [inPerGroup, outPerGroup] = [inChannels / groups, outChannels / groups];
  const y = Array<number>(batch * outChannels * output[0] * output[1]).fill(Number.NaN);
  const elements = kernel[0] * kernel[1];
  const weight = (ci: number, co: number, kernelIndex: number): number =>
    conv.transposed
      ? weights[(ci * outPerGroup + (co % outPerGroup)) * elements + kernelIndex]!
      : weights[(co * inPerGroup + (ci % inPerGroup)) * elements + kernelIndex]!;

  for (const phase of untangleConv(planeConv(geometryOf(conv), input, output))) {
    for (let qy = 0; qy < phase.y.outCount; qy++) {
      for (let qx = 0; qx < phase.x.outCount; qx++) {
        const oy = phase.y.outStart + qy * phase.y.outStep;
        const ox = phase.x.outStart + qx * phase.x.outStep;
        for (let n = 0; n < batch; n++) {
          for (let co = 0; co < outChannels; co++) {
            let sum = 0;
            for (const {dy, dx, kernelIndex} of phase.taps) {
              const [iy, ix] = [qy * phase.y.inStep + dy, qx * phase.x.inStep + dx];
              if (iy < 0 || iy >= input[0] || ix < 0 || ix >= input[1]) continue;
              const first = Math.floor(co / outPerGroup) * inPerGroup;
              for (let ci = first; ci < first + inPerGroup; ci++) {
                sum +=
                  x[((n * inChannels + ci) * input[0] + iy) * input[1] + ix]! *
                  weight(ci, co, kernelIndex);
              }
            }
            const index = ((n * outChannels + co) * output[0] + oy) * output[1] + ox;
            assert(Number.isNaN(y[index]), 'an output is written twice');
            y[index] = sum;
          }
        }
      }
    }
  }

  return y;
}

test('phases and taps sum to the definition and write every output once', t => {
  checkProperty(t, CONV_CASES, conv => {
    const data = dataOf(conv);
    assert.deepEqual(
      runPhases(conv, data).map(value => value + 0),
      definitionOf(conv, data).map(value => value + 0),
    );
  });
});

test('taps ascend, meet the input, and no kernel element is used twice', t => {
  checkProperty(t, CONV_CASES, conv => {
    const {input, output} = conv.definition;
    const phases = untangleConv(planeConv(geometryOf(conv), input, output));
    const used = phases.flatMap(phase => phase.taps.map(tap => tap.kernelIndex));
    assert.equal(new Set(used).size, used.length);
    for (const {taps, y, x} of phases) {
      const order = taps.map(({dy, dx}) => dy * 1000 + dx);
      assert.deepEqual(
        order,
        [...order].sort((a, b) => a - b),
      );
      for (const {dy, dx} of taps) {
        assert(dy < input[0] && dy + (y.outCount - 1) * y.inStep >= 0);
        assert(dx < input[1] && dx + (x.outCount - 1) * x.inStep >= 0);
      }
    }
  });
});

test('a 4x4 stride-2 convolution becomes four phases of four taps', t => {
  const geometry = {
    transposed: true,
    groups: 1,
    kernel: [4, 4],
    strides: [2, 2],
    dilations: [1, 1],
    padBegin: [1, 1],
  };
  const phases = untangleConv(planeConv(geometry, [4, 4], [8, 8]));
  t.deepEqual(
    phases.map(({y, x}) => [y.outStart, x.outStart]),
    [
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ],
  );
  t.deepEqual(phases[0]!.taps, [
    {dy: -1, dx: -1, kernelIndex: 15},
    {dy: -1, dx: 0, kernelIndex: 13},
    {dy: 0, dx: -1, kernelIndex: 7},
    {dy: 0, dx: 0, kernelIndex: 5},
  ]);
});

test('one spatial axis becomes the second of two', t => {
  const geometry = {
    transposed: false,
    groups: 1,
    kernel: [3],
    strides: [2],
    dilations: [1],
    padBegin: [1],
  };
  const [phase] = untangleConv(planeConv(geometry, [8], [4]));
  t.deepEqual(phase!.y, {
    outStart: 0,
    outStep: 1,
    outCount: 1,
    inStep: 1,
    taps: [{kernelIndex: 0, inStart: 0}],
  });
  t.deepEqual(
    phase!.taps.map(({dy, dx}) => [dy, dx]),
    [
      [0, -1],
      [0, 0],
      [0, 1],
    ],
  );
});

test('a stride beyond the kernel leaves phases without taps', t => {
  const geometry = {
    transposed: true,
    groups: 1,
    kernel: [1, 2],
    strides: [3, 3],
    dilations: [1, 1],
    padBegin: [0, 0],
  };
  const counts = untangleConv(planeConv(geometry, [2, 2], [6, 6])).map(({taps}) => taps.length);
  t.deepEqual(counts, [1, 1, 0, 0, 0, 0, 0, 0, 0]);
});
