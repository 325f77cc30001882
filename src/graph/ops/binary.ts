// Functions of two or more values, with numpy broadcasting.

import {createTensor} from '../fold.js';
import type {BinaryFunction} from '../functions.js';
import {type BuildContext, isConstant, type Operand, type Registration} from '../registration.js';
import {broadcastShapes, formatShape, sameShape} from '../shapes.js';
import {isFloating} from '../types.js';
import {emitBinary} from './chain.js';

export const BINARY_OPERATORS: readonly Registration[] = [
  binary('Add', 'add'),
  binary('Sub', 'sub'),
  binary('Mul', 'mul'),
  binary('Div', 'div'),
  variadic('Min', 'min'),
  variadic('Max', 'max'),
  variadic('Sum', 'add'),
  {opType: 'Pow', attributes: {}, build: buildPow},
  {opType: 'PRelu', attributes: {}, build: buildPRelu},
];

function binary(opType: string, fn: BinaryFunction): Registration {
  return {
    opType,
    attributes: {},
    build: context => emitBinary(context, fn, context.input(0), context.input(1)),
  };
}

function variadic(opType: string, fn: BinaryFunction): Registration {
  return {
    opType,
    attributes: {},
    build: context => {
      let result = context.input(0);
      for (let index = 1; index < context.inputCount; index++) {
        result = emitBinary(context, fn, result, context.input(index));
      }
      return result;
    },
  };
}

/** The exponent may have another type than the base, which gives the type of the result. */
function buildPow(context: BuildContext): Operand {
  return emitBinary(
    context,
    'pow',
    context.input(0),
    matchFloating(context, context.input(1), context.input(0)),
  );
}

function matchFloating(context: BuildContext, operand: Operand, model: Operand): Operand {
  if (!isConstant(operand) || isFloating(operand.dtype) || !isFloating(model.dtype)) return operand;
  return context.constant(createTensor('float32', operand.shape, operand.constant.data));
}

/** x < 0 ? slope*x : x, where the slope broadcasts to x and not the other way. */
function buildPRelu(context: BuildContext): Operand {
  const x = context.input(0);
  const slope = context.input(1);
  const shape = broadcastShapes([x.shape, slope.shape]);
  if (shape === undefined || !sameShape(shape, x.shape)) {
    context.fail(
      `expected a slope that broadcasts to ${formatShape(x.shape)} but received ${formatShape(slope.shape)}`,
    );
  }
  return emitBinary(context, 'prelu', x, slope);
}
