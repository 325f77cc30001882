// The interpreter against definitions and counts worked out by hand, on programs written by hand.

import test from 'ava';
import {POOL, REDUCE, UNARY} from '../../src/graph/functions.js';
import {type Command, NONE, SLOT} from '../../src/program/commands.js';
import {interpret} from '../../src/program/interpreter/interpret.js';
import {erf} from '../../src/program/interpreter/scalar.js';
import type {DecodedProgram, Explanation, ViewRecord} from '../../src/program/program.js';
import {PANEL, type Region} from '../../src/schedule/steps.js';

/** One command: input 0 at arena element 0, output 0 in its own slot, and whatever constants it needs. */
interface Sample {
  readonly input: readonly number[];
  readonly outputElements: number;
  readonly constants?: readonly number[];
  readonly views: readonly ViewRecord[];
  readonly command: Command;
  readonly regions?: readonly Region[];
  readonly ops?: DecodedProgram['ops'];
  readonly indices?: readonly number[];
}

function run(sample: Sample) {
  const program: DecodedProgram = {
    arenaBytes: sample.input.length * 4,
    constants: Float32Array.from(sample.constants ?? []),
    inputs: [{offsetBytes: 0, elements: sample.input.length}],
    outputs: [{elements: sample.outputElements}],
    views: sample.views,
    commands: [sample.command],
    regions: sample.regions ?? [],
    ops: sample.ops ?? [],
    indices: Int32Array.from(sample.indices ?? []),
    explanation: {} as Explanation,
  };
  const {outputs, counts} = interpret(program, [Float32Array.from(sample.input)], {count: true});
  return {y: Array.from(outputs[0]!), ...counts[0]!};
}

function view(
  slot: number,
  shape: readonly number[],
  options: {offset?: number; strides?: readonly number[]} = {},
): ViewRecord {
  const dense = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  return {slot, offsetBytes: (options.offset ?? 0) * 4, shape, strides: options.strides ?? dense};
}

const PLAIN = {
  biasView: NONE,
  residualView: NONE,
  slopeView: NONE,
  activation: UNARY.identity,
  alphaBits: 0,
  betaBits: 0,
};
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
      view(SLOT.arena, [1, 1, 4, 1]),
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
      view(SLOT.arena, [1, 1, 2, 1]),
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
      view(SLOT.arena, [1, 1, 1, 2]),
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
        view(SLOT.arena, [1, 1, 2, 2]),
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

test('elementwise reads a broadcast operand once', t => {
  const {y, ...counts} = run({
    input: [1, 2, 3, 10],
    outputElements: 3,
    views: [
      view(SLOT.arena, [3]),
      view(SLOT.arena, [3], {offset: 3, strides: [0]}),
      view(SLOT.firstOutput, [3]),
    ],
    command: {
      op: 'elementwise',
      y: 2,
      inputCount: 2,
      in0: 0,
      in1: 1,
      in2: NONE,
      in3: NONE,
      in4: NONE,
      in5: NONE,
      opFirst: 0,
      opCount: 2,
    },
    ops: [
      {fn: {kind: 'binary', fn: 'mul'}, a: 0, b: 1},
      {fn: {kind: 'unary', activation: {fn: 'affine', alpha: 2, beta: 1}}, a: 2, b: 2},
    ],
  });
  t.deepEqual(y, [21, 41, 61]);
  t.deepEqual(counts, {macs: 0, readBytes: 16, writtenBytes: 12});
});

test('copy transposes, fill writes, gather picks', t => {
  const transposed = [view(SLOT.arena, [2, 3], {strides: [1, 2]}), view(SLOT.firstOutput, [2, 3])];
  t.deepEqual(
    run({
      input: [1, 2, 3, 4, 5, 6],
      outputElements: 6,
      views: transposed,
      command: {op: 'copy', x: 0, y: 1},
    }).y,
    [1, 3, 5, 2, 4, 6],
  );

  const bits = new Uint32Array(Float32Array.of(1.5).buffer)[0]!;
  const filled = run({
    input: [],
    outputElements: 2,
    views: [view(SLOT.firstOutput, [2])],
    command: {op: 'fill', y: 0, valueBits: bits},
  });
  t.deepEqual(filled, {y: [1.5, 1.5], macs: 0, readBytes: 0, writtenBytes: 8});

  const gathered = run({
    input: [1, 2, 3, 4],
    outputElements: 3,
    views: [view(SLOT.arena, [1, 4, 1]), view(SLOT.firstOutput, [1, 3, 1])],
    command: {op: 'gather', x: 0, y: 1, indexFirst: 0, indexCount: 3},
    indices: [3, 0, 3],
  });
  t.deepEqual(gathered, {y: [4, 1, 4], macs: 0, readBytes: 8, writtenBytes: 12});
});

test('pool ignores padding for the maximum and divides as asked for the average', t => {
  const pool = (fn: number, countIncludePad: number) =>
    run({
      input: [-1, -2, -6],
      outputElements: 2,
      views: [view(SLOT.arena, [1, 1, 3, 1]), view(SLOT.firstOutput, [1, 1, 2, 1])],
      command: {
        op: 'pool',
        x: 0,
        y: 1,
        fn,
        kernelY: 1,
        kernelX: 2,
        strideY: 1,
        strideX: 2,
        dilationY: 1,
        dilationX: 1,
        padTop: 0,
        padLeft: 1,
        padBottom: 0,
        padRight: 0,
        countIncludePad,
      },
    }).y;
  t.deepEqual(pool(POOL.max, 0), [-1, -2]);
  t.deepEqual(pool(POOL.average, 0), [-1, -4]);
  t.deepEqual(pool(POOL.average, 1), [-0.5, -4]);
});

test('reduce, softmax and matmul', t => {
  const views = [view(SLOT.arena, [2, 2]), view(SLOT.firstOutput, [2])];
  const reduced = (fn: number) =>
    run({input: [1, 3, 5, 9], outputElements: 2, views, command: {op: 'reduce', x: 0, y: 1, fn}}).y;
  t.deepEqual([REDUCE.mean, REDUCE.sum, REDUCE.max, REDUCE.min].map(reduced), [
    [2, 7],
    [4, 14],
    [3, 9],
    [1, 5],
  ]);

  const softmax = run({
    input: [1000, 1000],
    outputElements: 2,
    views: [view(SLOT.arena, [1, 2]), view(SLOT.firstOutput, [1, 2])],
    command: {op: 'softmax', x: 0, y: 1, log: 0},
  });
  t.deepEqual(softmax.y, [0.5, 0.5]);

  const product = run({
    input: [1, 2, 3, 4],
    outputElements: 4,
    views: [
      view(SLOT.arena, [1, 2, 2]),
      view(SLOT.arena, [1, 2, 2]),
      view(SLOT.firstOutput, [1, 2, 2]),
    ],
    command: {op: 'matmul', a: 0, b: 1, y: 2},
  });
  t.deepEqual(product, {y: [7, 10, 15, 22], macs: 8, readBytes: 16, writtenBytes: 16});
});

test('normalize takes two passes over x', t => {
  const {y, ...counts} = run({
    input: [1, 3],
    outputElements: 2,
    constants: [2, 10],
    views: [
      view(SLOT.arena, [1, 1, 2, 1]),
      view(SLOT.firstOutput, [1, 1, 2, 1]),
      view(SLOT.constants, [1]),
      view(SLOT.constants, [1], {offset: 1}),
    ],
    command: {
      op: 'normalize',
      x: 0,
      y: 1,
      scaleView: 2,
      scratchView: 0,
      epsilonBits: 0,
      ...PLAIN,
      biasView: 3,
    },
  });
  t.deepEqual(y, [8, 12]);
  t.deepEqual(counts, {macs: 0, readBytes: (2 + 2 + 2) * 4, writtenBytes: 8});
});

test('resize weighs the taps of both axes', t => {
  const {y, ...counts} = run({
    input: [1, 3],
    outputElements: 3,
    constants: [1, 1, 0, 0.5, 0.5, 0, 1],
    views: [
      view(SLOT.arena, [1, 1, 2, 1]),
      view(SLOT.firstOutput, [1, 1, 3, 1]),
      view(SLOT.constants, [1]),
      view(SLOT.constants, [6], {offset: 1}),
    ],
    command: {
      op: 'resize',
      x: 0,
      y: 1,
      tapsY: 1,
      tapsX: 2,
      indexYFirst: 0,
      indexXFirst: 1,
      weightsYView: 2,
      weightsXView: 3,
    },
    indices: [0, 0, 1, 0, 1, 0, 1],
  });
  t.deepEqual(y, [1, 2, 3]);
  t.deepEqual(counts, {macs: 0, readBytes: (2 + 7) * 4, writtenBytes: 12});
});

test('without counting only the MACs are known and the outputs are the same', t => {
  const program = {
    arenaBytes: 4,
    constants: new Float32Array(0),
    inputs: [{offsetBytes: 0, elements: 1}],
    outputs: [{elements: 1}],
    views: [view(SLOT.arena, [1]), view(SLOT.firstOutput, [1])],
    commands: [{op: 'copy', x: 0, y: 1}] as const,
    regions: [],
    ops: [],
    indices: new Int32Array(0),
    explanation: {} as Explanation,
  };
  const {outputs, counts} = interpret(program, [Float32Array.of(7)], {count: false});
  t.deepEqual(Array.from(outputs[0]!), [7]);
  t.deepEqual(counts, [{macs: 0, readBytes: 0, writtenBytes: 0}]);
  t.throws(() => interpret(program, [new Float32Array(2)], {count: false}), {
    instanceOf: RangeError,
  });
});

test('erf agrees with known values to 1e-15', t => {
  // Abramowitz and Stegun, table 7.1.
  for (const [x, value] of [
    [0, 0],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [-1, -0.8427007929497149],
    [9, 1],
  ] as const) {
    t.true(Math.abs(erf(x) - value) < 1e-15, `erf(${x}) = ${erf(x)}`);
  }
});
