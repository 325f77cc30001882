// The scalar functions of functions.ts, evaluated in double precision for constant folding.

import type {Activation, BinaryFunction} from './functions.js';

/** f(x). */
export function applyUnary(activation: Activation, x: number): number {
  const {fn, alpha, beta} = activation;
  switch (fn) {
    case 'identity':
      return x;
    case 'relu':
      return Math.max(x, 0);
    case 'leakyRelu':
      return x < 0 ? alpha * x : x;
    case 'clip':
      return Math.min(Math.max(x, alpha), beta);
    case 'tanh':
      return Math.tanh(x);
    case 'sigmoid':
      return 1 / (1 + Math.exp(-x));
    case 'hardSigmoid':
      return Math.max(0, Math.min(1, alpha * x + beta));
    case 'hardSwish':
      return x * Math.max(0, Math.min(1, x / 6 + 0.5));
    case 'elu':
      return x < 0 ? alpha * Math.expm1(x) : x;
    case 'exp':
      return Math.exp(x);
    case 'log':
      return Math.log(x);
    case 'sqrt':
      return Math.sqrt(x);
    case 'abs':
      return Math.abs(x);
    case 'neg':
      return -x;
    case 'reciprocal':
      return 1 / x;
    case 'floor':
      return Math.floor(x);
    case 'ceil':
      return Math.ceil(x);
    case 'erf':
      return erf(x);
    case 'softplus':
      return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
    case 'affine':
      return alpha * x + beta;
    case 'prelu':
      throw new TypeError('prelu needs a slope per channel');
  }
}

/** f(a, b); `isInteger` makes division truncate toward zero. */
export function applyBinary(fn: BinaryFunction, a: number, b: number, isInteger: boolean): number {
  switch (fn) {
    case 'add':
      return a + b;
    case 'sub':
      return a - b;
    case 'mul':
      return a * b;
    case 'div':
      return isInteger ? Math.trunc(a / b) : a / b;
    case 'min':
      return Math.min(a, b);
    case 'max':
      return Math.max(a, b);
    case 'pow':
      return isInteger ? Math.trunc(a ** b) : a ** b;
    case 'prelu':
      return a < 0 ? a * b : a;
  }
}

/**
 * The error function by the series 2/sqrt(pi) e^(-x^2) sum 2^n x^(2n+1) / (2n+1)!!
 * (Abramowitz & Stegun 7.1.6), whose terms all have one sign.
 */
export function erf(x: number): number {
  if (!(Math.abs(x) < 6)) return Number.isNaN(x) ? x : Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
