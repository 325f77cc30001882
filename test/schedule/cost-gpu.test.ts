// Choosing for a GPU: what is cheaper there, and what is never taken.

import test from 'ava';
import {chooseCandidate, convProblem, SCHEDULES} from '../../src/schedule/candidates.js';
import {GPU_COST} from '../../src/schedule/cost-gpu.js';
import {denseView} from '../../src/schedule/view-math.js';

/** A transposed convolution with a 4x4 kernel and stride 2, channels last. */
function transposed(size: number, inChannels: number, outChannels: number) {
  const geometry = {
    transposed: true,
    groups: 1,
    kernel: [4, 4],
    strides: [2, 2],
    dilations: [1, 1],
    padBegin: [1, 1],
  };
  const operands = {
    x: denseView(0, [1, size, size, inChannels]),
    y: denseView(1, [1, 2 * size, 2 * size, outChannels]),
    residual: null,
    hasBias: true,
    hasSlope: false,
    hasActivation: true,
  };
  return convProblem(geometry, operands, {device: 'cuda'});
}

test('phases are fused where there are few output channels, and in one launch elsewhere', t => {
  t.is(chooseCandidate(transposed(64, 64, 3), 'auto').name, 'fused-phases');
  t.is(chooseCandidate(transposed(32, 256, 128), 'auto').name, 'fused-taps');
});

test('what only CPUs have is never taken, not even when it is asked for', t => {
  for (const problem of [transposed(64, 64, 3), transposed(16, 64, 64)]) {
    for (const schedule of SCHEDULES) {
      const {name, steps} = chooseCandidate(problem, schedule);
      t.false(name === 'planar' || name === 'winograd', schedule);
      t.true(steps.every(({op}) => op === 'gemmTaps'));
    }
  }
});

test('a sweep costs a launch per tap, segregation one per phase', t => {
  const problem = transposed(8, 32, 16);
  const costOf = (schedule: 'uks' | 'ks' | 'huge2') => chooseCandidate(problem, schedule).cost;
  t.true(costOf('ks') - costOf('uks') > 2.9 * GPU_COST.launchNs);
  t.true(costOf('huge2') - costOf('uks') > 15 * GPU_COST.launchNs);
});

test('where weights are larger than patches a sweep is a product per phase between two launches', t => {
  const costOf = (size: number) => chooseCandidate(transposed(size, 512, 64), 'huge2').cost;
  const launches = (size: number) => {
    // Four phases of size² pixels, four taps each.
    const [patches, sums] = [16 * size ** 2 * 512, 4 * size ** 2 * 64];
    const maps = size ** 2 * 512 + sums;
    const moved = 4 * (maps + 16 * 512 * 64 + 2 * patches + 2 * sums);
    return (costOf(size) - moved / GPU_COST.bytesPerNs) / GPU_COST.launchNs;
  };
  for (const size of [4, 8]) t.true(Math.abs(launches(size) - 6) < 1e-6, `${launches(size)}`);
  t.true(costOf(9) - costOf(8) > 5 * GPU_COST.launchNs, 'a launch per tap from here on');
});
