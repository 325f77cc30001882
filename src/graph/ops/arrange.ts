// Operators that move elements: Transpose, Concat, Split, Slice, Expand, Tile.

import {
  type BuildContext,
  type Operand,
  type Registration,
  resolveAxes,
  resolveAxis,
} from '../registration.js';
import {broadcastShapes, elementCount, formatShape, type Shape, sameShape} from '../shapes.js';
import {TYPES} from '../types.js';
import {emitReshape} from './reshape.js';

export const ARRANGE: readonly Registration[] = [
  {
    opType: 'Transpose',
    types: TYPES.any,
    attributes: {perm: {kind: 'ints'}},
    build: buildTranspose,
  },
  {opType: 'Concat', types: TYPES.any, attributes: {axis: {kind: 'int'}}, build: buildConcat},
  {
    opType: 'Split',
    types: TYPES.any,
    attributes: {
      axis: {kind: 'int'},
      split: {kind: 'ints', until: 12},
      num_outputs: {kind: 'int', since: 18},
    },
    build: buildSplit,
  },
  {
    opType: 'Slice',
    types: TYPES.any,
    attributes: {
      axes: {kind: 'ints', until: 9},
      starts: {kind: 'ints', until: 9},
      ends: {kind: 'ints', until: 9},
    },
    build: buildSlice,
  },
  {opType: 'Expand', types: TYPES.any, since: 8, attributes: {}, build: buildExpand},
  {opType: 'Tile', types: TYPES.any, attributes: {}, build: buildTile},
];

export function emitTranspose(context: BuildContext, x: Operand, perm: readonly number[]): Operand {
  if (perm.every((axis, index) => axis === index)) return x;
  return context.emit(
    {op: 'transpose', perm},
    [x],
    perm.map(axis => x.shape[axis]!),
  );
}

export function emitExpand(context: BuildContext, x: Operand, shape: Shape): Operand {
  return sameShape(x.shape, shape) ? x : context.emit({op: 'expand'}, [x], shape);
}

/** `shape` elements of `x` from `starts`, `steps` apart (steps may be negative). */
export function emitSlice(
  context: BuildContext,
  x: Operand,
  window: {
    readonly starts: readonly number[];
    readonly steps: readonly number[];
    readonly shape: Shape;
  },
): Operand {
  const {starts, steps, shape} = window;
  if (sameShape(x.shape, shape) && steps.every((step, axis) => step === 1 || shape[axis]! <= 1))
    return x;
  return context.emit({op: 'slice', starts, steps}, [x], shape);
}

/** `count` elements from `start` of one axis. */
export function emitRange(
  context: BuildContext,
  x: Operand,
  range: {
    readonly axis: number;
    readonly start: number;
    readonly count: number;
    readonly step?: number;
  },
): Operand {
  const at = (own: number, other: (axis: number) => number) =>
    x.shape.map((_, axis) => (axis === range.axis ? own : other(axis)));
  return emitSlice(context, x, {
    starts: at(range.start, () => 0),
    steps: at(range.step ?? 1, () => 1),
    shape: at(range.count, axis => x.shape[axis]!),
  });
}

function buildTranspose(context: BuildContext): Operand {
  const x = context.input(0);
  const rank = x.shape.length;
  const perm = context.ints('perm') ?? x.shape.map((_, axis) => rank - 1 - axis);
  const sorted = [...perm].sort((left, right) => left - right);
  if (perm.length !== rank || sorted.some((axis, index) => axis !== index)) {
    context.fail(`expected perm to order ${rank} axes but received [${perm.join(', ')}]`);
  }
  return emitTranspose(context, x, perm);
}

function buildConcat(context: BuildContext): Operand {
  const inputs = Array.from({length: context.inputCount}, (_, index) => context.input(index));
  const first = inputs[0] ?? context.fail('expected at least one input');
  const rank = first.shape.length;
  const axis = resolveAxis(context, context.int('axis', 1), rank);

  for (const {shape} of inputs) {
    if (
      shape.length !== rank ||
      shape.some((size, index) => index !== axis && size !== first.shape[index])
    ) {
      context.fail(
        `expected shapes equal except at axis ${axis} but received ${inputs.map(input => formatShape(input.shape)).join(', ')}`,
      );
    }
  }

  const total = inputs.reduce((sum, {shape}) => sum + shape[axis]!, 0);
  const parts = inputs.filter(({shape}) => elementCount(shape) > 0);
  if (parts.length <= 1) return parts[0] ?? first;
  return context.emit(
    {op: 'concat', axis},
    parts,
    first.shape.map((size, index) => (index === axis ? total : size)),
  );
}

function buildSplit(context: BuildContext): Operand[] {
  const x = context.input(0);
  const axis = resolveAxis(context, context.int('axis', 0), x.shape.length);
  const size = x.shape[axis]!;
  const sizes = splitSizes(context, size);

  const isValid =
    sizes.every(part => Number.isInteger(part) && part >= 0) &&
    sizes.reduce((sum, part) => sum + part, 0) === size &&
    sizes.length === context.outputCount;
  if (!isValid) {
    context.fail(
      `expected ${context.outputCount} sizes with sum ${size} but received [${sizes.join(', ')}]`,
    );
  }

  let start = 0;
  return sizes.map(count => {
    const part = emitRange(context, x, {axis, start, count});
    start += count;
    return part;
  });
}

/** Sizes are an attribute before opset 13, then an input; num_outputs (18) makes the last part the smaller one. */
function splitSizes(context: BuildContext, size: number): readonly number[] {
  const attribute = context.ints('split');
  if (attribute !== undefined) return attribute;
  if (context.optional(1) !== undefined) return context.integers(1, 'split');

  const count = context.int('num_outputs', context.outputCount);
  if (count !== context.outputCount)
    context.fail(`attribute num_outputs: expected ${context.outputCount} but received ${count}`);
  const part = context.has('num_outputs') ? Math.ceil(size / count) : size / count;
  return Array.from({length: count}, (_, index) =>
    Math.max(0, Math.min(part, size - index * part)),
  );
}

function buildSlice(context: BuildContext): Operand {
  const x = context.input(0);
  const rank = x.shape.length;
  const request = sliceRequest(context);
  const axes = resolveAxes(context, request.axes ?? request.starts.map((_, index) => index), rank);
  const steps = request.steps ?? axes.map(() => 1);
  const lengths = [request.starts.length, request.ends.length, steps.length];
  if (lengths.some(length => length !== axes.length)) {
    context.fail(
      `expected ${axes.length} starts, ends and steps but received ${lengths.join(', ')}`,
    );
  }

  const window = {starts: x.shape.map(() => 0), steps: x.shape.map(() => 1), shape: [...x.shape]};
  for (const [index, axis] of axes.entries()) {
    const size = x.shape[axis]!;
    const step = steps[index]!;
    if (step === 0) context.fail('expected steps other than 0');
    const start = clampBound(request.starts[index]!, size, step);
    const end = clampEnd(request.ends[index]!, size, step);
    window.starts[axis] = start;
    window.shape[axis] = Math.max(0, Math.ceil((end - start) / step));
    // A step past the axis is never taken; keep it in range for 32-bit strides.
    window.steps[axis] = Math.sign(step) * Math.min(Math.abs(step), Math.max(1, size));
  }
  return emitSlice(context, x, window);
}

interface SliceRequest {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly axes: readonly number[] | undefined;
  readonly steps: readonly number[] | undefined;
}

function sliceRequest(context: BuildContext): SliceRequest {
  if (context.opset < 10) {
    return {
      starts: context.ints('starts') ?? [],
      ends: context.ints('ends') ?? [],
      axes: context.ints('axes'),
      steps: undefined,
    };
  }
  const read = (index: number, what: string) => context.integers(index, what);
  return {
    starts: read(1, 'starts'),
    ends: read(2, 'ends'),
    axes: context.optional(3) === undefined ? undefined : read(3, 'axes'),
    steps: context.optional(4) === undefined ? undefined : read(4, 'steps'),
  };
}

function clampBound(bound: number, size: number, step: number): number {
  const index = bound < 0 ? bound + size : bound;
  return Math.min(Math.max(index, 0), step > 0 ? size : Math.max(0, size - 1));
}

function clampEnd(bound: number, size: number, step: number): number {
  const index = bound < 0 ? bound + size : bound;
  return step > 0 ? Math.min(Math.max(index, 0), size) : Math.min(Math.max(index, -1), size);
}

function buildExpand(context: BuildContext): Operand {
  const x = context.input(0);
  const requested = context.integers(1, 'a shape');
  const shape = broadcastShapes([x.shape, requested]);
  if (shape === undefined || requested.some(size => size < 0)) {
    context.fail(
      `expected a shape that ${formatShape(x.shape)} broadcasts to but received ${formatShape(requested)}`,
    );
  }
  return emitExpand(context, x, shape);
}

/** One axis at a time: a new axis before it, expanded and merged. */
function buildTile(context: BuildContext): Operand {
  const repeats = context.integers(1, 'repeats');
  let x = context.input(0);
  if (
    repeats.length !== x.shape.length ||
    repeats.some(count => !Number.isInteger(count) || count < 0)
  ) {
    context.fail(
      `expected ${x.shape.length} repeats of 0 or more but received [${repeats.join(', ')}]`,
    );
  }

  for (const [axis, count] of repeats.entries()) {
    if (count === 1) continue;
    const head = x.shape.slice(0, axis);
    const tail = x.shape.slice(axis);
    const lifted = emitReshape(context, x, [...head, 1, ...tail]);
    const repeated = emitExpand(context, lifted, [...head, count, ...tail]);
    x = emitReshape(context, repeated, [...head, count * tail[0]!, ...tail.slice(1)]);
  }
  return x;
}
