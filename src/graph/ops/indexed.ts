// Gathers and scatters whose indices may be computed at run time.

import type {ScatterFunction} from '../functions.js';
import type {IndexMap} from '../graph.js';
import {
  type BuildContext,
  isConstant,
  type Operand,
  type Registration,
  resolveAxis,
} from '../registration.js';
import {elementCount, formatShape, rowMajorStrides, type Shape, sameShape} from '../shapes.js';
import {isFloating, TYPES} from '../types.js';
import {emitSlice} from './arrange.js';
import {emitReshape} from './reshape.js';

/** Views have at most six dimensions: loops and indexed axes together. */
const MAX_RANK = 6;

const REDUCTIONS: Readonly<Record<string, ScatterFunction>> = {
  none: 'set',
  add: 'add',
  mul: 'mul',
  min: 'min',
  max: 'max',
};

const REDUCTION = {kind: 'string', since: 16, values: Object.keys(REDUCTIONS)} as const;

export const INDEXED: readonly Registration[] = [
  {
    opType: 'GatherElements',
    types: TYPES.any,
    since: 11,
    attributes: {axis: {kind: 'int'}},
    build: gatherElements,
  },
  {
    opType: 'GatherND',
    types: TYPES.any,
    since: 11,
    attributes: {batch_dims: {kind: 'int', since: 12}},
    build: gatherND,
  },
  {
    opType: 'ScatterElements',
    types: TYPES.any,
    since: 11,
    attributes: {axis: {kind: 'int'}, reduction: REDUCTION},
    build: scatterElements,
  },
  {
    opType: 'Scatter',
    types: TYPES.any,
    since: 9,
    attributes: {axis: {kind: 'int'}},
    build: scatterElements,
  },
  {
    opType: 'ScatterND',
    types: TYPES.any,
    since: 11,
    attributes: {reduction: REDUCTION},
    build: scatterND,
  },
];

/** Gather along `axis` by indices of any shape. */
export function emitGather(
  context: BuildContext,
  x: Operand,
  {indices, axis}: {readonly indices: Operand; readonly axis: number},
): Operand {
  const dims = x.shape.map((_, dim) => dim);
  const [head, tail] = [dims.slice(0, axis), dims.slice(axis + 1)];
  const none = (list: readonly unknown[]) => list.map(() => null);
  const map: IndexMap = {
    axes: [axis],
    data: [...head, ...none(indices.shape), ...tail],
    indices: [...none(head), ...indices.shape.map((_, dim) => dim), ...none(tail)],
  };
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  const tuples = emitReshape(context, indices, [...indices.shape, 1]);
  return emitIndexed(context, {x, tuples, map, shape});
}

/** y[i] = x[i with indices[i] at `axis`]; x may be larger than the indices along the other axes. */
export function emitGatherElements(
  context: BuildContext,
  x: Operand,
  {indices, axis}: {readonly indices: Operand; readonly axis: number},
): Operand {
  const shape = indices.shape;
  const window = emitSlice(context, x, {
    starts: shape.map(() => 0),
    steps: shape.map(() => 1),
    shape: x.shape.map((size, dim) => (dim === axis ? size : shape[dim]!)),
  });
  const tuples = emitReshape(context, indices, [...shape, 1]);
  return emitIndexed(context, {x: window, tuples, map: elementsMap(shape, axis), shape});
}

function elementsMap(shape: Shape, axis: number): IndexMap {
  return {
    axes: [axis],
    data: shape.map((_, dim) => (dim === axis ? null : dim)),
    indices: shape.map((_, dim) => dim),
  };
}

function gatherElements(context: BuildContext): Operand {
  const x = context.input(0);
  const {indices, axis} = readElements(context);
  return emitGatherElements(context, x, {indices, axis});
}

/** The indices and axis of GatherElements and ScatterElements, checked against the data. */
function readElements(context: BuildContext): {readonly indices: Operand; readonly axis: number} {
  const x = context.input(0);
  const indices = context.input(1);
  const axis = resolveAxis(context, context.int('axis', 0), x.shape.length);
  const isInside =
    indices.shape.length === x.shape.length &&
    indices.shape.every((size, dim) => dim === axis || size <= x.shape[dim]!);
  if (!isInside) {
    context.fail(
      `expected indices within ${formatShape(x.shape)} but received ${formatShape(indices.shape)}`,
    );
  }
  return {indices, axis};
}

/** x [b.., s.., r..] and indices [b.., j.., K] with K sizes s give [b.., j.., r..]. */
function gatherND(context: BuildContext): Operand {
  const x = context.input(0);
  const tuples = context.input(1);
  const batch = context.int('batch_dims', 0);
  const map = tupleMap(context, {x, tuples, batch});
  const shape = [...tuples.shape.slice(0, -1), ...x.shape.slice(batch + map.axes.length)];
  return emitIndexed(context, {x, tuples, map, shape});
}

/** The map of tuples [b.., j.., K] into x, checked. */
function tupleMap(
  context: BuildContext,
  {x, tuples, batch}: {readonly x: Operand; readonly tuples: Operand; readonly batch: number},
): IndexMap {
  const count = tuples.shape.at(-1) ?? 0;
  const isFitting =
    batch >= 0 &&
    count >= 1 &&
    tuples.shape.length > batch &&
    batch + count <= x.shape.length &&
    sameShape(tuples.shape.slice(0, batch), x.shape.slice(0, batch));
  if (!isFitting) {
    context.fail(
      `expected indices [.., K] with at most ${x.shape.length - batch} entries for ${formatShape(x.shape)} and batch_dims = ${batch} but received ${formatShape(tuples.shape)}`,
    );
  }
  const batchDims = Array.from({length: batch}, (_, dim) => dim);
  const tupleDims = tuples.shape.slice(0, -1).map((_, dim) => dim);
  const rest = x.shape.map((_, dim) => dim).slice(batch + count);
  return {
    axes: Array.from({length: count}, (_, k) => batch + k),
    data: [...batchDims, ...tupleDims.slice(batch).map(() => null), ...rest],
    indices: [...tupleDims, ...rest.map(() => null)],
  };
}

function scatterElements(context: BuildContext): Operand {
  const {indices, axis} = readElements(context);
  const {shape} = indices;
  const tuples = emitReshape(context, indices, [...shape, 1]);
  return emitScatter(context, {tuples, map: elementsMap(shape, axis), shape});
}

function scatterND(context: BuildContext): Operand {
  const x = context.input(0);
  const tuples = context.input(1);
  const map = tupleMap(context, {x, tuples, batch: 0});
  const shape = [...tuples.shape.slice(0, -1), ...x.shape.slice(map.axes.length)];
  return emitScatter(context, {tuples, map, shape});
}

/** Input 0 with the updates (input 2), which have `shape`. */
function emitScatter(
  context: BuildContext,
  {tuples, map, shape}: {readonly tuples: Operand; readonly map: IndexMap; readonly shape: Shape},
): Operand {
  const x = context.input(0);
  const updates = context.input(2);
  if (!sameShape(updates.shape, shape)) {
    context.fail(
      `expected updates ${formatShape(shape)} but received ${formatShape(updates.shape)}`,
    );
  }
  if (elementCount(shape) === 0) return x;
  checkIndices(context, {x, tuples, map, shape});
  const fn = REDUCTIONS[context.string('reduction', 'none')]!;
  return context.emit({op: 'scatterIndexed', map, fn}, [x, tuples, updates], x.shape);
}

/** A gather: elements of x by tuples of indices. */
export interface Indexed {
  readonly x: Operand;
  /** [.., K] */
  readonly tuples: Operand;
  readonly map: IndexMap;
  readonly shape: Shape;
}

/** The elements of `shape` that the tuples find in x. */
export function emitIndexed(context: BuildContext, indexed: Indexed): Operand {
  const {x, tuples, map, shape} = indexed;
  checkIndices(context, indexed);
  return context.emit({op: 'gatherIndexed', map}, [x, tuples], shape);
}

/** Constant indices are checked here, others by every run. */
function checkIndices(context: BuildContext, {x, tuples, map, shape}: Indexed): void {
  if (isFloating(tuples.dtype))
    context.fail(`expected indices of an integer type but received ${tuples.dtype}`);
  if (loopCount({x, tuples, map, shape}) + map.axes.length > MAX_RANK) {
    context.unsupported(
      `${context.opType} of ${map.axes.length} indices into ${formatShape(x.shape)} (loops and indexed axes pass ${MAX_RANK})`,
    );
  }
  if (!isConstant(tuples)) return;
  const {data} = tuples.constant;
  for (const [at, index] of data.entries()) {
    const size = x.shape[map.axes[at % map.axes.length]!]!;
    if (index < -size || index >= size) {
      context.fail(
        `expected indices from ${-size} to ${size - 1} into ${formatShape(x.shape)} but received ${index}`,
      );
    }
  }
}

/** Dimensions left after merging neighbours that are contiguous in all three dense operands. */
function loopCount({x, tuples, map, shape}: Indexed): number {
  const along = (dims: Shape, axes: readonly (number | null)[]) => {
    const strides = rowMajorStrides(dims);
    return axes.map(axis => (axis === null ? 0 : strides[axis]!));
  };
  const views = [
    along(x.shape, map.data),
    along(tuples.shape, map.indices),
    rowMajorStrides(shape),
  ];
  const dims = shape.map((_, dim) => dim).filter(dim => shape[dim] !== 1);
  const splits = dims.filter((dim, at) => {
    const outer = dims[at - 1];
    return (
      outer === undefined || views.some(strides => strides[outer] !== strides[dim]! * shape[dim]!)
    );
  });
  return Math.max(1, splits.length);
}
