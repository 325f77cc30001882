// Activation functions: where one is a composition of others, it is spelled as a chain of them.

import type {UnaryFunction} from '../functions.js';
import type {ChainOp} from '../graph.js';
import type {AttributeSpec, BuildContext, Registration} from '../registration.js';
import {TYPES} from '../types.js';
import {binaryStep, emitChain, emitUnary, unaryStep} from './chain.js';

export const ACTIVATIONS: readonly Registration[] = [
  parametric('LeakyRelu', 'leakyRelu', {alpha: 0.01}),
  parametric('Elu', 'elu', {alpha: 1}),
  parametric('HardSigmoid', 'hardSigmoid', {alpha: 0.2, beta: 0.5}),
  parametric('ThresholdedRelu', 'thresholdedRelu', {alpha: 1}),
  {
    opType: 'Shrink',
    types: TYPES.number,
    since: 9,
    attributes: {lambd: {kind: 'float'}, bias: {kind: 'float'}},
    build: context => {
      const [lambd, bias] = [context.float('lambd', 0.5), context.float('bias', 0)];
      return emitUnary(context, context.input(0), 'shrink', lambd, bias);
    },
  },
  spelled('HardSwish', 14, () => [unaryStep('hardSwish', 0)]),
  spelled('Softsign', 1, () => [
    unaryStep('abs', 0),
    unaryStep('affine', 1, 1, 1),
    binaryStep('div', 0, 2),
  ]),
  spelled('Mish', 18, () => [
    unaryStep('softplus', 0),
    unaryStep('tanh', 1),
    binaryStep('mul', 0, 2),
  ]),
  spelled(
    'Swish',
    24,
    context => [
      unaryStep('affine', 0, context.float('alpha', 1), 0),
      unaryStep('sigmoid', 1),
      binaryStep('mul', 0, 2),
    ],
    {alpha: {kind: 'float'}},
  ),
  spelled('Selu', 1, selu, {alpha: {kind: 'float'}, gamma: {kind: 'float'}}),
  spelled('Celu', 12, celu, {alpha: {kind: 'float'}}),
  spelled('Gelu', 20, gelu, {
    approximate: {kind: 'string', values: ['none', 'tanh']},
  }),
];

/** A function with parameters, as attributes of the same names. */
function parametric(
  opType: string,
  fn: UnaryFunction,
  defaults: {readonly alpha: number; readonly beta?: number},
): Registration {
  const {alpha, beta} = defaults;
  return {
    opType,
    attributes: {alpha: {kind: 'float'}, ...(beta === undefined ? {} : {beta: {kind: 'float'}})},
    build: context => {
      const shift = beta === undefined ? 0 : context.float('beta', beta);
      return emitUnary(context, context.input(0), fn, context.float('alpha', alpha), shift);
    },
  };
}

/** A function of x, operand 0 of the chain. */
function spelled(
  opType: string,
  since: number,
  steps: (context: BuildContext) => readonly ChainOp[],
  attributes: Readonly<Record<string, AttributeSpec>> = {},
): Registration {
  return {
    opType,
    since,
    attributes,
    build: context => emitChain(context, [context.input(0)], steps(context)),
  };
}

/** gamma * (x < 0 ? alpha * (exp(x) - 1) : x); the constants are those of Klambauer et al. 2017. */
function selu(context: BuildContext): ChainOp[] {
  return [
    unaryStep('elu', 0, context.float('alpha', 1.6732632423543772)),
    unaryStep('affine', 1, context.float('gamma', 1.0507009873554805), 0),
  ];
}

/** max(0, x) + min(0, alpha * (exp(x / alpha) - 1)): an elu of x / alpha, times alpha. */
function celu(context: BuildContext): ChainOp[] {
  const alpha = context.float('alpha', 1);
  if (alpha === 1) return [unaryStep('elu', 0, 1)];
  if (alpha <= 0) context.fail(`expected a positive alpha but received ${alpha}`);
  return [
    unaryStep('affine', 0, 1 / alpha, 0),
    unaryStep('elu', 1, 1),
    unaryStep('affine', 2, alpha, 0),
  ];
}

/** x * Phi(x) with the normal distribution Phi, or its approximation by tanh (Hendrycks & Gimpel 2016). */
function gelu(context: BuildContext): ChainOp[] {
  if (context.string('approximate', 'none') === 'none') {
    return [
      unaryStep('affine', 0, Math.SQRT1_2, 0),
      unaryStep('erf', 1),
      unaryStep('affine', 2, 0.5, 0.5),
      binaryStep('mul', 0, 3),
    ];
  }
  // sqrt(2/pi) * (x + 0.044715 x^3)
  const scale = Math.sqrt(2 / Math.PI);
  return [
    binaryStep('mul', 0, 0),
    unaryStep('affine', 1, 0.044715 * scale, scale),
    binaryStep('mul', 0, 2),
    unaryStep('tanh', 3),
    unaryStep('affine', 4, 0.5, 0.5),
    binaryStep('mul', 0, 5),
  ];
}
