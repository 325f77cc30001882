// Operators that choose elements by their position: OneHot, Trilu, ReverseSequence.

import {createTensor} from '../fold.js';
import type {IndexMap} from '../graph.js';
import {type BuildContext, type Operand, type Registration, resolveAxis} from '../registration.js';
import {formatShape} from '../shapes.js';
import {TYPES} from '../types.js';
import {emitRange} from './arrange.js';
import {binaryStep, emitChain, selectStep, unaryStep} from './chain.js';
import {emitIndexed} from './indexed.js';
import {emitReshape} from './reshape.js';

export const POSITIONS: readonly Registration[] = [
  {
    opType: 'OneHot',
    types: TYPES.any,
    limits: 'constant depth only',
    since: 9,
    attributes: {axis: {kind: 'int'}},
    build: buildOneHot,
  },
  {
    opType: 'Trilu',
    types: TYPES.any,
    since: 14,
    attributes: {upper: {kind: 'int'}},
    build: buildTrilu,
  },
  {
    opType: 'ReverseSequence',
    types: TYPES.any,
    since: 10,
    attributes: {batch_axis: {kind: 'int'}, time_axis: {kind: 'int'}},
    build: buildReverseSequence,
  },
];

/** values[1] where the new axis meets the index, else values[0]; indices outside [-depth, depth) meet nothing. */
function buildOneHot(context: BuildContext): Operand {
  const indices = context.input(0);
  const depth = Math.trunc(context.constantInput(1, 'a depth').constant.data[0] ?? 0);
  const values = context.input(2);
  if (depth < 1 || values.shape.join() !== '2') {
    context.fail(
      `expected a depth of 1 or more and values [off, on] but received ${depth} and ${formatShape(values.shape)}`,
    );
  }
  const rank = indices.shape.length + 1;
  const axis = resolveAxis(context, context.int('axis', -1), rank);
  const lifted = emitReshape(context, indices, indices.shape.toSpliced(axis, 0, 1));
  const places = (first: number) =>
    context.table(
      indices.dtype,
      lifted.shape.map((_, dim) => (dim === axis ? depth : 1)),
      place => place + first,
    );
  const value = (start: number) =>
    emitReshape(context, emitRange(context, values, {axis: 0, start, count: 1}), []);
  return emitChain(
    context,
    [unfractioned(context, lifted), places(0), places(-depth), value(1), value(0)],
    [
      binaryStep('equal', 0, 1),
      binaryStep('equal', 0, 2),
      binaryStep('max', 5, 6),
      selectStep(7, 3, 4),
    ],
    values.dtype,
  );
}

/** Indices may come as floats. */
function unfractioned(context: BuildContext, indices: Operand): Operand {
  return indices.dtype.startsWith('float')
    ? emitChain(context, [indices], [unaryStep('toInteger', 0)])
    : indices;
}

/** Keeps what lies on and above (below) diagonal k of every matrix; the rest is 0. */
function buildTrilu(context: BuildContext): Operand {
  const x = context.input(0);
  const [rows, columns] = x.shape.slice(-2);
  if (rows === undefined || columns === undefined)
    return context.fail(`expected matrices but received ${formatShape(x.shape)}`);
  const k = context.optional(1) === undefined ? 0 : (context.integers(1, 'a diagonal')[0] ?? 0);
  const isUpper = context.int('upper', 1) !== 0;
  const mask = context.table('bool', [rows, columns], at => {
    const diagonal = (at % columns) - Math.floor(at / columns);
    return Number(isUpper ? diagonal >= k : diagonal <= k);
  });
  const zero = context.constant(createTensor(x.dtype, [], [0]));
  return emitChain(context, [x, mask, zero], [selectStep(1, 0, 2)]);
}

/** Element t of sequence b comes from lengths[b] - 1 - t, as far as its length goes. */
function buildReverseSequence(context: BuildContext): Operand {
  const x = context.input(0);
  const lengths = context.input(1);
  const rank = x.shape.length;
  const batch = resolveAxis(context, context.int('batch_axis', 1), rank);
  const time = resolveAxis(context, context.int('time_axis', 0), rank);
  const [batchSize, steps] = [x.shape[batch]!, x.shape[time]!];
  if (batch === time || lengths.shape.join() !== `${batchSize}`) {
    context.fail(
      `expected ${batchSize} lengths and two axes of ${formatShape(x.shape)} but received ${formatShape(lengths.shape)} and axes ${batch} and ${time}`,
    );
  }
  const times = context.table(lengths.dtype, [1, steps], step => step);
  const rows = emitReshape(context, lengths, [batchSize, 1]);
  const sources = emitChain(
    context,
    [rows, times],
    [
      binaryStep('less', 1, 0),
      binaryStep('sub', 0, 1),
      unaryStep('affine', 3, 1, -1),
      selectStep(2, 4, 1),
    ],
  );
  const map: IndexMap = {
    axes: [time],
    data: x.shape.map((_, dim) => (dim === time ? null : dim)),
    indices: x.shape.map((_, dim) => (dim === batch ? 0 : dim === time ? 1 : null)),
  };
  const tuples = emitReshape(context, sources, [batchSize, steps, 1]);
  return emitIndexed(context, {x, tuples, map, shape: x.shape});
}
