// gemmTaps and depthwise in the interpreter, against sums and counts worked out by hand.

import test from 'ava';
import {UNARY} from '../../src/graph/functions.js';
import {SLOT} from '../../src/program/commands.js';
import {PANEL, type Region} from '../../src/schedule/steps.js';
import {INPUT, PLAIN, run, view} from './hand-written.js';

const ONE_PIXEL: Region = {
  outY: 0,
  outX: 0,
  outStepY: 1,
  outStepX: 1,
  countY: 1,
  countX: 1,
  inY: 0,
  inX: 0,
  inStepY: 1,
  inStepX: 1,
  taps: [],
  kc: 1,
  padded: false,
  cropped: false,
  perTap: false,
};

/** x [1, 1, 4, 1] = 1 2 3 4, a kernel of three taps 10 100 1000, bias 0.5, y [1, 1, 4, 1]. */
function rowConvolution(region: Partial<Region>, epilogue: {readonly activation?: number} = {}) {
  const weights = [10, 100, 1000].flatMap(value => [
    value,
    ...new Array<number>(PANEL - 1).fill(0),
  ]);
  const bias = [0.5, ...new Array<number>(PANEL - 1).fill(0)];
  const taps = [-1, 0, 1].map((dx, k) => ({dy: 0, dx, k}));
  return run({
    input: [1, 2, 3, 4],
    outputElements: 4,
    constants: [...weights, ...bias],
    views: [
      view(INPUT, [1, 1, 4, 1]),
      view(SLOT.firstOutput, [1, 1, 4, 1]),
      view(SLOT.constants, [weights.length]),
      view(SLOT.constants, [PANEL], {offset: weights.length}),
    ],
    command: {
      op: 'gemmTaps',
      x: 0,
      y: 1,
      weightsView: 2,
      kTotal: 3,
      groups: 1,
      fusedY: 1,
      fusedX: 1,
      regionFirst: 0,
      regionCount: 1,
      ...PLAIN,
      biasView: 3,
      ...epilogue,
    },
    regions: [{...ONE_PIXEL, countX: 4, taps, padded: true, ...region}],
  });
}

const ROW = [2100.5, 3210.5, 4320.5, 430.5];

test('gemmTaps in registers: padded taps multiply zeros, every element is read once', t => {
  const {y, ...counts} = rowConvolution({});
  t.deepEqual(y, ROW);
  t.deepEqual(counts, {macs: 4 * 3, readBytes: (4 + 3 * PANEL + PANEL) * 4, writtenBytes: 4 * 4});
});

test('gemmTaps per tap: clipped taps, one pass each, outputs written again and again', t => {
  const {y, ...counts} = rowConvolution({perTap: true, padded: false});
  t.deepEqual(y, ROW);
  // Taps touch 3, 4 and 3 outputs; the second and third read them back; the bias pass writes 4.
  const readElements = PANEL + (3 + PANEL) + (4 + PANEL + 4) + (3 + PANEL + 3);
  t.deepEqual(counts, {macs: 10, readBytes: readElements * 4, writtenBytes: (4 + 3 + 4 + 3) * 4});
});

test('gemmTaps per tap: an activation takes one more pass', t => {
  const plain = rowConvolution({perTap: true, padded: false});
  const {y, ...counts} = rowConvolution({perTap: true, padded: false}, {activation: UNARY.neg});
  t.deepEqual(
    y,
    ROW.map(value => -value),
  );
  t.deepEqual(counts, {
    macs: 10,
    readBytes: plain.readBytes + 16,
    writtenBytes: plain.writtenBytes + 16,
  });
});

test('gemmTaps cropped: surplus outputs are computed, counted and dropped', t => {
  const {y, ...counts} = rowConvolution({countX: 6, cropped: true});
  t.deepEqual(y, ROW);
  t.deepEqual(counts, {macs: 6 * 3, readBytes: (4 + 4 * PANEL) * 4, writtenBytes: 4 * 4});
});

test('gemmTaps with fused phases writes them side by side and crops the last', t => {
  // Two phases of x [1, 1, 2, 1]: column 0 is 10x, column 1 is 100x; y has only three columns.
  const weights = [10, 100, ...new Array<number>(PANEL - 2).fill(0)];
  const {y, ...counts} = run({
    input: [1, 2],
    outputElements: 3,
    constants: weights,
    views: [
      view(INPUT, [1, 1, 2, 1]),
      view(SLOT.firstOutput, [1, 1, 3, 1]),
      view(SLOT.constants, [PANEL]),
    ],
    command: {
      op: 'gemmTaps',
      x: 0,
      y: 1,
      weightsView: 2,
      kTotal: 1,
      groups: 1,
      fusedY: 1,
      fusedX: 2,
      regionFirst: 0,
      regionCount: 1,
      ...PLAIN,
    },
    regions: [{...ONE_PIXEL, countX: 2, outStepX: 2, taps: [{dy: 0, dx: 0, k: 0}], cropped: true}],
  });
  t.deepEqual(y, [10, 100, 20]);
  t.deepEqual(counts, {macs: 4, readBytes: (2 + PANEL) * 4, writtenBytes: 3 * 4});
});

test('gemmTaps keeps groups apart and adds the residual before the activation', t => {
  // Two groups of one channel; residual is x itself.
  const weights = [3, 5].flatMap(value => [value, ...new Array<number>(PANEL - 1).fill(0)]);
  const {y} = run({
    input: [1, -2],
    outputElements: 2,
    constants: weights,
    views: [
      view(INPUT, [1, 1, 1, 2]),
      view(SLOT.firstOutput, [1, 1, 1, 2]),
      view(SLOT.constants, [2 * PANEL]),
    ],
    command: {
      op: 'gemmTaps',
      x: 0,
      y: 1,
      weightsView: 2,
      kTotal: 1,
      groups: 2,
      fusedY: 1,
      fusedX: 1,
      regionFirst: 0,
      regionCount: 1,
      ...PLAIN,
      residualView: 0,
      activation: UNARY.relu,
    },
    regions: [{...ONE_PIXEL, taps: [{dy: 0, dx: 0, k: 0}]}],
  });
  t.deepEqual(y, [4, 0]);
});

test('depthwise multiplies channel by channel, in registers and per tap', t => {
  for (const perTap of [false, true]) {
    const {y, macs} = run({
      input: [1, 10, 2, 20],
      outputElements: 4,
      constants: [1, 2, 3, 4],
      views: [
        view(INPUT, [1, 1, 2, 2]),
        view(SLOT.firstOutput, [1, 1, 2, 2]),
        view(SLOT.constants, [4]),
      ],
      command: {
        op: 'depthwise',
        x: 0,
        y: 1,
        weightsView: 2,
        regionFirst: 0,
        regionCount: 1,
        ...PLAIN,
      },
      regions: [
        {
          ...ONE_PIXEL,
          countX: 2,
          taps: [
            {dy: 0, dx: 0, k: 0},
            {dy: 0, dx: 1, k: 1},
          ],
          padded: !perTap,
          perTap,
        },
      ],
    });
    t.deepEqual(y, [1 + 6, 20 + 80, 2, 40]);
    t.is(macs, perTap ? 6 : 8);
  }
});
