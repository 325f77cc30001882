// Elementwise operations as short chains; fusing makes them longer.

import type {DataType, IntegerType} from '../../onnx/model.js';
import type {BinaryFunction, UnaryFunction} from '../functions.js';
import type {ChainOp, Operation} from '../graph.js';
import type {BuildContext, Operand} from '../registration.js';
import {broadcastShapes, formatShape} from '../shapes.js';
import {integerRange, isFloating} from '../types.js';

/** fn of operand `a`, with the parameters of the function where it has any. */
export function unaryStep(fn: UnaryFunction, a: number, alpha = 0, beta = 0): ChainOp {
  return {fn: {kind: 'unary', activation: {fn, alpha, beta}}, a, b: 0};
}

/** fn of operands `a` and `b`. */
export function binaryStep(fn: BinaryFunction, a: number, b: number): ChainOp {
  return {fn: {kind: 'binary', fn}, a, b};
}

/** Operand `b` where `a` is true, else `c`. */
export function selectStep(a: number, b: number, c: number): ChainOp {
  return {fn: {kind: 'ternary', fn: 'select'}, a, b, c};
}

/** The logical not of operand `a`, which is 0 or 1. */
export function notStep(a: number): ChainOp {
  return unaryStep('affine', a, -1, 1);
}

/**
 * Operand `a` as a value of an integer type: truncated, and wrapped as two's complement does. 64-bit types never wrap:
 * no number held here passes their ends.
 */
export function integerStep(dtype: IntegerType, a: number): ChainOp {
  const {low, count} = integerRange(dtype);
  return count >= 2 ** 64 ? unaryStep('toInteger', a) : unaryStep('toInteger', a, low, count);
}

/** y = fn(x), with the parameters of the function where it has any. */
export function unaryChain(fn: UnaryFunction, alpha = 0, beta = 0): Operation {
  return {op: 'chain', ops: [unaryStep(fn, 0, alpha, beta)]};
}

/**
 * Emits a chain over `operands` with numpy broadcasting; operand k of a step is operands[k], then come the results.
 *
 * @param dtype the result's type; that of the first operand unless given
 */
export function emitChain(
  context: BuildContext,
  operands: readonly Operand[],
  ops: readonly ChainOp[],
  dtype?: DataType,
): Operand {
  const shape = broadcastShapes(operands.map(operand => operand.shape));
  if (shape === undefined) {
    const shapes = operands.map(operand => formatShape(operand.shape));
    context.fail(`expected shapes that broadcast but received ${shapes.join(' and ')}`);
  }
  return context.emit({op: 'chain', ops}, operands, shape, dtype);
}

/** Emits fn(x) with its parameters. */
export function emitUnary(
  context: BuildContext,
  x: Operand,
  fn: UnaryFunction,
  alpha = 0,
  beta = 0,
): Operand {
  return emitChain(context, [x], [unaryStep(fn, 0, alpha, beta)]);
}

/** Emits fn(a, b) with numpy broadcasting; the result has the type of `a`. */
export function emitBinary(
  context: BuildContext,
  fn: BinaryFunction,
  a: Operand,
  b: Operand,
): Operand {
  const ops = [binaryStep(fn, 0, 1)];
  if (!isFloating(a.dtype) && leavesType(fn, a.dtype)) ops.push(integerStep(a.dtype, 2));
  return emitChain(context, [a, b], ops);
}

/**
 * Whether fn of two values of an integer type may not be one. Sums and products of 32-bit types are left alone: f32
 * has lost digits long before they wrap.
 */
export function leavesType(fn: BinaryFunction, dtype: IntegerType): boolean {
  switch (fn) {
    case 'div':
    case 'pow':
    case 'fmod':
      return true;
    case 'add':
    case 'sub':
    case 'mul':
      return dtype !== 'bool' && integerRange(dtype).count <= 2 ** 16;
    default:
      return false;
  }
}
