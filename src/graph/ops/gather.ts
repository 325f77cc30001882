// Gather along one axis; indices that are known become a slice or a list.

import {
  type BuildContext,
  isConstant,
  type Operand,
  type Registration,
  resolveAxis,
} from '../registration.js';
import {formatShape} from '../shapes.js';
import {TYPES} from '../types.js';
import {emitRange} from './arrange.js';
import {emitGather} from './indexed.js';
import {emitReshape} from './reshape.js';

export const GATHER: readonly Registration[] = [
  {opType: 'Gather', types: TYPES.any, attributes: {axis: {kind: 'int'}}, build: buildGather},
];

/** Evenly spaced indices become a slice, which costs nothing. */
function buildGather(context: BuildContext): Operand {
  const x = context.input(0);
  const axis = resolveAxis(context, context.int('axis', 0), x.shape.length);
  const size = x.shape[axis]!;
  const operand = context.input(1);
  if (!isConstant(operand)) return emitGather(context, x, {indices: operand, axis});
  const {constant, shape: indexShape} = operand;
  const indices = Array.from(constant.data, index => (index < 0 ? index + size : index));

  const outside = indices.findIndex(
    index => !Number.isInteger(index) || index < 0 || index >= size,
  );
  if (outside >= 0) {
    context.fail(
      `expected indices below ${size} at axis ${axis} of ${formatShape(x.shape)} but received ${constant.data[outside]}`,
    );
  }

  const head = x.shape.slice(0, axis);
  const tail = x.shape.slice(axis + 1);
  const step = evenStep(indices);
  const picked =
    step === undefined
      ? context.emit({op: 'gather', axis, indices}, [x], [...head, indices.length, ...tail])
      : emitRange(context, x, {axis, start: indices[0]!, count: indices.length, step});
  return emitReshape(context, picked, [...head, ...indexShape, ...tail]);
}

/** The distance between neighbours, if there is one and it is not zero. */
function evenStep(indices: readonly number[]): number | undefined {
  if (indices.length === 0) return undefined;
  const step = indices.length > 1 ? indices[1]! - indices[0]! : 1;
  const isEven = indices.every((index, at) => at === 0 || index - indices[at - 1]! === step);
  return isEven && step !== 0 ? step : undefined;
}
