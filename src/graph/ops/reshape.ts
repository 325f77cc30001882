// Operators that keep the elements in order and change only the shape.

import {
  axesOf,
  type BuildContext,
  type Operand,
  type Registration,
  resolveAxes,
} from '../registration.js';
import {elementCount, formatShape, type Shape, sameShape} from '../shapes.js';
import {TYPES} from '../types.js';

export const RESHAPES: readonly Registration[] = [
  {
    opType: 'Reshape',
    types: TYPES.any,
    attributes: {allowzero: {kind: 'int', since: 14}},
    build: buildReshape,
  },
  {opType: 'Flatten', types: TYPES.any, attributes: {axis: {kind: 'int'}}, build: buildFlatten},
  {
    opType: 'Squeeze',
    types: TYPES.any,
    attributes: {axes: {kind: 'ints', until: 12}},
    build: buildSqueeze,
  },
  {
    opType: 'Unsqueeze',
    types: TYPES.any,
    attributes: {axes: {kind: 'ints', until: 12}},
    build: buildUnsqueeze,
  },
];

/** `x` in another shape of the same size. */
export function emitReshape(context: BuildContext, x: Operand, shape: Shape): Operand {
  return sameShape(x.shape, shape) ? x : context.emit({op: 'reshape'}, [x], shape);
}

/** 0 copies the input's size (unless allowzero), one -1 takes what is left. */
function buildReshape(context: BuildContext): Operand {
  const x = context.input(0);
  const requested = context.integers(1, 'a shape');
  const keepsZero = context.int('allowzero', 0) === 1;

  const sizes = requested.map((size, axis) => {
    if (size !== 0 || keepsZero) return size;
    return (
      x.shape[axis] ??
      context.fail(`expected an input axis ${axis} to copy but received ${formatShape(x.shape)}`)
    );
  });
  const known = elementCount(sizes.filter(size => size !== -1));
  const shape = sizes.map(size => (size === -1 ? elementCount(x.shape) / (known || 1) : size));

  const isValid =
    shape.every(size => Number.isInteger(size) && size >= 0) &&
    sizes.filter(size => size === -1).length <= 1 &&
    elementCount(shape) === elementCount(x.shape);
  if (!isValid) {
    context.fail(
      `expected a shape of ${elementCount(x.shape)} elements for ${formatShape(x.shape)} but received ${formatShape(requested)}`,
    );
  }
  return emitReshape(context, x, shape);
}

function buildFlatten(context: BuildContext): Operand {
  const x = context.input(0);
  const rank = x.shape.length;
  const requested = context.int('axis', 1);
  const axis = requested < 0 ? requested + rank : requested;
  if (axis < 0 || axis > rank)
    context.fail(`expected an axis in [${-rank}, ${rank}] but received ${requested}`);
  return emitReshape(context, x, [
    elementCount(x.shape.slice(0, axis)),
    elementCount(x.shape.slice(axis)),
  ]);
}

function buildSqueeze(context: BuildContext): Operand {
  const x = context.input(0);
  const requested = axesOf(context, 1, 13);
  const axes =
    requested === undefined
      ? x.shape.flatMap((size, axis) => (size === 1 ? [axis] : []))
      : resolveAxes(context, requested, x.shape.length);

  const wide = axes.find(axis => x.shape[axis] !== 1);
  if (wide !== undefined)
    context.fail(`expected size 1 at axis ${wide} but received ${formatShape(x.shape)}`);
  return emitReshape(
    context,
    x,
    x.shape.filter((_, axis) => !axes.includes(axis)),
  );
}

function buildUnsqueeze(context: BuildContext): Operand {
  const x = context.input(0);
  const requested = axesOf(context, 1, 13) ?? context.fail('expected axes but they are missing');
  const rank = x.shape.length + requested.length;
  const axes = resolveAxes(context, requested, rank);

  const sizes = x.shape.values();
  const shape = Array.from({length: rank}, (_, axis) =>
    axes.includes(axis) ? 1 : sizes.next().value!,
  );
  return emitReshape(context, x, shape);
}
