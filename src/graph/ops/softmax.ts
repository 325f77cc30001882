// Softmax and LogSoftmax.

import {type BuildContext, type Operand, type Registration, resolveAxis} from '../registration.js';
import {elementCount} from '../shapes.js';

export const SOFTMAX: readonly Registration[] = [
  register('Softmax', false),
  register('LogSoftmax', true),
];

function register(opType: string, log: boolean): Registration {
  return {opType, attributes: {axis: {kind: 'int'}}, build: context => buildSoftmax(context, log)};
}

/** Before opset 13 the axes from `axis` on count as one, and the default is 1. */
function buildSoftmax(context: BuildContext, log: boolean): Operand {
  const x = context.input(0);
  const rank = x.shape.length;
  const isFlattening = context.opset < 13;
  const axis = resolveAxis(context, context.int('axis', isFlattening ? 1 : -1), Math.max(rank, 1));

  if (!isFlattening || elementCount(x.shape.slice(axis + 1)) === 1) {
    return context.emit({op: 'softmax', axis, log}, [x], x.shape);
  }
  const matrix = [elementCount(x.shape.slice(0, axis)), elementCount(x.shape.slice(axis))];
  const flat = context.emit({op: 'reshape'}, [x], matrix);
  const normalized = context.emit({op: 'softmax', axis: 1, log}, [flat], matrix);
  return context.emit({op: 'reshape'}, [normalized], x.shape);
}
