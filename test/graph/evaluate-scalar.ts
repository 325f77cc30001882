// What the scalar functions of functions.ts mean, in double precision, sharing no code with src/.

import type {Activation, BinaryFunction} from '../../src/graph/functions.js';
import type {ChainOp} from '../../src/graph/graph.js';

function erf(x: number): number {
  // Series below 3, where it converges fast; 1 minus a continued fraction above.
  if (Math.abs(x) > 3) {
    let fraction = 0;
    for (let k = 60; k >= 1; k--) fraction = k / 2 / (Math.abs(x) + fraction);
    return Math.sign(x) * (1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / (Math.abs(x) + fraction));
  }
  let sum = x;
  let term = x;
  for (let k = 1; k < 80; k++) {
    term *= (-x * x) / k;
    sum += term / (2 * k + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

function clamp(x: number, low: number, high: number): number {
  return Math.min(Math.max(x, low), high);
}

export function unary({fn, alpha, beta}: Activation, x: number): number {
  switch (fn) {
    case 'identity':
      return x;
    case 'relu':
      return Math.max(x, 0);
    case 'leakyRelu':
      return x < 0 ? alpha * x : x;
    case 'clip':
      return clamp(x, alpha, beta);
    case 'sigmoid':
      return 1 / (1 + Math.exp(-x));
    case 'hardSigmoid':
      return clamp(alpha * x + beta, 0, 1);
    case 'hardSwish':
      return x * clamp(x / 6 + 0.5, 0, 1);
    case 'elu':
      return x < 0 ? alpha * Math.expm1(x) : x;
    case 'neg':
      return -x;
    case 'reciprocal':
      return 1 / x;
    case 'erf':
      return erf(x);
    case 'softplus':
      return Math.log1p(Math.exp(x));
    case 'affine':
      return alpha * x + beta;
    case 'prelu':
      return x;
    case 'thresholdedRelu':
      return x > alpha ? x : 0;
    case 'shrink':
      if (x < -alpha) return x + beta;
      return x > alpha ? x - beta : 0;
    case 'round':
      return nearest(x);
    case 'toInteger':
      return wholeNumber(x, alpha, beta);
    case 'toBool':
      return x === 0 ? 0 : 1;
    case 'toFloat16':
      return nearestFloat16(x);
    case 'toBfloat16':
      return nearestBfloat16(x);
    default:
      return Math[fn](x);
  }
}

/** The whole number nearest to x, the even one of two. */
function nearest(x: number): number {
  if (x < 0) return -nearest(-x);
  const below = Math.floor(x);
  if (!Number.isFinite(x) || x === below) return x;
  if (x - below !== 0.5) return x - below < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

/** Truncated, then moved into [low, low + range) by whole ranges. */
function wholeNumber(x: number, low: number, range: number): number {
  if (Number.isNaN(x)) return 0;
  const whole = x < 0 ? Math.ceil(x) : Math.floor(x);
  if (range === 0) return whole === 0 ? 0 : whole;
  if (!Number.isFinite(whole)) return 0;
  return (((((whole - low) % range) + range) % range) + low) | 0;
}

/** Every value of a float16 is a multiple of 2^-24: of those with 11 digits, the nearest. */
function nearestFloat16(x: number): number {
  if (x === 0 || !Number.isFinite(x)) return x;
  let digit = 2 ** -24;
  while (Math.abs(x) >= digit * 2048) digit *= 2;
  const y = nearest(x / digit) * digit;
  return Math.abs(y) >= 65536 ? Math.sign(x) * Infinity : y;
}

/** A bfloat16 is the upper half of a float32. */
function nearestBfloat16(x: number): number {
  const words = new Uint32Array(Float32Array.of(x).buffer);
  if (Number.isNaN(x)) return x;
  const [half, odd] = [words[0]! & 0xffff, (words[0]! >>> 16) & 1];
  words[0] = (words[0]! & 0xffff0000) + (half > 0x8000 || (half === 0x8000 && odd) ? 0x10000 : 0);
  return new Float32Array(words.buffer)[0]!;
}

/** The result of one step of a chain, from the inputs and the results so far. */
export function applyStep({fn, a, b, c}: ChainOp, results: readonly number[]): number {
  switch (fn.kind) {
    case 'unary':
      return unary(fn.activation, results[a]!);
    case 'binary':
      return binary(fn.fn, results[a]!, results[b]!);
    case 'ternary':
      return results[a] === 0 ? results[c!]! : results[b]!;
  }
}

function binary(fn: BinaryFunction, a: number, b: number): number {
  switch (fn) {
    case 'add':
      return a + b;
    case 'sub':
      return a - b;
    case 'mul':
      return a * b;
    case 'div':
      return a / b;
    case 'min':
      return Math.min(a, b);
    case 'max':
      return Math.max(a, b);
    case 'pow':
      return a ** b;
    case 'prelu':
      return a < 0 ? a * b : a;
    case 'mod':
      return a - b * Math.floor(a / b);
    case 'fmod':
      return a - b * Math.trunc(a / b);
    case 'equal':
      return Number(a === b);
    case 'less':
      return Number(a < b);
    case 'lessOrEqual':
      return Number(a <= b);
  }
}
