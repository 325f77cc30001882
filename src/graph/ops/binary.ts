// Functions of two or more values, with numpy broadcasting.

import type {BinaryFunction} from '../functions.js';
import type {BuildContext, Operand, Registration} from '../registration.js';
import {broadcastShapes, formatShape, sameShape} from '../shapes.js';
import {TYPES} from '../types.js';
import {emitBinary, emitUnary} from './chain.js';

export const BINARY_OPERATORS: readonly Registration[] = [
  binary('Add', 'add'),
  binary('Sub', 'sub'),
  binary('Mul', 'mul'),
  binary('Div', 'div'),
  binary('Pow', 'pow'),
  {
    opType: 'Mod',
    types: TYPES.number,
    since: 10,
    attributes: {fmod: {kind: 'int'}},
    build: context => {
      const fn = context.int('fmod', 0) === 1 ? 'fmod' : 'mod';
      return emitBinary(context, fn, context.input(0), context.input(1));
    },
  },
  {opType: 'Min', types: TYPES.number, attributes: {}, build: context => emitAll(context, 'min')},
  {opType: 'Max', types: TYPES.number, attributes: {}, build: context => emitAll(context, 'max')},
  {opType: 'Sum', attributes: {}, build: context => emitAll(context, 'add')},
  {
    opType: 'Mean',
    attributes: {},
    build: context => emitUnary(context, emitAll(context, 'add'), 'affine', 1 / context.inputCount),
  },
  {opType: 'PRelu', types: TYPES.number, attributes: {}, build: buildPRelu},
];

function binary(opType: string, fn: BinaryFunction): Registration {
  return {
    opType,
    types: TYPES.number,
    attributes: {},
    build: context => emitBinary(context, fn, context.input(0), context.input(1)),
  };
}

/** fn over all inputs, from the left. */
function emitAll(context: BuildContext, fn: BinaryFunction): Operand {
  let result = context.input(0);
  for (let index = 1; index < context.inputCount; index++) {
    result = emitBinary(context, fn, result, context.input(index));
  }
  return result;
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
