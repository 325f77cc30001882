// BatchNormalization and InstanceNormalization.

import {createTensor} from '../fold.js';
import {IDENTITY} from '../functions.js';
import type {BuildContext, Operand, Registration} from '../registration.js';
import {formatShape} from '../shapes.js';
import {emitBinary} from './chain.js';

export const NORMALIZATION: readonly Registration[] = [
  {
    opType: 'BatchNormalization',
    attributes: {
      epsilon: {kind: 'float'},
      momentum: {kind: 'float'},
      spatial: {kind: 'int', until: 8, values: [1]},
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
  const channels = channelCount(context, x);
  const scale = perChannel(context, {index: 1, what: 'scale', channels});
  const bias = perChannel(context, {index: 2, what: 'bias', channels});
  const mean = perChannel(context, {index: 3, what: 'mean', channels});
  const variance = perChannel(context, {index: 4, what: 'variance', channels});
  const epsilon = context.float('epsilon', 1e-5);

  // In double precision: running variances may be denormal in f32.
  const factor = Float64Array.from(scale, (value, c) => value / Math.sqrt(variance[c]! + epsilon));
  const offset = Float64Array.from(bias, (value, c) => value - mean[c]! * factor[c]!);
  const dims = [channels, ...x.shape.slice(2).map(() => 1)];
  const scaled = emitBinary(
    context,
    'mul',
    x,
    context.constant(createTensor('float32', dims, factor)),
  );
  return emitBinary(
    context,
    'add',
    scaled,
    context.constant(createTensor('float32', dims, offset)),
  );
}

function buildInstanceNormalization(context: BuildContext): Operand {
  const x = context.input(0);
  const channels = channelCount(context, x);
  if (x.shape.length < 3)
    context.fail(
      `expected a shape [N, C, ...] with spatial axes but received ${formatShape(x.shape)}`,
    );
  return context.emit(
    {
      op: 'instanceNorm',
      epsilon: context.float('epsilon', 1e-5),
      scale: perChannel(context, {index: 1, what: 'scale', channels}),
      bias: perChannel(context, {index: 2, what: 'bias', channels}),
      epilogue: {activation: IDENTITY},
    },
    [x],
    x.shape,
  );
}

function channelCount(context: BuildContext, x: Operand): number {
  return (
    x.shape[1] ?? context.fail(`expected a shape [N, C, ...] but received ${formatShape(x.shape)}`)
  );
}

function perChannel(
  context: BuildContext,
  request: {readonly index: number; readonly what: string; readonly channels: number},
): Float32Array {
  const {index, what, channels} = request;
  const {constant} = context.constantInput(index, what);
  if (constant.data.length !== channels) {
    context.fail(`expected ${what} [${channels}] but received ${formatShape(constant.dims)}`);
  }
  return Float32Array.from(constant.data);
}
