import test from 'ava';
import {oneHot, sampleLatents, walkLatents} from '../../src/cli/latents.js';
import {gaussian, slerp, uniformSource} from '../../src/cli/random.js';

test('the same seed gives the same numbers', t => {
  t.deepEqual(gaussian(9, 7), gaussian(9, 7));
  t.notDeepEqual(gaussian(9, 7), gaussian(9, 8));
  t.deepEqual([...gaussian(4, 0)], [...gaussian(5, 0).subarray(0, 4)]);
});

test('uniform numbers fill [0, 1), Gaussian ones have mean 0 and variance 1', t => {
  const uniform = uniformSource(1);
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 100_000; i++) counts[Math.floor(uniform() * 10)]!++;
  t.true(counts.length === 10 && counts.every(count => Math.abs(count - 10_000) < 500));

  const values = gaussian(100_001, 3);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
  t.true(Math.abs(mean) < 0.02 && Math.abs(variance - 1) < 0.02);
});

test('spherical interpolation keeps to the sphere and hits both ends', t => {
  const [from, to] = [gaussian(64, 1), gaussian(64, 2)];
  const length = (v: Float32Array): number => Math.hypot(...v);
  t.true(slerp(from, to, 0).every((value, i) => Math.abs(value - from[i]!) < 1e-6));
  t.true(slerp(from, to, 1).every((value, i) => Math.abs(value - to[i]!) < 1e-6));
  t.true(Math.abs(length(slerp(from, to, 0.5)) - (length(from) + length(to)) / 2) < 1e-4);
  t.deepEqual(slerp(from, from, 0.3), from);
  t.false(slerp(new Float32Array(3), Float32Array.of(1, 0, 0), 0.5).some(Number.isNaN));
});

test('a walk is closed and goes through its stops', t => {
  const walk = walkLatents(4, 8, 16, 5);
  t.is(walk.length, 32);
  t.true(walk[8]!.every((value, i) => Math.abs(value - sampleLatents(4, 16, 5)[1]![i]!) < 1e-6));
});

test('labels are one-hot and wrap around', t => {
  t.deepEqual([...oneHot(3, 1)], [0, 1, 0]);
  t.deepEqual([...oneHot(3, 5)], [0, 0, 1]);
});
