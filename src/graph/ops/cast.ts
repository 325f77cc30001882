// Changes of type.

import {type DataType, FLOAT_TYPES, INTEGER_TYPES} from '../../onnx/model.js';
import {elementType} from '../../onnx/tensor.js';
import {createTensor} from '../fold.js';
import type {ChainOp} from '../graph.js';
import {
  type AttributeSpec,
  type BuildContext,
  isConstant,
  type Operand,
  type Registration,
} from '../registration.js';
import {contains, isFloating, runTimeType, TYPES} from '../types.js';
import {emitChain, integerStep, unaryStep} from './chain.js';

/** `saturate` is about 8-bit floating types, which are not supported. */
const CAST_ATTRIBUTES: Readonly<Record<string, AttributeSpec>> = {
  saturate: {kind: 'int', since: 19},
  round_mode: {kind: 'string', since: 24},
};

export const CASTS: readonly Registration[] = [
  {
    opType: 'Cast',
    types: TYPES.any,
    limits: 'no 8-bit or narrower floats, no 4-bit integers',
    attributes: {to: {kind: 'int'}, ...CAST_ATTRIBUTES},
    build: buildCast,
  },
  {
    opType: 'CastLike',
    types: TYPES.any,
    limits: 'no 8-bit or narrower floats, no 4-bit integers',
    since: 15,
    attributes: CAST_ATTRIBUTES,
    build: context => emitCast(context, context.input(0), context.input(1).dtype),
  },
];

/** The type is named by its number, before opset 6 by its name in TensorProto.DataType. */
function buildCast(context: BuildContext): Operand {
  const to = context.opset < 6 ? context.string('to', '') : context.int('to', 0);
  const dtype = typeof to === 'number' ? elementType(to)?.dtype : typeByName(to);
  if (dtype === undefined) return context.unsupported(`Cast to=${to}`);
  return emitCast(context, context.input(0), dtype);
}

function typeByName(name: string): DataType | undefined {
  const lower = name.toLowerCase();
  const full = lower === 'float' ? 'float32' : lower === 'double' ? 'float64' : lower;
  return [...FLOAT_TYPES, ...INTEGER_TYPES].find(type => type === full);
}

/**
 * x as `dtype`: floats become integers by truncation, integers wrap, bool is x != 0, the short floating types round.
 *
 * Where every value of the one type is a value of the other, only the name of the type changes.
 */
export function emitCast(context: BuildContext, x: Operand, dtype: DataType): Operand {
  if (x.dtype === dtype) return x;
  if (keepsValues(x.dtype, dtype)) {
    if (isConstant(x)) return context.constant(createTensor(dtype, x.shape, x.constant.data));
    return {...x, dtype: runTimeType(dtype)};
  }
  return emitChain(context, [x], [castStep(dtype)], isConstant(x) ? dtype : runTimeType(dtype));
}

/** All floating types are f32 where they are computed with. */
function keepsValues(from: DataType, to: DataType): boolean {
  if (isFloating(to)) return to === 'float32' || to === 'float64';
  return !isFloating(from) && contains(to, from);
}

function castStep(dtype: DataType): ChainOp {
  switch (dtype) {
    case 'float32':
    case 'float64':
      return unaryStep('identity', 0);
    case 'float16':
      return unaryStep('toFloat16', 0);
    case 'bfloat16':
      return unaryStep('toBfloat16', 0);
    case 'bool':
      return unaryStep('toBool', 0);
    default:
      return integerStep(dtype, 0);
  }
}
