// Comparisons and what works on their results.

import type {ChainOp} from '../graph.js';
import type {BuildContext, Operand, Registration} from '../registration.js';
import {TYPES} from '../types.js';
import {binaryStep, emitChain, notStep, selectStep, unaryStep} from './chain.js';

/** Bools are 0 and 1, so that and is the smaller, or the larger and not the difference from 1. */
export const LOGIC: readonly Registration[] = [
  predicate('Equal', [binaryStep('equal', 0, 1)], {types: TYPES.any}),
  predicate('Less', [binaryStep('less', 0, 1)]),
  predicate('LessOrEqual', [binaryStep('lessOrEqual', 0, 1)], {since: 12}),
  predicate('Greater', [binaryStep('less', 1, 0)]),
  predicate('GreaterOrEqual', [binaryStep('lessOrEqual', 1, 0)], {since: 12}),
  predicate('And', [binaryStep('min', 0, 1)], {types: TYPES.bool}),
  predicate('Or', [binaryStep('max', 0, 1)], {types: TYPES.bool}),
  predicate('Xor', [binaryStep('equal', 0, 1), notStep(2)], {types: TYPES.bool}),
  predicate('Not', [notStep(0)], {inputCount: 1, types: TYPES.bool}),
  // Only NaN differs from itself.
  predicate('IsNaN', [binaryStep('equal', 0, 0), notStep(1)], {
    since: 9,
    inputCount: 1,
    types: TYPES.float,
  }),
  {
    opType: 'IsInf',
    since: 10,
    attributes: {detect_negative: {kind: 'int'}, detect_positive: {kind: 'int'}},
    build: buildIsInf,
  },
  {
    opType: 'Where',
    types: TYPES.bool,
    since: 9,
    attributes: {},
    build: context => {
      const operands = [context.input(0), context.input(1), context.input(2)];
      return emitChain(context, operands, [selectStep(0, 1, 2)], operands[1]!.dtype);
    },
  },
];

interface PredicateForm {
  readonly since?: number;
  readonly inputCount?: number;
  readonly types?: Registration['types'];
}

/** An operator whose result is a bool. */
function predicate(
  opType: string,
  ops: readonly ChainOp[],
  {since = 1, inputCount = 2, types = TYPES.number}: PredicateForm = {},
): Registration {
  return {
    opType,
    since,
    types,
    attributes: {},
    build: context => {
      const operands = Array.from({length: inputCount}, (_, index) => context.input(index));
      return emitChain(context, operands, ops, 'bool');
    },
  };
}

/** |x| = infinity; x or -x where only one sign counts. */
function buildIsInf(context: BuildContext): Operand {
  const x = context.input(0);
  const negative = context.int('detect_negative', 1) === 1;
  const positive = context.int('detect_positive', 1) === 1;
  const infinity = context.constant({
    dtype: 'float32',
    dims: [],
    data: Float32Array.of(negative || positive ? Infinity : Number.NaN),
  });
  const signed = unaryStep(negative ? (positive ? 'abs' : 'neg') : 'identity', 0);
  return emitChain(context, [x, infinity], [signed, binaryStep('equal', 2, 1)], 'bool');
}
