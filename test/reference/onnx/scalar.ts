// Functions of one element.

import type {Call, RefOp, RefOps} from './call.js';
import {converted, roundHalfEven} from './cast.js';
import {map, type RefTensor} from './tensor.js';

const SELU_ALPHA = 1.6732631921768188;
const SELU_GAMMA = 1.0507010221481323;

/** The error function, to about 1e-13. */
export function erf(x: number): number {
  const z = Math.abs(x);
  const value = z < 3 ? erfSeries(z) : 1 - erfcFraction(z);
  return x < 0 ? -value : value;
}

/** Taylor's series: 2/sqrt(pi) * sum of (-1)^n z^(2n+1) / (n! (2n+1)). */
function erfSeries(z: number): number {
  let term = z;
  let sum = z;
  for (let n = 1; n < 100; n++) {
    term *= -(z * z) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

/** Laplace's continued fraction of 1 - erf, for large z. */
function erfcFraction(z: number): number {
  let tail = z;
  for (let k = 60; k >= 1; k--) tail = z + k / 2 / tail;
  return Math.exp(-z * z) / (Math.sqrt(Math.PI) * tail);
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const clamp = (x: number, low: number, high: number) => Math.min(Math.max(x, low), high);

/** The operator that replaces every element x by `f(x, call)`; the result has the type of the input. */
function elementwise(f: (x: number, call: Call) => number): RefOp {
  return call => {
    const x = call.input(0);
    return map(x, value => converted64(f(value, call), x));
  };
}

/** Whole results stay whole; floating ones keep double precision. */
function converted64(value: number, {dtype}: RefTensor): number {
  return dtype.includes('float') ? value : converted(value, dtype);
}

function gelu(x: number, call: Call): number {
  if (call.string('approximate', 'none') === 'none') return 0.5 * x * (1 + erf(x / Math.SQRT2));
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

function clip(call: Call): RefTensor {
  const bound = (name: string, index: number, fallback: number) =>
    call.optional(index)?.data[0] ?? call.float(name, fallback);
  const low = bound('min', 1, Number.NEGATIVE_INFINITY);
  const high = bound('max', 2, Number.POSITIVE_INFINITY);
  return map(call.input(0), value => clamp(value, low, high));
}

function shrink(x: number, call: Call): number {
  const [bias, lambda] = [call.float('bias', 0), call.float('lambd', 0.5)];
  if (x < -lambda) return x + bias;
  return x > lambda ? x - bias : 0;
}

export const SCALAR_OPS: RefOps = {
  Abs: elementwise(Math.abs),
  Neg: elementwise(x => -x),
  Sign: elementwise(Math.sign),
  Floor: elementwise(Math.floor),
  Ceil: elementwise(Math.ceil),
  Round: elementwise(roundHalfEven),
  Exp: elementwise(Math.exp),
  Log: elementwise(Math.log),
  Sqrt: elementwise(Math.sqrt),
  Sin: elementwise(Math.sin),
  Cos: elementwise(Math.cos),
  Reciprocal: elementwise(x => 1 / x),
  Erf: elementwise(erf),
  Tanh: elementwise(Math.tanh),
  Sigmoid: elementwise(sigmoid),
  Softplus: elementwise(softplus),
  Softsign: elementwise(x => x / (1 + Math.abs(x))),
  Relu: elementwise(x => Math.max(0, x)),
  LeakyRelu: elementwise((x, call) => (x < 0 ? call.float('alpha', 0.01) * x : x)),
  ThresholdedRelu: elementwise((x, call) => (x > call.float('alpha', 1) ? x : 0)),
  Elu: elementwise((x, call) => (x < 0 ? call.float('alpha', 1) * Math.expm1(x) : x)),
  Selu: elementwise((x, call) => {
    const negative = call.float('alpha', SELU_ALPHA) * Math.expm1(x);
    return call.float('gamma', SELU_GAMMA) * (x > 0 ? x : negative);
  }),
  Celu: elementwise((x, call) => {
    const alpha = call.float('alpha', 1);
    return Math.max(0, x) + Math.min(0, alpha * Math.expm1(x / alpha));
  }),
  HardSigmoid: elementwise((x, call) =>
    clamp(call.float('alpha', 0.2) * x + call.float('beta', 0.5), 0, 1),
  ),
  HardSwish: elementwise(x => x * clamp(x / 6 + 0.5, 0, 1)),
  Mish: elementwise(x => x * Math.tanh(softplus(x))),
  Swish: elementwise((x, call) => x * sigmoid(call.float('alpha', 1) * x)),
  Gelu: elementwise(gelu),
  Shrink: elementwise(shrink),
  Not: elementwise(x => (x === 0 ? 1 : 0)),
  Clip: clip,
  Identity: call => call.input(0),
  Dropout: call => {
    const x = call.input(0);
    if (call.optional(2)?.data[0] === 1) throw new Error('training');
    return [x, map(x, () => 1, 'bool')];
  },
};
