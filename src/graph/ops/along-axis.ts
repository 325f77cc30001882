// Operators along one axis: ArgMax, ArgMin, Hardmax, CumSum, CumProd.

import type {CumulateFunction, ExtremeFunction} from '../functions.js';
import type {Operation} from '../graph.js';
import {type BuildContext, type Operand, type Registration, resolveAxis} from '../registration.js';
import {elementCount, formatShape} from '../shapes.js';
import {TYPES} from '../types.js';
import {reducedShape} from './reduce.js';
import {emitReshape} from './reshape.js';

export const ALONG_AXIS: readonly Registration[] = [
  registerArg('ArgMax', 'max'),
  registerArg('ArgMin', 'min'),
  {opType: 'Hardmax', attributes: {axis: {kind: 'int'}}, build: buildHardmax},
  registerCumulative('CumSum', 'sum', 11),
  registerCumulative('CumProd', 'prod', 26),
];

function registerArg(opType: string, fn: ExtremeFunction): Registration {
  return {
    opType,
    types: TYPES.number,
    attributes: {
      axis: {kind: 'int'},
      keepdims: {kind: 'int'},
      select_last_index: {kind: 'int', since: 12},
    },
    build: context => {
      const x = context.input(0);
      const axis = resolveAxis(context, context.int('axis', 0), x.shape.length);
      if (x.shape[axis] === 0)
        context.fail(`expected elements along axis ${axis} but received ${formatShape(x.shape)}`);
      const last = context.int('select_last_index', 0) === 1;
      const shape = reducedShape(x.shape, [axis], context.int('keepdims', 1) === 1);
      return context.emit({op: 'argReduce', fn, axis, last}, [x], shape, 'int64');
    },
  };
}

/** 1 at the first largest element of the axis, 0 elsewhere; before opset 13 the axes from `axis` on count as one. */
function buildHardmax(context: BuildContext): Operand {
  const x = context.input(0);
  const isFlattening = context.opset < 13;
  const rank = Math.max(x.shape.length, 1);
  const axis = resolveAxis(context, context.int('axis', isFlattening ? 1 : -1), rank);
  if (!isFlattening) return emitHardmax(context, x, axis);
  const matrix = [elementCount(x.shape.slice(0, axis)), elementCount(x.shape.slice(axis))];
  const marked = emitHardmax(context, emitReshape(context, x, matrix), 1);
  return emitReshape(context, marked, x.shape);
}

function emitHardmax(context: BuildContext, x: Operand, axis: number): Operand {
  const kept = reducedShape(x.shape, [axis], true);
  const index = context.emit({op: 'argReduce', fn: 'max', axis, last: false}, [x], kept, x.dtype);
  const size = x.shape[axis]!;
  const dims = [size, ...x.shape.slice(axis + 1).map(() => 1)];
  const positions = context.table(x.dtype, dims, position => position);
  return context.emit(IS_SAME, [index, positions], x.shape);
}

/** max(0, 1 - |a - b|), which is 1 where two whole numbers are the same and 0 elsewhere. */
const IS_SAME: Operation = {
  op: 'chain',
  ops: [
    {fn: {kind: 'binary', fn: 'sub'}, a: 0, b: 1},
    {fn: {kind: 'unary', activation: {fn: 'abs', alpha: 0, beta: 0}}, a: 2, b: 0},
    {fn: {kind: 'unary', activation: {fn: 'affine', alpha: -1, beta: 1}}, a: 3, b: 0},
    {fn: {kind: 'unary', activation: {fn: 'relu', alpha: 0, beta: 0}}, a: 4, b: 0},
  ],
};

function registerCumulative(opType: string, fn: CumulateFunction, since: number): Registration {
  return {
    opType,
    types: TYPES.number,
    since,
    attributes: {exclusive: {kind: 'int'}, reverse: {kind: 'int'}},
    build: context => {
      const x = context.input(0);
      const axes = context.integers(1, 'an axis');
      if (axes.length !== 1) context.fail(`expected one axis but received [${axes.join(', ')}]`);
      const axis = resolveAxis(context, axes[0]!, x.shape.length);
      const exclusive = context.int('exclusive', 0) === 1;
      const reverse = context.int('reverse', 0) === 1;
      return context.emit({op: 'cumulative', fn, axis, exclusive, reverse}, [x], x.shape);
    },
  };
}
