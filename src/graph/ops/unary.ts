// Functions of one value, Clip, and the operators that do nothing at inference.

import type {UnaryFunction} from '../functions.js';
import {type BuildContext, isConstant, type Operand, type Registration} from '../registration.js';
import {isFloating, TYPES} from '../types.js';
import {emitBinary, emitChain, emitUnary, integerStep, unaryStep} from './chain.js';

export const UNARY_OPERATORS: readonly Registration[] = [
  plain('Relu', 'relu', 1, TYPES.number),
  plain('Sigmoid', 'sigmoid'),
  plain('Tanh', 'tanh'),
  plain('Softplus', 'softplus'),
  plain('Erf', 'erf', 9, TYPES.number),
  signed('Neg', 'neg'),
  signed('Abs', 'abs'),
  plain('Exp', 'exp'),
  plain('Log', 'log'),
  plain('Sqrt', 'sqrt'),
  plain('Reciprocal', 'reciprocal'),
  plain('Floor', 'floor'),
  plain('Ceil', 'ceil'),
  plain('Sign', 'sign', 9, TYPES.number),
  plain('Round', 'round', 11),
  plain('Sin', 'sin', 7),
  plain('Cos', 'cos', 7),
  plain('Tan', 'tan', 7),
  plain('Asin', 'asin', 7),
  plain('Acos', 'acos', 7),
  plain('Atan', 'atan', 7),
  plain('Sinh', 'sinh', 9),
  plain('Cosh', 'cosh', 9),
  plain('Asinh', 'asinh', 9),
  plain('Acosh', 'acosh', 9),
  plain('Atanh', 'atanh', 9),
  {
    opType: 'Clip',
    types: TYPES.number,
    attributes: {min: {kind: 'float', until: 10}, max: {kind: 'float', until: 10}},
    build: buildClip,
  },
  {
    opType: 'Identity',
    types: TYPES.any,
    attributes: {},
    build: context => context.input(0),
  },
  {
    opType: 'Dropout',
    limits: 'inference only',
    attributes: {ratio: {kind: 'float', until: 11}, seed: {kind: 'int', since: 12}},
    build: buildDropout,
  },
];

function plain(
  opType: string,
  fn: UnaryFunction,
  since = 1,
  types: Registration['types'] = TYPES.float,
): Registration {
  return {
    opType,
    since,
    types,
    attributes: {},
    build: context => emitUnary(context, context.input(0), fn),
  };
}

/** The least value of a signed integer type has no negative, and stays what it is. */
function signed(opType: string, fn: UnaryFunction): Registration {
  return {
    opType,
    types: TYPES.number,
    attributes: {},
    build: context => {
      const x = context.input(0);
      const ops = [unaryStep(fn, 0)];
      if (!isFloating(x.dtype)) ops.push(integerStep(x.dtype, 1));
      return emitChain(context, [x], ops);
    },
  };
}

/** Bounds are attributes before opset 11, optional inputs since. */
function buildClip(context: BuildContext): Operand {
  const x = context.input(0);
  if (context.opset < 11) {
    const [low, high] = [context.float('min', -Infinity), context.float('max', Infinity)];
    return emitUnary(context, x, 'clip', low, high);
  }

  const min = context.optional(1);
  const max = context.optional(2);
  if ((min === undefined || isConstant(min)) && (max === undefined || isConstant(max))) {
    const low = min?.constant.data[0] ?? -Infinity;
    const high = max?.constant.data[0] ?? Infinity;
    return emitUnary(context, x, 'clip', low, high);
  }
  const raised = min === undefined ? x : emitBinary(context, 'max', x, min);
  return max === undefined ? raised : emitBinary(context, 'min', raised, max);
}

/** The identity and a mask that keeps everything; since opset 12 training may be asked for by an input. */
function buildDropout(context: BuildContext): Operand[] {
  const training = context.optional(2);
  if (training !== undefined && context.constantInput(2, 'training_mode').constant.data[0] !== 0) {
    const ratio = context.optional(1);
    if (ratio?.constant?.data[0] !== 0) context.unsupported('Dropout training_mode=1');
  }
  const x = context.input(0);
  if (context.outputCount === 1) return [x];
  // The mask was of the input's type before opset 10.
  const dtype = context.opset < 10 ? x.dtype : 'bool';
  return [x, context.table(dtype, x.shape, () => 1)];
}
