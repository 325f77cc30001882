// Phases and taps sum to the definition of the operators.

import assert from 'node:assert/strict';
import test from 'ava';
import {planeConv, untangleConv} from '../../src/untangle/conv.js';
import {checkProperty} from '../helpers/properties.js';
import {
  type ConvCase,
  type ConvData,
  dataOf,
  definitionOf,
  geometryOf,
  RANKED_CASES,
} from '../schedule/conv-cases.js';

/** Sums phases and taps; every output must be written exactly once. */
function runPhases(conv: ConvCase, {x, weights}: ConvData): number[] {
  const {batch, groups, inChannels, outChannels, input, output, kernel} = conv.definition;
  const [inPerGroup, outPerGroup] = [inChannels / groups, outChannels / groups];
  const y = Array<number>(batch * outChannels * product(output)).fill(Number.NaN);
  const elements = product(kernel);
  const weight = (ci: number, co: number, kernelIndex: number): number =>
    conv.transposed
      ? weights[(ci * outPerGroup + (co % outPerGroup)) * elements + kernelIndex]!
      : weights[(co * inPerGroup + (ci % inPerGroup)) * elements + kernelIndex]!;

  for (const phase of untangleConv(planeConv(geometryOf(conv), input, output))) {
    const axes = [phase.z, phase.y, phase.x].slice(-input.length);
    for (const q of positions(axes.map(axis => axis.outCount))) {
      const to = flat(
        output,
        axes.map((axis, d) => axis.outStart + q[d]! * axis.outStep),
      );
      for (let n = 0; n < batch; n++) {
        for (let co = 0; co < outChannels; co++) {
          let sum = 0;
          for (const {dz, dy, dx, kernelIndex} of phase.taps) {
            const tap = [dz, dy, dx].slice(-input.length);
            const from = axes.map((axis, d) => q[d]! * axis.inStep + tap[d]!);
            if (from.some((i, d) => i < 0 || i >= input[d]!)) continue;
            const first = Math.floor(co / outPerGroup) * inPerGroup;
            for (let ci = first; ci < first + inPerGroup; ci++) {
              const pixel = (n * inChannels + ci) * product(input) + flat(input, from);
              sum += x[pixel]! * weight(ci, co, kernelIndex);
            }
          }
          const index = (n * outChannels + co) * product(output) + to;
          assert(Number.isNaN(y[index]), 'an output is written twice');
          y[index] = sum;
        }
      }
    }
  }

  return y;
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((all, size) => all * size, 1);
}

/** All positions of a box. */
function positions(sizes: readonly number[]): number[][] {
  return sizes.reduce<number[][]>(
    (all, size) => all.flatMap(at => Array.from({length: size}, (_, i) => [...at, i])),
    [[]],
  );
}

function flat(sizes: readonly number[], position: readonly number[]): number {
  return sizes.reduce((at, size, d) => at * size + position[d]!, 0);
}

test('phases and taps sum to the definition and write every output once', t => {
  checkProperty(t, RANKED_CASES, conv => {
    const data = dataOf(conv);
    assert.deepEqual(
      runPhases(conv, data).map(value => value + 0),
      definitionOf(conv, data).map(value => value + 0),
    );
  });
});

test('taps ascend, meet the input, and no kernel element is used twice', t => {
  checkProperty(t, RANKED_CASES, conv => {
    const {input, output} = conv.definition;
    const phases = untangleConv(planeConv(geometryOf(conv), input, output));
    const used = phases.flatMap(phase => phase.taps.map(tap => tap.kernelIndex));
    assert.equal(new Set(used).size, used.length);
    for (const {taps, z, y, x} of phases) {
      const order = taps.map(({dz, dy, dx}) => (dz * 1000 + dy) * 1000 + dx);
      assert.deepEqual(
        order,
        [...order].sort((a, b) => a - b),
      );
      const [depth, height, width] = [1, 1, ...input].slice(-3) as [number, number, number];
      for (const {dz, dy, dx} of taps) {
        assert(dz < depth && dz + (z.outCount - 1) * z.inStep >= 0);
        assert(dy < height && dy + (y.outCount - 1) * y.inStep >= 0);
        assert(dx < width && dx + (x.outCount - 1) * x.inStep >= 0);
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
    {dz: 0, dy: -1, dx: -1, kernelIndex: 15},
    {dz: 0, dy: -1, dx: 0, kernelIndex: 13},
    {dz: 0, dy: 0, dx: -1, kernelIndex: 7},
    {dz: 0, dy: 0, dx: 0, kernelIndex: 5},
  ]);
});

test('one spatial axis becomes the last of three', t => {
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
