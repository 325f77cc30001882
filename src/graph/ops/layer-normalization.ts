// Normalisations over other axes: Layer-, Group-, RMS-, Lp- and MeanVarianceNormalization.

import {
  type BuildContext,
  type Operand,
  type Registration,
  resolveAxes,
  resolveAxis,
} from '../registration.js';
import {broadcastShapes, elementCount, formatShape, sameShape} from '../shapes.js';
import {emitExpand} from './arrange.js';
import {emitBinary, unaryChain} from './chain.js';
import {channelCount, emitChannelAffine, parameter} from './normalization.js';
import {emitNorm, emitReduce, reducedShape} from './reduce.js';
import {emitReshape} from './reshape.js';

/** The smallest f32 above 0: a norm of 0 divides zeros and gives zeros. */
const SMALLEST = 2 ** -149;

export const LAYER_NORMALIZATION: readonly Registration[] = [
  {
    opType: 'LayerNormalization',
    since: 17,
    attributes: {axis: {kind: 'int'}, epsilon: {kind: 'float'}, stash_type: {kind: 'int'}},
    build: buildLayerNormalization,
  },
  {
    opType: 'GroupNormalization',
    since: 18,
    attributes: {
      epsilon: {kind: 'float'},
      num_groups: {kind: 'int'},
      stash_type: {kind: 'int', since: 21},
    },
    build: buildGroupNormalization,
  },
  {
    opType: 'RMSNormalization',
    since: 23,
    attributes: {axis: {kind: 'int'}, epsilon: {kind: 'float'}, stash_type: {kind: 'int'}},
    build: buildRmsNormalization,
  },
  {
    opType: 'LpNormalization',
    attributes: {axis: {kind: 'int'}, p: {kind: 'int', values: [1, 2]}},
    build: buildLpNormalization,
  },
  {
    opType: 'MeanVarianceNormalization',
    since: 9,
    attributes: {axes: {kind: 'ints'}},
    build: buildMeanVarianceNormalization,
  },
];

/** Over the axes from `axis` on; mean and 1 / standard deviation are further outputs. */
function buildLayerNormalization(context: BuildContext): Operand[] {
  const x = context.input(0);
  const axes = trailingAxes(context, x);
  const epsilon = context.float('epsilon', 1e-5);
  if (context.outputCount === 1) {
    const standard = context.emit({op: 'standardize', axes, epsilon}, [x], x.shape);
    return [emitScaleAndBias(context, standard)];
  }
  const shape = reducedShape(x.shape, axes, true);
  const mean = emitReduce(context, 'mean', {x, axes, shape});
  const centred = emitBinary(context, 'sub', x, mean);
  const inverse = emitInverseRoot(context, centred, {axes, epsilon});
  return [emitScaleAndBias(context, emitBinary(context, 'mul', centred, inverse)), mean, inverse];
}

/** x times input 1, plus input 2 where there is one; both repeat along leading axes. */
function emitScaleAndBias(context: BuildContext, x: Operand): Operand {
  const scaled = emitBinary(context, 'mul', x, repeating(context, x, 1));
  if (context.optional(2) === undefined) return scaled;
  return emitBinary(context, 'add', scaled, repeating(context, x, 2));
}

function repeating(context: BuildContext, x: Operand, index: number): Operand {
  const operand = context.input(index);
  if (!sameShape(broadcastShapes([operand.shape, x.shape]) ?? [], x.shape)) {
    context.fail(
      `expected input ${index} to broadcast to ${formatShape(x.shape)} but received ${formatShape(operand.shape)}`,
    );
  }
  return operand;
}

/** 1 / sqrt(mean(x*x) + epsilon), with the axes kept. */
function emitInverseRoot(
  context: BuildContext,
  x: Operand,
  {axes, epsilon}: {readonly axes: readonly number[]; readonly epsilon: number},
): Operand {
  const shape = reducedShape(x.shape, axes, true);
  const count = elementCount(axes.map(axis => x.shape[axis]!));
  const squares = emitReduce(context, 'sumSquares', {x, axes, shape});
  const raised = context.emit(unaryChain('affine', 1 / count, epsilon), [squares], shape);
  const root = context.emit(unaryChain('sqrt'), [raised], shape);
  return context.emit(unaryChain('reciprocal'), [root], shape);
}

/** The channels fall into groups of neighbours; scale and bias are per group before opset 21, then per channel. */
function buildGroupNormalization(context: BuildContext): Operand {
  const x = context.input(0);
  const channels = channelCount(context, x);
  const groups = context.int('num_groups', 0);
  if (x.shape.length < 2 || groups < 1 || channels % groups !== 0) {
    context.fail(
      `expected num_groups to divide the channels of ${formatShape(x.shape)} but received ${groups}`,
    );
  }
  const grouped = [x.shape[0]!, groups, channels / groups, ...x.shape.slice(2)];
  const axes = grouped.map((_, axis) => axis).slice(2);
  const standard = context.emit(
    {op: 'standardize', axes, epsilon: context.float('epsilon', 1e-5)},
    [emitReshape(context, x, grouped)],
    grouped,
  );
  const [scale, bias] = ['scale', 'bias'].map((what, index) => {
    if (context.opset >= 21) return parameter(context, {index: index + 1, what, shape: [channels]});
    const perGroup = parameter(context, {index: index + 1, what, shape: [groups]});
    const column = emitReshape(context, perGroup, [groups, 1]);
    const wide = emitExpand(context, column, [groups, channels / groups]);
    return emitReshape(context, wide, [channels]);
  }) as [Operand, Operand];
  return emitChannelAffine(context, emitReshape(context, standard, x.shape), scale, bias);
}

/** x / sqrt(mean(x*x) + epsilon) * scale, over the axes from `axis` on. */
function buildRmsNormalization(context: BuildContext): Operand {
  const x = context.input(0);
  const axes = trailingAxes(context, x);
  const inverse = emitInverseRoot(context, x, {axes, epsilon: context.float('epsilon', 1e-5)});
  return emitBinary(
    context,
    'mul',
    emitBinary(context, 'mul', x, inverse),
    repeating(context, x, 1),
  );
}

function trailingAxes(context: BuildContext, x: Operand): number[] {
  const axis = resolveAxis(context, context.int('axis', -1), x.shape.length);
  return x.shape.map((_, index) => index).slice(axis);
}

/** x divided by its norm along one axis; zeros stay zeros. */
function buildLpNormalization(context: BuildContext): Operand {
  const x = context.input(0);
  const axes = [resolveAxis(context, context.int('axis', -1), x.shape.length)];
  const window = {x, axes, shape: reducedShape(x.shape, axes, true)};
  const norm =
    context.int('p', 2) === 1 ? emitReduce(context, 'sumAbs', window) : emitNorm(context, window);
  const divisor = context.emit(
    unaryChain('clip', SMALLEST, Number.POSITIVE_INFINITY),
    [norm],
    norm.shape,
  );
  return emitBinary(context, 'div', x, divisor);
}

/** (x - mean) / standard deviation; where that is 0 the result is. */
function buildMeanVarianceNormalization(context: BuildContext): Operand {
  const x = context.input(0);
  const requested = context.ints('axes') ?? [0, 2, 3];
  const axes = resolveAxes(context, requested, x.shape.length).sort((a, b) => a - b);
  // ONNX adds 1e-9 to the deviation; this is its square.
  return context.emit({op: 'standardize', axes, epsilon: 1e-18}, [x], x.shape);
}
