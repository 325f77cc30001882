// Programs with one step of every kind, small enough to read.

import {IDENTITY} from '../../src/graph/functions.js';
import type {ProgramParts} from '../../src/program/encode.js';
import type {ArenaBlock, Explanation, Port, Totals} from '../../src/program/program.js';
import type {
  Buffer,
  GemmTapsStep,
  PlanarTapsStep,
  Region,
  Step,
  StepEpilogue,
  View,
  WinogradStep,
} from '../../src/schedule/steps.js';

const COUNTS = {macs: 0, readBytes: 0, writtenBytes: 0};
const TOTALS: Totals = {...COUNTS, arenaPeakBytes: 0, weightsBytes: 0, totalBytes: 0};

/** A row-major view of the whole buffer. */
export function dense(buffer: number, shape: readonly number[], offset = 0): View {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  return {buffer, offset, shape, strides};
}

const BLOCK: ArenaBlock = {
  name: 'x',
  kind: 'input',
  offsetBytes: 64,
  bytes: 128,
  firstCommand: -1,
  lastCommand: 2,
};

export function explain(inputs: readonly Port[], outputs: readonly Port[]): Explanation {
  return {
    model: 'sample',
    inputs,
    outputs,
    commands: [],
    blocks: [BLOCK],
    totals: TOTALS,
    baselines: {zeroInsertIm2col: TOTALS, zeroInsertDirect: TOTALS, gemmCol2im: TOTALS},
    convolutions: [],
  };
}

const BARE: StepEpilogue = {bias: null, residual: null, activation: IDENTITY, slope: null};

/** Buffers: 0 input and 1, 2, 9 arena; 3 output; the rest constants. */
const BUFFERS: readonly Buffer[] = [
  {id: 0, storage: {kind: 'arena'}, elements: 32},
  {id: 1, storage: {kind: 'arena'}, elements: 64},
  {id: 2, storage: {kind: 'arena'}, elements: 128},
  {id: 3, storage: {kind: 'output', index: 0}, elements: 64},
  constant(4, 16 * 18),
  constant(5, 16),
  constant(6, 18),
  constant(7, 8),
  constant(8, 16 * 2 * 16),
  {id: 9, storage: {kind: 'arena'}, elements: 1152},
  {id: 10, storage: {kind: 'input', index: 0}, elements: 32},
];

function constant(id: number, elements: number): Buffer {
  const data = Float32Array.from({length: elements}, (_, index) => ((index * 7 + id) % 13) - 6);
  return {id, storage: {kind: 'constant'}, elements, data};
}

const X = dense(0, [1, 4, 4, 2]);
const Y = dense(3, [1, 4, 4, 4]);
const FULL: Region = {
  outY: 0,
  outX: 0,
  outStepY: 1,
  outStepX: 1,
  countY: 4,
  countX: 4,
  inY: 0,
  inX: 0,
  inStepY: 1,
  inStepX: 1,
  taps: [
    {dy: -1, dx: 0, k: 0},
    {dy: 0, dx: 0, k: 2},
    {dy: 1, dx: 1, k: 4},
  ],
  kc: 2,
  padded: true,
  cropped: false,
  perTap: false,
};

export const PLANAR_STEP: PlanarTapsStep = {
  op: 'planarTaps',
  name: 'head',
  schedule: 'planar',
  counts: COUNTS,
  x: {buffer: 0, offset: 0, shape: [1, 4, 4, 2], strides: [32, 4, 1, 16]},
  y: {buffer: 1, offset: 0, shape: [1, 4, 4, 3], strides: [48, 4, 1, 16]},
  weights: dense(6, [6 * 3]),
  kTotal: 6,
  regions: [FULL],
  epilogue: {...BARE, bias: dense(7, [3])},
};

export const GEMM: GemmTapsStep = {
  op: 'gemmTaps',
  name: 'conv',
  schedule: 'huge2',
  counts: COUNTS,
  x: X,
  y: Y,
  weights: dense(4, [16 * 18]),
  weightType: 'fp32',
  kTotal: 18,
  groups: 1,
  fusedY: 1,
  fusedX: 1,
  regions: [
    FULL,
    {...FULL, perTap: true},
    // Exact: rows 0 to 2 and two columns, two taps merged into a run of four floats.
    {
      ...FULL,
      countY: 3,
      countX: 2,
      padded: false,
      kc: 4,
      taps: [
        {dy: 0, dx: 0, k: 0},
        {dy: 1, dx: 1, k: 4},
      ],
    },
    {...FULL, outY: -1, inY: -3, cropped: true},
    {...FULL, taps: []},
  ],
  epilogue: {
    bias: dense(5, [16]),
    residual: dense(1, [1, 4, 4, 4]),
    activation: {fn: 'prelu', alpha: 0, beta: 0},
    slope: dense(5, [16]),
  },
};

export const WINOGRAD_STEP: WinogradStep = {
  op: 'winograd',
  name: 'fast',
  schedule: 'winograd',
  counts: COUNTS,
  x: X,
  y: Y,
  weights: dense(8, [9 * 2 * 16]),
  weightType: 'fp32',
  form: {tile: 2, taps: [3, 3]},
  regions: [0, 1].map(outX => ({
    ...FULL,
    ...{outX, outStepX: 2, countX: 2},
    ...{inY: -1, inX: outX - 2, inStepX: 2},
    taps: [{dy: 0, dx: 0, k: 0}],
  })),
  scratch: dense(9, [512 + 2 * 320]),
  epilogue: GEMM.epilogue,
};

/** One step of each kind. */
export const STEPS: readonly Step[] = [
  {op: 'fill', name: 'zero', schedule: '', counts: COUNTS, y: dense(1, [64]), value: -1.5},
  GEMM,
  {
    op: 'depthwise',
    name: 'dw',
    schedule: 'fused-taps',
    counts: COUNTS,
    x: X,
    y: dense(1, [1, 4, 4, 2]),
    weights: dense(6, [9, 2]),
    regions: [
      {...FULL, kc: 1},
      {...FULL, countY: 2, outStepY: 2, kc: 1},
    ],
    epilogue: {...BARE, activation: {fn: 'clip', alpha: 0, beta: 6}},
  },
  {
    op: 'elementwise',
    name: 'swish',
    schedule: '',
    counts: COUNTS,
    inputs: [X, {buffer: 7, offset: 2, shape: [1, 4, 4, 2], strides: [0, 0, 0, 1]}],
    y: dense(1, [1, 4, 4, 2]),
    ops: [
      {fn: {kind: 'unary', activation: {fn: 'leakyRelu', alpha: 0.25, beta: 0}}, a: 0, b: 0},
      {fn: {kind: 'binary', fn: 'mul'}, a: 1, b: 2},
    ],
  },
  {
    op: 'copy',
    name: 'flip',
    schedule: '',
    counts: COUNTS,
    x: {buffer: 0, offset: 31, shape: [32], strides: [-1]},
    y: dense(2, [32]),
  },
  {
    op: 'pool',
    name: 'pool',
    schedule: '',
    counts: COUNTS,
    x: X,
    y: dense(1, [1, 2, 2, 2]),
    fn: 'average',
    kernel: [3, 2],
    strides: [2, 2],
    dilations: [1, 1],
    padBegin: [1, 0],
    padEnd: [0, 0],
    countIncludePad: true,
  },
  {
    op: 'reduce',
    name: 'mean',
    schedule: '',
    counts: COUNTS,
    x: dense(0, [2, 16]),
    y: dense(1, [2]),
    fn: 'mean',
  },
  {
    op: 'argReduce',
    name: 'class',
    schedule: '',
    counts: COUNTS,
    x: dense(0, [4, 8]),
    y: dense(1, [4]),
    fn: 'min',
    last: true,
  },
  {
    op: 'cumulative',
    name: 'running',
    schedule: '',
    counts: COUNTS,
    x: dense(0, [4, 8]),
    y: dense(1, [4, 8]),
    fn: 'prod',
    exclusive: true,
  },
  {
    op: 'normalize',
    name: 'norm',
    schedule: '',
    counts: COUNTS,
    x: X,
    y: dense(1, [1, 4, 4, 2]),
    scale: dense(7, [2]),
    epsilon: 1e-5,
    part: 'all',
    row: 0,
    rows: 4,
    scratch: dense(2, [34, 1, 2]),
    epilogue: {...BARE, bias: dense(7, [2], 4)},
  },
  {
    op: 'softmax',
    name: 'softmax',
    schedule: '',
    counts: COUNTS,
    x: dense(0, [4, 8]),
    y: dense(1, [4, 8]),
    log: true,
  },
  {
    op: 'resize',
    name: 'up',
    schedule: '',
    counts: COUNTS,
    x: dense(0, [1, 2, 2, 2]),
    y: dense(1, [1, 4, 2, 2]),
    tapsY: 2,
    tapsX: 0,
    indicesY: Int32Array.from([0, 0, 0, 1, 0, 1, 1, 1]),
    indicesX: new Int32Array(),
    weightsY: dense(7, [4, 2]),
    weightsX: dense(7, [1]),
  },
  {
    op: 'matmul',
    name: 'attend',
    schedule: '',
    counts: COUNTS,
    a: dense(0, [2, 2, 4]),
    b: dense(0, [2, 4, 2]),
    y: dense(1, [2, 2, 2]),
  },
  PLANAR_STEP,
  {
    op: 'gridSample',
    name: 'warp',
    schedule: '',
    counts: COUNTS,
    x: dense(0, [1, 1, 4, 4, 2]),
    grid: dense(0, [1, 1, 4, 4, 2]),
    y: dense(1, [1, 1, 4, 4, 2]),
    mode: 'cubic',
    padding: 'reflection',
    alignCorners: true,
  },
  {
    op: 'gather',
    name: 'rows',
    schedule: '',
    counts: COUNTS,
    x: dense(0, [2, 4, 4]),
    y: dense(1, [2, 3, 4]),
    indices: Int32Array.from([3, 0, 2]),
  },
  {
    op: 'gatherIndexed',
    name: 'find',
    schedule: '',
    counts: COUNTS,
    x: dense(0, [2, 3, 4]),
    y: dense(1, [2]),
    indices: dense(2, [2, 2]),
  },
  {
    op: 'scatterIndexed',
    name: 'put',
    schedule: '',
    counts: COUNTS,
    x: dense(1, [2]),
    y: dense(0, [2, 3, 4]),
    indices: dense(2, [2, 2]),
    fn: 'add',
  },
  WINOGRAD_STEP,
];

/** A program of `steps` over the sample buffers. */
export function sampleParts(steps: readonly Step[] = STEPS): ProgramParts {
  const input: Port = {name: 'x', dtype: 'float32', shape: [1, 2, 4, 4]};
  const output: Port = {name: 'y', dtype: 'float32', shape: [1, 4, 4, 4]};
  return {
    steps,
    buffers: BUFFERS,
    offsets: new Map([
      [0, 0],
      [1, 128],
      [2, 384],
      [9, 896],
      [10, 0],
    ]),
    arenaBytes: 5504,
    inputs: [{port: input, buffer: 10}],
    outputs: [{port: output}],
    explanation: explain([input], [output]),
  };
}
