// BatchNormalization and InstanceNormalization.

import {createTensor} from '../fold.js';
import {IDENTITY} from '../functions.js';
import {
  type BuildContext,
  type ConstantOperand,
  isConstant,
  type Operand,
  type Registration,
} from '../registration.js';
import {elementCount, formatShape, type Shape, sameShape} from '../shapes.js';
import {emitBinary, unaryChain} from './chain.js';
import {emitReshape} from './reshape.js';

export const NORMALIZATION: readonly Registration[] = [
  {
    opType: 'BatchNormalization',
    attributes: {
      epsilon: {kind: 'float'},
      momentum: {kind: 'float'},
      spatial: {kind: 'int', until: 8},
      training_mode: {kind: 'int', since: 14, values: [0]},
    },
    build: buildBatchNormalization,
  },
  {
    opType: 'InstanceNormalization',
    attributes: {epsilon: {kind: 'float'}},
    build: buildInstanceNormalization,
  },
];

/** (x - mean) / sqrt(variance + epsilon) * scale + bias, as x*factor + offset per channel. */
function buildBatchNormalization(context: BuildContext): Operand {
  const x = context.input(0);
  // Before opset 9, spatial=0 asks for statistics per element instead of per channel.
  const isSpatial = context.int('spatial', 1) !== 0;
  const shape = isSpatial ? [channelCount(context, x)] : x.shape.slice(1);
  const dims = isSpatial ? [...shape, ...x.shape.slice(2).map(() => 1)] : shape;
  const parameters = ['scale', 'bias', 'mean', 'variance'].map((what, index) =>
    parameter(context, {index: index + 1, what, shape}),
  );
  const epsilon = context.float('epsilon', 1e-5);
  const [factor, offset] = parameters.every(isConstant)
    ? constantAffine(context, parameters, epsilon)
    : computedAffine(context, parameters as unknown as Parameters4, epsilon);
  const scaled = emitBinary(context, 'mul', x, emitReshape(context, factor, dims));
  return emitBinary(context, 'add', scaled, emitReshape(context, offset, dims));
}

type Parameters4 = readonly [Operand, Operand, Operand, Operand];

/** In double precision: running variances may be denormal in f32. */
function constantAffine(
  context: BuildContext,
  parameters: readonly ConstantOperand[],
  epsilon: number,
): [Operand, Operand] {
  const [scale, bias, mean, variance] = parameters.map(operand => operand.constant.data) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const factor = Float64Array.from(scale, (value, c) => value / Math.sqrt(variance[c]! + epsilon));
  const offset = Float64Array.from(bias, (value, c) => value - mean[c]! * factor[c]!);
  const {shape} = parameters[0]!;
  return [
    context.constant(createTensor('float32', shape, factor)),
    context.constant(createTensor('float32', shape, offset)),
  ];
}

function computedAffine(
  context: BuildContext,
  [scale, bias, mean, variance]: Parameters4,
  epsilon: number,
): [Operand, Operand] {
  const raised = context.emit(unaryChain('affine', 1, epsilon), [variance], variance.shape);
  const deviation = context.emit(unaryChain('sqrt'), [raised], raised.shape);
  const factor = emitBinary(context, 'div', scale, deviation);
  const offset = emitBinary(context, 'sub', bias, emitBinary(context, 'mul', mean, factor));
  return [factor, offset];
}

/** Over the spatial axes of every image and channel. */
function buildInstanceNormalization(context: BuildContext): Operand {
  const x = context.input(0);
  const channels = channelCount(context, x);
  const rank = x.shape.length;
  if (rank < 3)
    context.fail(
      `expected a shape [N, C, ...] with spatial axes but received ${formatShape(x.shape)}`,
    );
  const scale = parameter(context, {index: 1, what: 'scale', shape: [channels]});
  const bias = parameter(context, {index: 2, what: 'bias', shape: [channels]});
  const epsilon = context.float('epsilon', 1e-5);
  if (isConstant(scale) && isConstant(bias) && rank <= 4) {
    return context.emit(
      {
        op: 'instanceNorm',
        epsilon,
        scale: Float32Array.from(scale.constant.data),
        bias: Float32Array.from(bias.constant.data),
        epilogue: {activation: IDENTITY},
      },
      [x],
      x.shape,
    );
  }
  const axes = x.shape.map((_, axis) => axis).slice(2);
  const standard = context.emit({op: 'standardize', axes, epsilon}, [x], x.shape);
  return emitChannelAffine(context, standard, scale, bias);
}

/** x * scale + bias, both [C], along axis 1. */
export function emitChannelAffine(
  context: BuildContext,
  x: Operand,
  scale: Operand,
  bias: Operand,
): Operand {
  const dims = [x.shape[1]!, ...x.shape.slice(2).map(() => 1)];
  const scaled = emitBinary(context, 'mul', x, emitReshape(context, scale, dims));
  return emitBinary(context, 'add', scaled, emitReshape(context, bias, dims));
}

/** The size of axis 1; a list of numbers has one channel. */
export function channelCount(context: BuildContext, x: Operand): number {
  if (x.shape.length === 0)
    context.fail(`expected a shape [N, C, ...] but received ${formatShape(x.shape)}`);
  return x.shape[1] ?? 1;
}

/** Input `index`, with its shape checked; files of one channel or element may leave axes out. */
export function parameter(
  context: BuildContext,
  request: {readonly index: number; readonly what: string; readonly shape: Shape},
): Operand {
  const {index, what, shape} = request;
  const operand = context.input(index);
  if (elementCount(operand.shape) !== elementCount(shape)) {
    context.fail(
      `expected ${what} ${formatShape(shape)} but received ${formatShape(operand.shape)}`,
    );
  }
  return sameShape(operand.shape, shape) ? operand : emitReshape(context, operand, shape);
}
