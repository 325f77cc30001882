// The scalar functions of functions.ts, evaluated in double precision: for constant folding and the interpreter.

import type {Activation, BinaryFunction, TernaryFunction} from './functions.js';

/** A function of one value with its parameters bound. */
export type Scalar = (x: number) => number;

/** f with its parameters; prelu is not one, as its slope is a vector. */
export function unaryFunction({fn, alpha, beta}: Activation): Scalar {
  switch (fn) {
    case 'identity':
      return x => x;
    case 'relu':
      return x => Math.max(x, 0);
    case 'leakyRelu':
      return x => (x < 0 ? alpha * x : x);
    case 'clip':
      return x => Math.min(Math.max(x, alpha), beta);
    case 'sigmoid':
      return x => 1 / (1 + Math.exp(-x));
    case 'hardSigmoid':
      return x => Math.max(0, Math.min(1, alpha * x + beta));
    case 'hardSwish':
      return x => x * Math.max(0, Math.min(1, x / 6 + 0.5));
    case 'elu':
      return x => (x < 0 ? alpha * Math.expm1(x) : x);
    case 'neg':
      return x => -x;
    case 'reciprocal':
      return x => 1 / x;
    case 'erf':
      return erf;
    case 'softplus':
      // log(1 + exp(x)) without overflow for large x.
      return x => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
    case 'affine':
      return x => alpha * x + beta;
    case 'prelu':
      throw new TypeError('prelu needs a slope per channel');
    case 'round':
      return roundHalfToEven;
    case 'toInteger':
      return x => toInteger(x, alpha, beta);
    case 'toBool':
      return x => (x !== 0 ? 1 : 0);
    case 'toFloat16':
      return x => roundFloat(x, FLOAT16);
    case 'toBfloat16':
      return x => roundFloat(x, BFLOAT16);
    case 'thresholdedRelu':
      return x => (x > alpha ? x : 0);
    case 'shrink':
      return x => (x < -alpha ? x + beta : x > alpha ? x - beta : 0);
    default:
      return Math[fn];
  }
}

export function binaryFunction(fn: BinaryFunction): (a: number, b: number) => number {
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
      return power;
    case 'prelu':
      return (a, b) => (a < 0 ? a * b : a);
    case 'mod':
      return floorMod;
    case 'fmod':
      return (a, b) => a % b;
    case 'equal':
      return (a, b) => (a === b ? 1 : 0);
    case 'less':
      return (a, b) => (a < b ? 1 : 0);
    case 'lessOrEqual':
      return (a, b) => (a <= b ? 1 : 0);
  }
}

export function ternaryFunction(fn: TernaryFunction): (a: number, b: number, c: number) => number {
  switch (fn) {
    case 'select':
      return (a, b, c) => (a !== 0 ? b : c);
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

/** As in C, where 1 to any power and anything to the power 0 are 1, NaN and infinity included. */
function power(a: number, b: number): number {
  if (a === 1 || (a === -1 && !Number.isFinite(b) && !Number.isNaN(b))) return 1;
  const result = a ** b;
  // Whole numbers have whole powers, which the last bit of a ** b may miss.
  const isWhole = Number.isInteger(a) && Number.isInteger(b) && Math.abs(result) < 2 ** 53;
  return isWhole && b >= 0 ? Math.round(result) : result;
}

function floorMod(a: number, b: number): number {
  const remainder = a % b;
  // Adding 0 makes the 0 of a negative number a positive one.
  return (remainder !== 0 && remainder < 0 !== b < 0 ? remainder + b : remainder) + 0;
}

function roundHalfToEven(x: number): number {
  const rounded = Math.round(x);
  return Math.abs(x % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** @param range 0: no wrapping */
function toInteger(x: number, low: number, range: number): number {
  const whole = Math.trunc(x);
  const wrapped = range > 0 ? whole - range * Math.floor((whole - low) / range) : whole;
  return Number.isNaN(wrapped) ? 0 : wrapped + 0;
}

/** A binary floating type: explicit bits of the significand, smallest exponent, largest value. */
interface FloatFormat {
  readonly bits: number;
  readonly minExponent: number;
  readonly max: number;
}

const FLOAT16: FloatFormat = {bits: 10, minExponent: -14, max: 65504};
const BFLOAT16: FloatFormat = {bits: 7, minExponent: -126, max: (2 - 2 ** -7) * 2 ** 127};

function roundFloat(x: number, {bits, minExponent, max}: FloatFormat): number {
  if (x === 0 || !Number.isFinite(x)) return x;
  const magnitude = Math.abs(x);
  let exponent = Math.floor(Math.log2(magnitude));
  if (2 ** exponent > magnitude) exponent--;
  const quantum = 2 ** (Math.max(exponent, minExponent) - bits);
  const rounded = roundHalfToEven(x / quantum) * quantum;
  return Math.abs(rounded) > max ? Math.sign(x) * Infinity : rounded;
}
