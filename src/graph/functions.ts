// The scalar functions of the runtime: one list for fusion, lowering, interpreter and kernels.
//
// The numbers are part of the program format; the C++ enums are generated from here.

/** f(x) with up to two parameters. `alpha`/`beta` are those of the ONNX operator unless said. */
export const UNARY = {
  identity: 0,
  relu: 1,
  /** x < 0 ? alpha*x : x */
  leakyRelu: 2,
  /** min(max(x, alpha), beta) */
  clip: 3,
  tanh: 4,
  sigmoid: 5,
  /** max(0, min(1, alpha*x + beta)) */
  hardSigmoid: 6,
  /** x * max(0, min(1, x/6 + 0.5)) */
  hardSwish: 7,
  /** x < 0 ? alpha*(exp(x)-1) : x */
  elu: 8,
  exp: 9,
  log: 10,
  sqrt: 11,
  abs: 12,
  neg: 13,
  reciprocal: 14,
  floor: 15,
  ceil: 16,
  erf: 17,
  softplus: 18,
  /** alpha*x + beta */
  affine: 19,
  /** PRelu with a per-channel slope; only as the activation of an epilogue. */
  prelu: 20,
  sign: 21,
  /** To the nearest whole number, halves to even. */
  round: 22,
  /** A whole number: truncated toward zero, NaN to 0; with beta > 0 wrapped to [alpha, alpha + beta). */
  toInteger: 23,
  /** x != 0 ? 1 : 0, so NaN is 1. */
  toBool: 24,
  /** Rounded to what the type holds, ties to even; overflow gives infinity. */
  toFloat16: 25,
  toBfloat16: 26,
  /** x > alpha ? x : 0 */
  thresholdedRelu: 27,
  /** x < -alpha ? x + beta : x > alpha ? x - beta : 0 */
  shrink: 28,
  sin: 29,
  cos: 30,
  tan: 31,
  asin: 32,
  acos: 33,
  atan: 34,
  sinh: 35,
  cosh: 36,
  asinh: 37,
  acosh: 38,
  atanh: 39,
} as const;

/** f(a, b), elementwise with broadcasting. Comparisons give 1 or 0, and 0 when an operand is NaN. */
export const BINARY = {
  add: 0,
  sub: 1,
  mul: 2,
  div: 3,
  min: 4,
  max: 5,
  pow: 6,
  /** a < 0 ? a*b : a */
  prelu: 7,
  /** The remainder with the sign of b, as in Python. */
  mod: 8,
  /** The remainder with the sign of a, as in C. */
  fmod: 9,
  equal: 10,
  less: 11,
  lessOrEqual: 12,
} as const;

/** f(a, b, c). select: a != 0 ? b : c; what is not chosen does not matter, be it NaN. */
export const TERNARY = {select: 0} as const;

/** What scattering does to an element that is there: replaces it, or joins it with the update. */
export const SCATTER = {set: 0, add: 1, mul: 2, min: 3, max: 4} as const;
export const REDUCE = {
  mean: 0,
  sum: 1,
  max: 2,
  min: 3,
  prod: 4,
  /** The sum of x*x. */
  sumSquares: 5,
  /** The sum of |x|. */
  sumAbs: 6,
} as const;
/** Where the largest or smallest element lies. */
export const EXTREME = {max: 0, min: 1} as const;
/** What a cumulative operation carries along its axis. */
export const CUMULATE = {sum: 0, prod: 1} as const;
export const POOL = {max: 0, average: 1} as const;

/** How gridSample reads between pixels, and what lies outside the input. */
/** Normalising a map that comes in runs of rows: making its moments, applying them, or both at once. */
export const NORMALIZE_PART = {all: 0, moments: 1, apply: 2} as const;

export const GRID_MODE = {nearest: 0, linear: 1, cubic: 2} as const;
export const GRID_PADDING = {zeros: 0, border: 1, reflection: 2} as const;

export type UnaryFunction = keyof typeof UNARY;
export type BinaryFunction = keyof typeof BINARY;
export type TernaryFunction = keyof typeof TERNARY;
export type ReduceFunction = keyof typeof REDUCE;
export type ScatterFunction = keyof typeof SCATTER;
export type ExtremeFunction = keyof typeof EXTREME;
export type CumulateFunction = keyof typeof CUMULATE;
export type PoolFunction = keyof typeof POOL;
export type NormalizePart = keyof typeof NORMALIZE_PART;
export type GridMode = keyof typeof GRID_MODE;
export type GridPadding = keyof typeof GRID_PADDING;

/** A unary function with its parameters bound. */
export interface Activation {
  readonly fn: UnaryFunction;
  readonly alpha: number;
  readonly beta: number;
}

export const IDENTITY: Activation = {fn: 'identity', alpha: 0, beta: 0};

/** Largest size, step, dilation and pad of a pooling window: products of three such numbers are exact. */
export const MAX_WINDOW = 2 ** 20;
