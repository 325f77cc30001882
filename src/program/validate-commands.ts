// Checks of the commands that are not convolutions.

import {
  CUMULATE,
  EXTREME,
  MAX_WINDOW,
  NORMALIZE_PART,
  POOL,
  REDUCE,
  UNARY,
} from '../graph/functions.js';
import {MAX_CHAIN_INPUTS} from '../graph/graph.js';
import {NORMALIZE_CHUNKS, NORMALIZE_PIXELS} from '../schedule/steps.js';
import {type Command, type CommandName, NONE} from './commands.js';
import type {ViewRecord} from './program.js';
import {readRange} from './ranges.js';
import {
  type Checker,
  ensure,
  optional,
  readable,
  requireDense,
  requireFlag,
  requireMap,
  requireRank,
  requireShape,
  writable,
} from './validate-access.js';

/** What executors have room for; fusing stays well below. */
const MAX_OPS = 32;

/** Whole numbers up to here are exact in f32. */
const MAX_INDEX = 2 ** 24;

export type CommandOf<Op extends CommandName> = Extract<Command, {op: Op}>;

/** Also softmax: x and y of one shape. */
export function checkCopy(checker: Checker, command: CommandOf<'copy' | 'softmax'>): void {
  const y = writable(checker, 'y', command.y);
  requireShape(checker, 'x', readable(checker, 'x', command.x), y.shape);
  if (command.op === 'softmax') requireFlag(checker, 'log', command.log);
}

export function checkElementwise(checker: Checker, command: CommandOf<'elementwise'>): void {
  const y = writable(checker, 'y', command.y);
  const {inputCount, in0, in1, in2, in3, in4, in5, opFirst, opCount} = command;
  ensure(
    checker,
    inputCount >= 1 && inputCount <= MAX_CHAIN_INPUTS,
    () => `inputCount is ${inputCount}; expected 1 to ${MAX_CHAIN_INPUTS}`,
  );
  [in0, in1, in2, in3, in4, in5].forEach((index, input) => {
    if (input < inputCount) {
      requireShape(checker, `in${input}`, readable(checker, `in${input}`, index), y.shape);
    } else {
      ensure(checker, index === NONE, () => `in${input} is set but inputCount is ${inputCount}`);
    }
  });

  const {ops} = checker.context.program;
  ensure(
    checker,
    opCount >= 1 && opCount <= MAX_OPS,
    () => `opCount is ${opCount}; expected 1 to ${MAX_OPS}`,
  );
  ensure(
    checker,
    opFirst + opCount <= ops.length,
    () => `ops ${opFirst} to ${opFirst + opCount} of ${ops.length}`,
  );
  for (let index = 0; index < opCount; index++) {
    const {fn, a, b, c = 0} = ops[opFirst + index]!;
    const known = inputCount + index;
    const isKnown = a < known && (fn.kind === 'unary' || (b < known && c < known));
    ensure(checker, isKnown, () => `op ${index} uses a value that is not computed yet`);
  }
}

export function checkPool(checker: Checker, command: CommandOf<'pool'>): void {
  const [xN, , , xC] = requireMap(checker, 'x', readable(checker, 'x', command.x));
  const y = writable(checker, 'y', command.y);
  const [, yH, yW] = requireMap(checker, 'y', y);
  requireShape(checker, 'y', y, [xN, yH, yW, xC]);
  ensure(checker, command.fn <= POOL.average, () => `fn is ${command.fn}`);
  requireFlag(checker, 'countIncludePad', command.countIncludePad);
  const {kernelY, kernelX, strideY, strideX, dilationY, dilationX} = command;
  for (const value of [kernelY, kernelX, strideY, strideX, dilationY, dilationX]) {
    ensure(checker, value >= 1 && value <= MAX_WINDOW, () => `a window size is ${value}`);
  }
  const {padTop, padLeft, padBottom, padRight} = command;
  for (const value of [padTop, padLeft, padBottom, padRight]) {
    ensure(checker, value <= MAX_WINDOW, () => `a pad is ${value}`);
  }
}

export function checkReduce(checker: Checker, command: CommandOf<'reduce'>): void {
  const x = readable(checker, 'x', command.x);
  const y = writable(checker, 'y', command.y);
  requireShape(checker, 'y', y, x.shape.slice(0, y.shape.length));
  ensure(checker, command.fn < Object.keys(REDUCE).length, () => `fn is ${command.fn}`);
}

/** The dims of y, then the one searched; indices are exact in f32 up to 2^24. */
export function checkArgReduce(checker: Checker, command: CommandOf<'argReduce'>): void {
  const x = readable(checker, 'x', command.x);
  const y = writable(checker, 'y', command.y);
  const size = x.shape.at(-1)!;
  requireShape(checker, 'x', x, [...y.shape, size]);
  ensure(checker, size <= MAX_INDEX, () => `it searches ${size} elements; at most ${MAX_INDEX}`);
  ensure(checker, command.fn < Object.keys(EXTREME).length, () => `fn is ${command.fn}`);
  requireFlag(checker, 'last', command.last);
}

export function checkCumulative(checker: Checker, command: CommandOf<'cumulative'>): void {
  const y = writable(checker, 'y', command.y);
  requireShape(checker, 'x', readable(checker, 'x', command.x), y.shape);
  ensure(checker, command.fn < Object.keys(CUMULATE).length, () => `fn is ${command.fn}`);
  requireFlag(checker, 'exclusive', command.exclusive);
}

export function checkNormalize(checker: Checker, command: CommandOf<'normalize'>): void {
  // What only makes moments writes scratch alone.
  const isRead = command.part === NORMALIZE_PART.moments && command.y === command.x;
  const y = (isRead ? readable : writable)(checker, 'y', command.y);
  const x = readable(checker, 'x', command.x);
  requireMap(checker, 'x', x);
  const [n, height, width, channels] = requireMap(checker, 'y', y);
  requireShape(checker, 'x', x, y.shape);
  const {part, row, rows} = command;
  ensure(checker, part < Object.keys(NORMALIZE_PART).length, () => `part is ${part}`);
  const isInside = row + height <= rows && rows * width <= NORMALIZE_PIXELS;
  const isWhole = part !== NORMALIZE_PART.all || height === rows;
  ensure(checker, isInside && isWhole, () => `rows ${row} to ${row + height} of ${rows}`);
  const scale = optional(checker, 'scale', command.scaleView);
  if (scale !== null) requireDense(checker, 'scale', scale, channels);
  checkEpilogue(checker, command, y, channels);
  const scratch = writable(checker, 'scratch', command.scratchView);
  requireDense(checker, 'scratch', scratch, (NORMALIZE_CHUNKS * 2 + 2) * n * channels);
}

/** Bias and slope hold `columns` values; the residual has the shape of y. */
export function checkEpilogue(
  checker: Checker,
  command: CommandOf<'gemmTaps' | 'planarTaps' | 'depthwise' | 'winograd' | 'normalize'>,
  y: ViewRecord,
  columns: number,
): void {
  const {biasView, residualView, slopeView, activation} = command;
  const bias = optional(checker, 'bias', biasView);
  if (bias !== null) requireDense(checker, 'bias', bias, columns);
  const residual = optional(checker, 'residual', residualView);
  if (residual !== null) requireShape(checker, 'residual', residual, y.shape);

  ensure(checker, activation <= UNARY.prelu, () => `activation is ${activation}`);
  const slope = optional(checker, 'slope', slopeView);
  ensure(
    checker,
    (slope !== null) === (activation === UNARY.prelu),
    () => 'a slope goes with the activation prelu, and only with it',
  );
  if (slope !== null) requireDense(checker, 'slope', slope, columns);
}

export function checkResize(checker: Checker, command: CommandOf<'resize'>): void {
  const [xN, xH, xW, xC] = requireMap(checker, 'x', readable(checker, 'x', command.x));
  const y = writable(checker, 'y', command.y);
  const [, yH, yW] = requireMap(checker, 'y', y);
  requireShape(checker, 'y', y, [xN, yH, yW, xC]);
  const {tapsY, tapsX, indexYFirst, indexXFirst, weightsYView, weightsXView} = command;
  const rows = {sizes: [xH, yH], taps: tapsY, first: indexYFirst, weights: weightsYView} as const;
  const columns = {
    sizes: [xW, yW],
    taps: tapsX,
    first: indexXFirst,
    weights: weightsXView,
  } as const;
  checkResizeAxis(checker, 'Y', rows);
  checkResizeAxis(checker, 'X', columns);
}

/** An axis without taps is copied as it is. */
function checkResizeAxis(
  checker: Checker,
  axis: string,
  table: {sizes: readonly [number, number]; taps: number; first: number; weights: number},
): void {
  const {sizes, taps, first, weights} = table;
  const [inputSize, outputSize] = sizes;
  if (taps === 0) {
    const isSame = inputSize === outputSize;
    ensure(checker, isSame, () => `taps${axis} is 0 but ${inputSize} becomes ${outputSize}`);
    return;
  }
  checkIndices(checker, `index${axis}`, [first, outputSize * taps, inputSize]);
  const name = `weights${axis}`;
  requireDense(checker, name, readable(checker, name, weights), outputSize * taps);
}

export function checkMatmul(checker: Checker, command: CommandOf<'matmul'>): void {
  const a = readable(checker, 'a', command.a);
  const b = readable(checker, 'b', command.b);
  const y = writable(checker, 'y', command.y);
  requireRank(checker, 'a', a, 3);
  requireRank(checker, 'y', y, 3);
  const [batch, rows, columns] = y.shape as unknown as [number, number, number];
  const depth = a.shape[2]!;
  requireShape(checker, 'a', a, [batch, rows, depth]);
  requireShape(checker, 'b', b, [batch, depth, columns]);
}

export function checkGather(checker: Checker, command: CommandOf<'gather'>): void {
  const x = readable(checker, 'x', command.x);
  const y = writable(checker, 'y', command.y);
  requireRank(checker, 'x', x, 3);
  requireShape(checker, 'y', y, [x.shape[0]!, command.indexCount, x.shape[2]!]);
  checkIndices(checker, 'index', [command.indexFirst, command.indexCount, x.shape[1]!]);
}

/** `count` indices from `first` are all in [0, size). */
function checkIndices(
  checker: Checker,
  name: string,
  [first, count, size]: readonly [number, number, number],
): void {
  const bounds = readRange(checker.context.indices, first, count, checker.owner);
  ensure(
    checker,
    bounds.min >= 0 && bounds.max < size,
    () => `${name} reaches from ${bounds.min} to ${bounds.max}; expected 0 to ${size - 1}`,
  );
}
