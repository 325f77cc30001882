// Elementwise operations as chains of one step; fusing makes them longer.

import type {BinaryFunction, UnaryFunction} from '../functions.js';
import type {Operation} from '../graph.js';
import type {BuildContext, Operand} from '../registration.js';
import {broadcastShapes, formatShape} from '../shapes.js';

/** y = fn(x), with the parameters of the function where it has any. */
export function unaryChain(fn: UnaryFunction, alpha = 0, beta = 0): Operation {
  return {op: 'chain', ops: [{fn: {kind: 'unary', activation: {fn, alpha, beta}}, a: 0, b: 0}]};
}

/** y = fn(a, b). */
export function binaryChain(fn: BinaryFunction): Operation {
  return {op: 'chain', ops: [{fn: {kind: 'binary', fn}, a: 0, b: 1}]};
}

/** Emits fn(a, b) with numpy broadcasting. */
export function emitBinary(
  context: BuildContext,
  fn: BinaryFunction,
  a: Operand,
  b: Operand,
): Operand {
  const shape = broadcastShapes([a.shape, b.shape]);
  if (shape === undefined) {
    context.fail(
      `expected shapes that broadcast but received ${formatShape(a.shape)} and ${formatShape(b.shape)}`,
    );
  }
  return context.emit(binaryChain(fn), [a, b], shape);
}
