import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import {ARENA_ALIGNMENT, placeBuffers} from '../../src/schedule/arena.js';
import type {Lifetime} from '../../src/schedule/lifetimes.js';
import {checkProperty} from '../helpers/properties.js';

const lifetimes: fc.Arbitrary<Lifetime[]> = fc.array(
  fc
    .record({
      bytes: fc.integer({min: 1, max: 5000}),
      firstUse: fc.integer({min: -1, max: 20}),
      length: fc.nat(8),
    })
    .map(({bytes, firstUse, length}) => ({bytes, firstUse, lastUse: firstUse + length})),
  {minLength: 1, maxLength: 30},
);

test('buffers alive at the same time never share bytes', t => {
  checkProperty(t, lifetimes, buffers => {
    const {offsetsBytes, peakBytes} = placeBuffers(buffers);
    buffers.forEach((a, i) => {
      assert.equal(offsetsBytes[i]! % ARENA_ALIGNMENT, 0);
      assert.ok(offsetsBytes[i]! + a.bytes <= peakBytes);
      buffers.slice(0, i).forEach((b, j) => {
        const isTogether = a.firstUse <= b.lastUse && b.firstUse <= a.lastUse;
        const isApart =
          offsetsBytes[i]! + a.bytes <= offsetsBytes[j]! ||
          offsetsBytes[j]! + b.bytes <= offsetsBytes[i]!;
        assert.ok(!isTogether || isApart, `buffers ${i} and ${j}`);
      });
    });
  });
});

/** Blocks that steps touch in parts, ascending or not. */
const touched: fc.Arbitrary<Lifetime[]> = fc.array(
  fc
    .record({
      bytes: fc.integer({min: 64, max: 5000}),
      isInput: fc.boolean(),
      steps: fc.uniqueArray(fc.nat(20), {minLength: 1, maxLength: 6}),
      parts: fc.array(fc.tuple(fc.nat(99), fc.nat(99)), {minLength: 6, maxLength: 6}),
      grows: fc.boolean(),
    })
    .map(({bytes, isInput, steps, parts, grows}) => {
      const sorted = [...steps].sort((a, b) => a - b);
      const touches = sorted.map((step, at) => {
        const share = (part: number) => Math.floor((part * bytes) / 100);
        const [from, to] = grows
          ? [(99 * at) / sorted.length, (99 * (at + 1)) / sorted.length]
          : parts[at]!;
        return {
          step,
          start: share(Math.min(from, to)),
          end: Math.max(share(Math.min(from, to)) + 1, share(Math.max(from, to))),
        };
      });
      return {
        bytes,
        firstUse: isInput ? -1 : sorted[0]!,
        lastUse: sorted.at(-1)!,
        touches,
      };
    }),
  {minLength: 1, maxLength: 14},
);

/** Bytes of a block that may not change hands in a step: what was touched up to it, or was there, and will be touched. */
function isAlive({firstUse, touches}: Lifetime, byte: number, step: number): boolean {
  const isTouching = ({start, end}: {start: number; end: number}) => start <= byte && byte < end;
  const steps = touches!.filter(isTouching).map(touch => touch.step);
  if (steps.length === 0) return false;
  return (firstUse < 0 || Math.min(...steps) <= step) && step <= Math.max(...steps);
}

test('no byte that was touched and will be again is alive in two blocks', t => {
  let shared = 0;
  checkProperty(t, touched, blocks => {
    const {offsetsBytes, peakBytes, lowerBoundBytes} = placeBuffers(blocks);
    assert.ok(lowerBoundBytes <= peakBytes);
    const whole = placeBuffers(blocks.map(block => ({...block, touches: undefined})));
    if (peakBytes < whole.peakBytes) shared++;
    for (let step = 0; step <= 20; step++) {
      const owners = new Map<number, number>();
      blocks.forEach((block, index) => {
        assert.ok(offsetsBytes[index]! + block.bytes <= peakBytes);
        const offset = offsetsBytes[index]!;
        for (let place = 7 * Math.ceil(offset / 7); place < offset + block.bytes; place += 7) {
          if (!isAlive(block, place - offset, step)) continue;
          assert.equal(owners.get(place), undefined, `byte ${place} in step ${step}`);
          owners.set(place, index);
        }
      });
    }
  });
  t.true(shared > 20, `${shared} placements are smaller than those of whole blocks`);
});

test('a map that grows as another is used up lies over it', t => {
  const steps = Array.from({length: 10}, (_, step) => step);
  const used = {
    bytes: 6400,
    firstUse: -1,
    lastUse: 9,
    touches: steps.map(step => ({step, start: step * 640, end: (step + 1) * 640})),
  };
  const grown = {...used, firstUse: 0, lastUse: 10};
  const later = {step: 10, start: 0, end: 6400};
  const {peakBytes, lowerBoundBytes} = placeBuffers([
    used,
    {...grown, touches: [...grown.touches, later]},
  ]);
  // A band of each at a time: the new one lies a band below.
  t.is(peakBytes, 7040);
  t.is(lowerBoundBytes, 7040);
});

test('the peak lies between the lower bound and the sum of all buffers', t => {
  checkProperty(t, lifetimes, buffers => {
    const {peakBytes, lowerBoundBytes} = placeBuffers(buffers);
    const sum = buffers.reduce((total, {bytes}) => total + Math.ceil(bytes / 64) * 64, 0);
    assert.ok(lowerBoundBytes <= peakBytes && peakBytes <= sum);
  });
});

test('equal lifetimes are placed equally every time', t => {
  checkProperty(t, lifetimes, buffers => {
    assert.deepEqual(placeBuffers(buffers), placeBuffers([...buffers]));
  });
});

test('a chain of layers needs two of its buffers at a time', t => {
  const chain = [0, 1, 2, 3].map(step => ({bytes: 640, firstUse: step - 1, lastUse: step}));
  t.like(placeBuffers(chain), {peakBytes: 1280, lowerBoundBytes: 1280, busiestStep: 0});
});

test('no buffers need no arena', t => {
  t.like(placeBuffers([]), {peakBytes: 0, lowerBoundBytes: 0, offsetsBytes: []});
});
