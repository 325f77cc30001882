// Functions of one value, Clip, and the operators that do nothing at inference.

import {createData} from '../fold.js';
import type {UnaryFunction} from '../functions.js';
import {type BuildContext, isConstant, type Operand, type Registration} from '../registration.js';
import {elementCount} from '../shapes.js';
import {emitBinary, unaryChain} from './chain.js';

export const UNARY_OPERATORS: readonly Registration[] = [
  plain('Relu', 'relu'),
  plain('Sigmoid', 'sigmoid'),
  plain('Tanh', 'tanh'),
  plain('HardSwish', 'hardSwish', 14),
  plain('Softplus', 'softplus'),
  plain('Erf', 'erf', 9),
  plain('Neg', 'neg'),
  plain('Abs', 'abs'),
  plain('Exp', 'exp'),
  plain('Log', 'log'),
  plain('Sqrt', 'sqrt'),
  plain('Reciprocal', 'reciprocal'),
  plain('Floor', 'floor'),
  plain('Ceil', 'ceil'),
  parametric('LeakyRelu', 'leakyRelu', {alpha: 0.01}),
  parametric('Elu', 'elu', {alpha: 1}),
  parametric('HardSigmoid', 'hardSigmoid', {alpha: 0.2, beta: 0.5}),
  {
    opType: 'Clip',
    attributes: {min: {kind: 'float', until: 10}, max: {kind: 'float', until: 10}},
    build: buildClip,
  },
  {
    opType: 'Identity',
    attributes: {},
    build: context => context.input(0),
  },
  {
    opType: 'Dropout',
    attributes: {ratio: {kind: 'float', until: 11}, seed: {kind: 'int', since: 12}},
    build: buildDropout,
  },
];

function plain(opType: string, fn: UnaryFunction, since = 1): Registration {
  return {opType, since, attributes: {}, build: context => emitUnary(context, fn, 0, 0)};
}

function parametric(
  opType: string,
  fn: UnaryFunction,
  defaults: {readonly alpha: number; readonly beta?: number},
): Registration {
  const {alpha, beta} = defaults;
  return {
    opType,
    attributes: {alpha: {kind: 'float'}, ...(beta === undefined ? {} : {beta: {kind: 'float'}})},
    build: context =>
      emitUnary(
        context,
        fn,
        context.float('alpha', alpha),
        beta === undefined ? 0 : context.float('beta', beta),
      ),
  };
}

function emitUnary(context: BuildContext, fn: UnaryFunction, alpha: number, beta: number): Operand {
  const x = context.input(0);
  return context.emit(unaryChain(fn, alpha, beta), [x], x.shape);
}

/** Bounds are attributes before opset 11, optional inputs since. */
function buildClip(context: BuildContext): Operand {
  if (context.opset < 11) {
    return emitUnary(
      context,
      'clip',
      context.float('min', -Infinity),
      context.float('max', Infinity),
    );
  }

  const min = context.optional(1);
  const max = context.optional(2);
  if ((min === undefined || isConstant(min)) && (max === undefined || isConstant(max))) {
    return emitUnary(
      context,
      'clip',
      min?.constant.data[0] ?? -Infinity,
      max?.constant.data[0] ?? Infinity,
    );
  }
  const raised =
    min === undefined ? context.input(0) : emitBinary(context, 'max', context.input(0), min);
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
  context.checkFolded(x.shape);
  // The mask was of the input's type before opset 10.
  const dtype = context.opset < 10 ? x.dtype : 'bool';
  const ones = createData(dtype, elementCount(x.shape)).fill(1);
  return [x, context.constant({dtype, dims: x.shape, data: ones})];
}
