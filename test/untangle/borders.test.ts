// Tap ranges and border classes against a look at every output.

import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import {borderClasses, tapRange, wholePhase} from '../../src/untangle/borders.js';
import {type Phase, untangleDilated, untangleTransposed} from '../../src/untangle/phases.js';
import {checkProperty} from '../helpers/properties.js';

interface PhaseCase {
  readonly phase: Phase;
  readonly inputSize: number;
}

const PHASES: fc.Arbitrary<PhaseCase> = fc
  .record({
    transposed: fc.boolean(),
    inputSize: fc.integer({min: 1, max: 12}),
    outputSize: fc.integer({min: 1, max: 12}),
    kernelSize: fc.integer({min: 1, max: 7}),
    stride: fc.integer({min: 1, max: 4}),
    dilation: fc.integer({min: 1, max: 3}),
    padBegin: fc.integer({min: -3, max: 12}),
    pick: fc.nat(),
  })
  .map(({transposed, pick, ...axis}) => {
    const phases = (transposed ? untangleTransposed : untangleDilated)(axis);
    return {phase: phases[pick % phases.length]!, inputSize: axis.inputSize};
  });

/** Indices of the taps that lie inside the input for output q. */
function validTaps({phase, inputSize}: PhaseCase, q: number): number[] {
  const reads = phase.taps.map(tap => q * phase.inStep + tap.inStart);
  return reads.flatMap((at, index) => (at >= 0 && at < inputSize ? [index] : []));
}

test('a tap range holds exactly the outputs for which the tap is inside', t => {
  const ranges = fc.record({
    start: fc.integer({min: -20, max: 20}),
    step: fc.integer({min: 1, max: 4}),
    count: fc.integer({min: 0, max: 12}),
    size: fc.integer({min: 1, max: 12}),
  });
  checkProperty(t, ranges, tap => {
    const {start, end} = tapRange(tap);
    const inside = (q: number): boolean =>
      q * tap.step + tap.start >= 0 && q * tap.step + tap.start < tap.size;
    for (let q = 0; q < tap.count; q++) assert.equal(start <= q && q < end, inside(q));
    assert(start >= 0 && end >= start && end <= Math.max(tap.count, 0));
  });
});

test('border classes partition a phase, hold its valid taps, and are maximal', t => {
  checkProperty(t, PHASES, one => {
    const pieces = borderClasses(one.phase, one.inputSize);
    let next = 0;
    for (const {first, count, tapFirst, tapCount, isInside} of pieces) {
      assert.equal(first, next);
      assert(count > 0 && isInside);
      const taps = Array.from({length: tapCount}, (_, i) => tapFirst + i);
      for (let q = first; q < first + count; q++) assert.deepEqual(validTaps(one, q), taps);
      next = first + count;
    }
    assert.equal(next, one.phase.outCount);
    for (let i = 1; i < pieces.length; i++)
      assert.notDeepEqual(validTaps(one, pieces[i]!.first), validTaps(one, pieces[i]!.first - 1));
  });
});

test('a whole phase is inside when no tap of any output falls outside', t => {
  checkProperty(t, PHASES, one => {
    const [piece] = wholePhase(one.phase, one.inputSize);
    const {outCount, taps} = one.phase;
    const isInside = Array.from({length: outCount}, (_, q) => validTaps(one, q).length).every(
      valid => valid === taps.length,
    );
    assert.deepEqual(piece, {
      first: 0,
      count: outCount,
      tapFirst: 0,
      tapCount: taps.length,
      isInside,
    });
  });
});

test('a 3-tap layer with one pixel of padding has three classes', t => {
  const [phase] = untangleDilated({
    inputSize: 8,
    outputSize: 8,
    kernelSize: 3,
    stride: 1,
    dilation: 1,
    padBegin: 1,
  });
  t.deepEqual(
    borderClasses(phase!, 8).map(({first, count, tapFirst, tapCount}) => [
      first,
      count,
      tapFirst,
      tapCount,
    ]),
    [
      [0, 1, 1, 2],
      [1, 6, 0, 3],
      [7, 1, 0, 2],
    ],
  );
});
