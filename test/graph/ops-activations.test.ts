// Activation functions against their formulas, at run time and folded.

import test from 'ava';
import {float} from '../helpers/onnx-builder.js';
import {errorOf, floats, type OneNode, runOne} from './build-one.js';

const X = [-30, -3, -1, -0.5, 0, 0.25, 0.5, 1, 2.5, 30];

/** Series of the error function; independent of src/. */
function erf(x: number): number {
  let [term, sum] = [x, x];
  for (let k = 1; k < 200; k++) {
    term *= (-x * x) / k;
    sum += term / (2 * k + 1);
  }
  return Math.abs(x) > 5 ? Math.sign(x) : (2 / Math.sqrt(Math.PI)) * sum;
}

const FORMULAS: readonly {
  readonly op: string;
  readonly opset: number;
  readonly attrs?: NonNullable<OneNode['attrs']>;
  readonly f: (x: number) => number;
}[] = [
  {op: 'Softsign', opset: 13, f: x => x / (1 + Math.abs(x))},
  {op: 'Mish', opset: 18, f: x => x * Math.tanh(Math.log1p(Math.exp(x)))},
  {op: 'Swish', opset: 24, f: x => x / (1 + Math.exp(-x))},
  {op: 'Swish', opset: 24, attrs: {alpha: float(0.5)}, f: x => x / (1 + Math.exp(-x / 2))},
  {op: 'HardSwish', opset: 14, f: x => x * Math.min(1, Math.max(0, x / 6 + 0.5))},
  {
    op: 'Selu',
    opset: 13,
    f: x => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * (Math.exp(x) - 1)),
  },
  {
    op: 'Selu',
    opset: 13,
    attrs: {alpha: float(2), gamma: float(3)},
    f: x => (x > 0 ? 3 * x : 6 * (Math.exp(x) - 1)),
  },
  {op: 'Celu', opset: 13, f: x => (x > 0 ? x : Math.exp(x) - 1)},
  {
    op: 'Celu',
    opset: 13,
    attrs: {alpha: float(2)},
    f: x => Math.max(0, x) + Math.min(0, 2 * (Math.exp(x / 2) - 1)),
  },
  {op: 'Gelu', opset: 20, f: x => 0.5 * x * (1 + erf(x / Math.SQRT2))},
  {
    op: 'Gelu',
    opset: 20,
    attrs: {approximate: 'tanh'},
    f: x => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  },
  {op: 'ThresholdedRelu', opset: 10, f: x => (x > 1 ? x : 0)},
  {op: 'ThresholdedRelu', opset: 10, attrs: {alpha: float(-2)}, f: x => (x > -2 ? x : 0)},
  {op: 'Shrink', opset: 9, f: x => (Math.abs(x) > 0.5 ? x : 0)},
  {
    op: 'Shrink',
    opset: 9,
    attrs: {lambd: float(1), bias: float(2)},
    f: x => (x < -1 ? x + 2 : x > 1 ? x - 2 : 0),
  },
  {op: 'Sign', opset: 13, f: Math.sign},
  ...(['Sin', 'Cos', 'Tan', 'Atan', 'Sinh', 'Cosh', 'Asinh'] as const).map(op => ({
    op,
    opset: 13,
    f: Math[op.toLowerCase() as 'sin'],
  })),
];

for (const {op, opset, attrs = {}, f} of FORMULAS) {
  test(`${op} ${JSON.stringify(attrs)}`, t => {
    const atRunTime = runOne({op, opset, attrs, x: [X.length]}, X).data;
    const folded = runOne({op, opset, attrs, constants: [floats([X.length], X)]}).data;
    for (const [at, x] of X.entries()) {
      // Parameters and folded results are rounded to f32.
      const tolerance = 1e-6 * Math.max(1, Math.abs(f(x)));
      t.true(Math.abs(atRunTime[at]! - f(x)) <= tolerance, `${op}(${x}) = ${atRunTime[at]}`);
      t.true(Math.abs(folded[at]! - f(x)) <= tolerance, `${op}(${x}) folded = ${folded[at]}`);
    }
  });
}

test('Round goes to the even one of two neighbours', t => {
  const x = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.51, Number.NaN, Infinity];
  const expected = [-2, -2, -0, 0, 2, 2, 3, Number.NaN, Infinity];
  t.deepEqual(runOne({op: 'Round', x: [x.length]}, x).data, expected);
  t.deepEqual(runOne({op: 'Round', constants: [floats([x.length], x)]}).data, expected);
});

test('Mean averages any number of inputs', t => {
  const other = floats([2, 1], [4, 7]);
  t.deepEqual(runOne({op: 'Mean', x: [2], constants: [other, other]}, [1, 4]).data, [3, 4, 5, 6]);
  t.deepEqual(runOne({op: 'Mean', x: [2]}, [1, 4]).data, [1, 4]);
  for (const op of ['Sum', 'Min', 'Max']) t.deepEqual(runOne({op, x: [2]}, [1, 4]).data, [1, 4]);
});

test('Celu needs a positive alpha', t => {
  t.is(errorOf({op: 'Celu', x: [1], attrs: {alpha: float(0)}})?.code, 'ERR_MODEL_INVALID');
});
