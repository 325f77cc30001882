// The scalar functions of the program format, evaluated in doubles.

import {type BinaryFunction, UNARY, type UnaryFunction} from '../../graph/functions.js';

const UNARY_NAMES = new Map(
  (Object.keys(UNARY) as UnaryFunction[]).map(name => [UNARY[name] as number, name]),
);

/** One-argument function with its parameters bound. */
export type Scalar = (x: number) => number;

/** The float whose bits are `bits`. */
export function floatFromBits(bits: number): number {
  return new Float32Array(Uint32Array.of(bits).buffer)[0]!;
}

/** The unary function with code `code`; null for PRelu, whose slope depends on the channel. */
export function unaryByCode(code: number, alphaBits: number, betaBits: number): Scalar | null {
  const fn = UNARY_NAMES.get(code);
  if (fn === undefined) throw new RangeError(`unary function ${code} does not exist`);
  return fn === 'prelu' ? null : unary(fn, floatFromBits(alphaBits), floatFromBits(betaBits));
}

/** Binds `alpha` and `beta` of the unary function `fn`; prelu is not one (its slope is a vector). */
export function unary(fn: UnaryFunction, alpha: number, beta: number): Scalar {
  switch (fn) {
    case 'identity':
      return x => x;
    case 'relu':
      return x => Math.max(x, 0);
    case 'leakyRelu':
      return x => (x < 0 ? alpha * x : x);
    case 'clip':
      return x => Math.min(Math.max(x, alpha), beta);
    case 'tanh':
      return Math.tanh;
    case 'sigmoid':
      return x => 1 / (1 + Math.exp(-x));
    case 'hardSigmoid':
      return x => Math.max(0, Math.min(1, alpha * x + beta));
    case 'hardSwish':
      return x => x * Math.max(0, Math.min(1, x / 6 + 0.5));
    case 'elu':
      return x => (x < 0 ? alpha * Math.expm1(x) : x);
    case 'exp':
      return Math.exp;
    case 'log':
      return Math.log;
    case 'sqrt':
      return Math.sqrt;
    case 'abs':
      return Math.abs;
    case 'neg':
      return x => -x;
    case 'reciprocal':
      return x => 1 / x;
    case 'floor':
      return Math.floor;
    case 'ceil':
      return Math.ceil;
    case 'erf':
      return erf;
    // log(1 + exp(x)) without overflow for large x.
    case 'softplus':
      return x => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
    case 'affine':
      return x => alpha * x + beta;
    case 'prelu':
      throw new RangeError('prelu needs a slope per channel');
  }
}

export function binary(fn: BinaryFunction): (a: number, b: number) => number {
  switch (fn) {
    case 'add':
      return (a, b) => a + b;
    case 'sub':
      return (a, b) => a - b;
    case 'mul':
      return (a, b) => a * b;
    case 'div':
      return (a, b) => a / b;
    case 'min':
      return Math.min;
    case 'max':
      return Math.max;
    case 'pow':
      return Math.pow;
    case 'prelu':
      return (a, b) => (a < 0 ? a * b : a);
  }
}

/**
 * The error function to double precision.
 *
 * Maclaurin series of exp(-x^2) * 2x/sqrt(pi) * sum (2x^2)^k / (2k+1)!! (Abramowitz and Stegun 7.1.6), whose terms
 * are all positive; past 6 the complement is below the last bit of a double.
 */
export function erf(x: number): number {
  const magnitude = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (magnitude > 6) return Math.sign(x);

  let term = 1;
  let sum = 1;
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= (2 * x * x) / (2 * k + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * x * Math.exp(-x * x) * sum;
}
