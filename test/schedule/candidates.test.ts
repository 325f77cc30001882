// Every schedule computes the definition, covers every output once, and counts what it does.

import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import type {ConvGeometry} from '../../src/graph/graph.js';
import {
  type Candidate,
  type ConvProblem,
  chooseCandidate,
  chooseDirect,
  convProblem,
  type DirectCandidate,
  SCHEDULES,
  type ScheduleName,
} from '../../src/schedule/candidates.js';
import {addCounts} from '../../src/schedule/counts.js';
import {checkProperty} from '../helpers/properties.js';
import {CONV_CASES, type ConvCase, geometryOf} from './conv-cases.js';
import {executeStep} from './execute-winograd.js';
import {at, indices, lower, SETTINGS} from './lower-case.js';
import {mapView} from './views.js';
import {assertComputed} from './winograd-bound.js';

/** Blocks of a residual network: y has the shape of x. */
const SAME_SIZE = CONV_CASES.map(({definition, ...conv}): ConvCase => {
  const {input, inChannels} = definition;
  return {...conv, definition: {...definition, output: input, outChannels: inChannels}};
});

for (const schedule of SCHEDULES) {
  test(`${schedule}: counts an input that is added to the output once`, t => {
    checkProperty(t, fc.tuple(SAME_SIZE, SETTINGS), ([conv, settings]) => {
      const {steps, memory} = lower(conv, schedule, {...settings, residual: 'input'});
      for (const step of steps) assert.deepEqual(step.counts, executeStep(step, memory));
    });
  });

  test(`${schedule}: computes the definition and counts exactly what it touches`, t => {
    checkProperty(t, fc.tuple(CONV_CASES, SETTINGS), ([conv, settings]) => {
      const {steps, memory, y, expected} = lower(conv, schedule, settings);
      for (const step of steps) assert.deepEqual(step.counts, executeStep(step, memory));
      const actual = indices(y.shape).map(index => memory.get(1)![at(y, index)]!);
      assertComputed(steps, conv.definition.inChannels, {actual, expected});
    });
  });
}

for (const schedule of SCHEDULES) {
  test(`${schedule}: regions of the direct methods cover every output exactly once`, t => {
    checkProperty(t, CONV_CASES, conv => {
      const [height, width] = conv.definition.output as [number, number];
      const written = Array<number>(height * width).fill(0);
      for (const {regions, fusedY, fusedX} of choose(conv, schedule).steps) {
        for (const region of regions) {
          for (const [qy, qx, ry, rx] of indices([region.countY, region.countX, fusedY, fusedX])) {
            const oy = region.outY + qy! * region.outStepY + ry!;
            const ox = region.outX + qx! * region.outStepX + rx!;
            if (oy >= 0 && oy < height && ox >= 0 && ox < width) written[oy * width + ox]!++;
          }
        }
      }
      assert.deepEqual(written, Array<number>(height * width).fill(1));
    });
  });
}

function choose({definition, ...conv}: ConvCase, schedule: ScheduleName): DirectCandidate {
  const {batch, inChannels, outChannels, input, output} = definition;
  const [x, y] = [
    [batch, ...input, inChannels],
    [batch, ...output, outChannels],
  ];
  return chooseDirect(problemOf(geometryOf({definition, ...conv}), x, y), schedule);
}

function problemOf(
  geometry: ConvGeometry,
  input: readonly number[],
  output: readonly number[],
): ConvProblem {
  const operands = {
    x: mapView(input),
    y: mapView(output),
    residual: null,
    hasBias: true,
    hasSlope: false,
    hasActivation: true,
  };
  return convProblem(geometry, operands);
}

type Layer = readonly [geometry: ConvGeometry, input: readonly number[], output: readonly number[]];

function chooseLayer(...[geometry, input, output, schedule]: [...Layer, ScheduleName]): Candidate {
  return chooseCandidate(problemOf(geometry, input, output), schedule);
}

function directLayer(
  ...[geometry, input, output, schedule]: [...Layer, ScheduleName]
): DirectCandidate {
  return chooseDirect(problemOf(geometry, input, output), schedule);
}

function square(
  kernel: number,
  stride: number,
  pad: number,
  more: Partial<ConvGeometry> = {},
): ConvGeometry {
  return {
    transposed: true,
    groups: 1,
    kernel: [kernel, kernel],
    strides: [stride, stride],
    dilations: [1, 1],
    padBegin: [pad, pad],
    ...more,
  };
}

test('the methods do the multiplications their papers say', t => {
  const macs = (schedule: ScheduleName): number =>
    chooseLayer(square(3, 2, 1), [1, 4, 4, 8], [1, 7, 7, 5], schedule).counts.macs / 40;
  // Taps per axis: one in even outputs, two in odd ones; 4 + 3 outputs.
  t.is(macs('uks'), (4 + 2 * 3) ** 2);
  // KS computes 4 + 4 outputs per axis.
  t.is(macs('ks'), (4 + 2 * 4) ** 2);
  // All taps of a k3 s2 p1 layer without output padding are inside.
  t.is(macs('cks'), macs('uks'));
  t.is(macs('huge2'), macs('cks'));
  // A 2 x 2 window for four phases of 4 x 4 points, one output before the map; its first row sees one tap only.
  t.is(macs('fused-phases'), 4 * (1 + 2 * 3) * (2 * 4));
});

test('ks launches once per phase, the others once', t => {
  for (const schedule of SCHEDULES) {
    const {steps, name} = chooseLayer(square(4, 2, 1), [1, 5, 5, 8], [1, 10, 10, 5], schedule);
    t.is(steps.length, name === 'ks' ? 4 : 1);
    if (schedule !== 'auto') t.is(name, schedule);
  }
});

test('early generator layers read their weights once, image heads keep pixels in the lanes, the rest accumulates in registers', t => {
  const auto = (...[geometry, input, output]: Layer): Candidate =>
    chooseLayer(geometry, [1, ...input], [1, ...output], 'auto');
  const direct = (...[geometry, input, output]: Layer): DirectCandidate =>
    directLayer(geometry, [1, ...input], [1, ...output], 'auto');

  t.is(auto(square(4, 2, 1), [4, 4, 1024], [8, 8, 512]).name, 'huge2');
  t.is(auto(square(5, 2, 2), [4, 4, 1024], [8, 8, 512]).name, 'huge2');
  t.is(auto(square(4, 2, 1), [128, 128, 128], [256, 256, 3]).name, 'planar');
  t.is(auto(square(4, 2, 1), [32, 32, 128], [64, 64, 3]).name, 'planar');
  t.is(auto(square(5, 2, 2), [32, 32, 128], [64, 64, 3]).name, 'planar');
  t.is(auto(square(7, 1, 3, {transposed: false}), [128, 128, 64], [128, 128, 3]).name, 'planar');
  t.is(auto(square(9, 1, 4, {transposed: false}), [224, 224, 32], [224, 224, 3]).name, 'planar');
  // Rows of four pixels would leave most lanes empty.
  t.not(auto(square(4, 2, 1), [4, 4, 128], [8, 8, 3]).name, 'planar');
  t.is(auto(square(4, 2, 1), [16, 16, 256], [32, 32, 12]).name, 'fused-phases');

  const middle = direct(square(4, 2, 1), [64, 64, 256], [128, 128, 64]);
  t.is(auto(square(4, 2, 1), [64, 64, 256], [128, 128, 64]).name, 'winograd');
  t.is(middle.name, 'fused-taps');
  t.true(middle.steps[0]!.regions.every(region => !region.padded));
  const residual = square(3, 1, 1, {transposed: false});
  t.is(direct(residual, [64, 64, 256], [64, 64, 256]).name, 'fused-taps');
  t.is(auto(residual, [64, 64, 256], [64, 64, 256]).name, 'winograd');

  const aspp = square(3, 1, 18, {transposed: false, dilations: [18, 18]});
  const trimmed = direct(aspp, [33, 33, 2048], [33, 33, 256]);
  t.is(trimmed.name, 'fused-taps');
  t.is(
    trimmed.counts.macs,
    chooseLayer(aspp, [1, 33, 33, 2048], [1, 33, 33, 256], 'cks').counts.macs,
  );
});

test('taps adjacent in memory become one k loop where nothing is padded and channels are few', t => {
  const inner = square(3, 1, 0, {transposed: false});
  const [inside] = directLayer(inner, [1, 8, 8, 3], [1, 6, 6, 8], 'cks').steps[0]!.regions;
  t.deepEqual(inside!.taps, [
    {dy: 0, dx: 0, k: 0},
    {dy: 1, dx: 0, k: 9},
    {dy: 2, dx: 0, k: 18},
  ]);
  t.is(inside!.kc, 9);

  const many = directLayer(inner, [1, 8, 8, 64], [1, 6, 6, 8], 'cks').steps[0]!.regions;
  t.is(many[0]!.kc, 64);
  const outer = square(3, 1, 1, {transposed: false});
  const padded = directLayer(outer, [1, 8, 8, 3], [1, 8, 8, 8], 'uks').steps[0]!.regions;
  t.true(padded[0]!.padded);
  t.is(padded[0]!.kc, 3);
});

test('a schedule that does not apply gives way to the cheapest', t => {
  const stride1 = square(3, 1, 1, {transposed: false});
  t.is(chooseLayer(stride1, [1, 8, 8, 16], [1, 8, 8, 16], 'fused-phases').name, 'fused-taps');
  t.not(
    chooseLayer(square(4, 2, 1), [1, 8, 8, 16], [1, 16, 16, 256], 'fused-phases').name,
    'fused-phases',
  );
  const depthwise = {...stride1, groups: 16};
  for (const schedule of SCHEDULES) {
    const {name, steps} = chooseLayer(depthwise, [1, 8, 8, 16], [1, 8, 8, 16], schedule);
    t.is(steps[0]!.op, 'depthwise');
    t.true(['fused-taps', 'uks', 'cks'].includes(name));
  }
});

test('a convolution that only sees padding writes its bias', t => {
  const far = square(1, 1, 9, {transposed: false});
  const [step] = directLayer(far, [1, 2, 2, 4], [1, 3, 3, 4], 'auto').steps;
  t.is(step!.regions.length, 1);
  t.deepEqual(step!.regions[0]!.taps, []);
  t.is(step!.kTotal, 4);
});

test('counts add up', t => {
  const one = {macs: 1, readBytes: 2, writtenBytes: 3};
  t.deepEqual(addCounts([one, one]), {macs: 2, readBytes: 4, writtenBytes: 6});
  t.deepEqual(addCounts([]), {macs: 0, readBytes: 0, writtenBytes: 0});
});
