// Every command but the convolutions in the interpreter, against definitions and counts worked out by hand.

import test from 'ava';
import {erf} from '../../src/graph/fold-scalar.js';
import {POOL, REDUCE} from '../../src/graph/functions.js';
import {NONE, SLOT} from '../../src/program/commands.js';
import {interpret} from '../../src/program/interpreter/interpret.js';
import type {Explanation} from '../../src/program/program.js';
import {INPUT, NOTHING_STREAMED, PLAIN, run, view} from './hand-written.js';

test('elementwise reads a broadcast operand once', t => {
  const {y, ...counts} = run({
    input: [1, 2, 3, 10],
    outputElements: 3,
    views: [
      view(INPUT, [3]),
      view(INPUT, [3], {offset: 3, strides: [0]}),
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
  const transposed = [view(INPUT, [2, 3], {strides: [1, 2]}), view(SLOT.firstOutput, [2, 3])];
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
    views: [view(INPUT, [1, 4, 1]), view(SLOT.firstOutput, [1, 3, 1])],
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
      views: [view(INPUT, [1, 1, 3, 1]), view(SLOT.firstOutput, [1, 1, 2, 1])],
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
  const views = [view(INPUT, [2, 2]), view(SLOT.firstOutput, [2])];
  const reduced = (fn: number) =>
    run({input: [1, 3, 5, 9], outputElements: 2, views, command: {op: 'reduce', x: 0, y: 1, fn}}).y;
  t.deepEqual([REDUCE.mean, REDUCE.sum, REDUCE.max, REDUCE.min].map(reduced), [
    [2, 7],
    [4, 14],
    [3, 9],
    [1, 5],
  ]);

  t.deepEqual([REDUCE.prod, REDUCE.sumSquares, REDUCE.sumAbs].map(reduced), [
    [3, 45],
    [10, 106],
    [4, 14],
  ]);

  const softmax = run({
    input: [1000, 1000],
    outputElements: 2,
    views: [view(INPUT, [1, 2]), view(SLOT.firstOutput, [1, 2])],
    command: {op: 'softmax', x: 0, y: 1, log: 0},
  });
  t.deepEqual(softmax.y, [0.5, 0.5]);

  const product = run({
    input: [1, 2, 3, 4],
    outputElements: 4,
    views: [view(INPUT, [1, 2, 2]), view(INPUT, [1, 2, 2]), view(SLOT.firstOutput, [1, 2, 2])],
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
      view(INPUT, [1, 1, 2, 1]),
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
      part: 0,
      row: 0,
      rows: 1,
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
      view(INPUT, [1, 1, 2, 1]),
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
    streamed: NOTHING_STREAMED,
    inputs: [{offsetBytes: 0, elements: 1}],
    outputs: [{elements: 1}],
    views: [view(INPUT, [1]), view(SLOT.firstOutput, [1])],
    commandNames: ['copy'] as const,
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
