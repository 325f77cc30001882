import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import {ARENA_ALIGNMENT, type Lifetime, placeBuffers} from '../../src/schedule/arena.js';
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
