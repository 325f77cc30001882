// Operators whose result is known when the graph is built: constants, shapes, ranges.

import type {Tensor} from '../../onnx/model.js';
import {elementType} from '../../onnx/tensor.js';
import {createTensor} from '../fold.js';
import type {BuildContext, Operand, Registration} from '../registration.js';
import {elementCount, formatShape, rowMajorStrides} from '../shapes.js';
import {TYPES} from '../types.js';

export const CONSTANTS: readonly Registration[] = [
  {
    opType: 'Constant',
    types: TYPES.any,
    attributes: {
      value: {kind: 'tensor'},
      value_float: {kind: 'float', since: 12},
      value_floats: {kind: 'floats', since: 12},
      value_int: {kind: 'int', since: 12},
      value_ints: {kind: 'ints', since: 12},
    },
    build: context => context.constant(readConstant(context)),
  },
  {
    opType: 'ConstantOfShape',
    types: TYPES.integer,
    since: 9,
    attributes: {value: {kind: 'tensor'}},
    build: buildConstantOfShape,
  },
  {
    opType: 'Shape',
    types: TYPES.any,
    attributes: {start: {kind: 'int', since: 15}, end: {kind: 'int', since: 15}},
    build: buildShape,
  },
  {
    opType: 'Size',
    types: TYPES.any,
    attributes: {},
    build: context => integers(context, [elementCount(context.input(0).shape)], []),
  },
  {
    opType: 'NonZero',
    types: TYPES.any,
    limits: 'constant values only',
    since: 9,
    attributes: {},
    build: buildNonZero,
  },
  {
    opType: 'EyeLike',
    types: TYPES.any,
    since: 9,
    attributes: {dtype: {kind: 'int'}, k: {kind: 'int'}},
    build: buildEyeLike,
  },
  {
    opType: 'Range',
    types: TYPES.number,
    limits: 'constant bounds only',
    since: 11,
    attributes: {},
    build: buildRange,
  },
];

function integers(
  context: BuildContext,
  values: readonly number[],
  dims = [values.length],
): Operand {
  return context.constant(createTensor('int64', dims, values));
}

function readConstant(context: BuildContext): Tensor {
  if (context.has('value_float'))
    return createTensor('float32', [], [context.float('value_float', 0)]);
  if (context.has('value_int')) return createTensor('int64', [], [context.int('value_int', 0)]);
  const floats = context.floats('value_floats');
  if (floats !== undefined) return createTensor('float32', [floats.length], floats);
  const ints = context.ints('value_ints');
  if (ints !== undefined) return createTensor('int64', [ints.length], ints);
  return context.tensor('value') ?? context.fail('expected a value attribute but none is present');
}

function buildConstantOfShape(context: BuildContext): Operand {
  const shape = context.integers(0, 'a shape');
  if (shape.some(size => !Number.isInteger(size) || size < 0)) {
    context.fail(`expected sizes of 0 or more but received [${shape.join(', ')}]`);
  }
  const value = context.tensor('value');
  return context.table(value?.dtype ?? 'float32', shape, () => value?.data[0] ?? 0);
}

/** start and end count from the back when negative and are clamped (opset 15). */
function buildShape(context: BuildContext): Operand {
  const {shape} = context.input(0);
  const rank = shape.length;
  const clamp = (index: number) => Math.min(Math.max(index < 0 ? index + rank : index, 0), rank);
  return integers(
    context,
    shape.slice(clamp(context.int('start', 0)), clamp(context.int('end', rank))),
  );
}

/** The indices of all elements that are not zero, [rank, count]; how many there are has to be known. */
function buildNonZero(context: BuildContext): Operand {
  const {constant} = context.constantInput(0, 'values');
  const found = Array.from(constant.data.entries())
    .filter(([, value]) => value !== 0)
    .map(([at]) => at);
  const strides = rowMajorStrides(constant.dims);
  const indices = constant.dims.flatMap((size, axis) =>
    found.map(at => Math.floor(at / strides[axis]!) % size),
  );
  return integers(context, indices, [constant.dims.length, found.length]);
}

/** Ones on diagonal `k` of a matrix like the input, whose contents do not matter. */
function buildEyeLike(context: BuildContext): Operand {
  const x = context.input(0);
  const [rows, columns] = x.shape;
  if (x.shape.length !== 2 || rows === undefined || columns === undefined)
    return context.fail(`expected a matrix but received ${formatShape(x.shape)}`);
  const to = context.int('dtype', 0);
  const dtype = context.has('dtype')
    ? (elementType(to)?.dtype ?? context.unsupported(`EyeLike dtype=${to}`))
    : x.dtype;
  const k = context.int('k', 0);
  return context.table(dtype, x.shape, at =>
    (at % columns) - Math.floor(at / columns) === k ? 1 : 0,
  );
}

function buildRange(context: BuildContext): Operand {
  const first = context.constantInput(0, 'start').constant;
  const start = first.data[0]!;
  const limit = context.constantInput(1, 'limit').constant.data[0]!;
  const delta = context.constantInput(2, 'delta').constant.data[0]!;
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  if (!Number.isFinite(count))
    context.fail(`expected a finite range but received ${start}, ${limit}, ${delta}`);
  return context.table(first.dtype, [count], index => start + index * delta);
}
