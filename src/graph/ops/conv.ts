// Conv and ConvTranspose over one to three spatial axes.

import {IDENTITY} from '../functions.js';
import type {ConvGeometry} from '../graph.js';
import {type BuildContext, isConstant, type Operand, type Registration} from '../registration.js';
import {formatShape, type Shape} from '../shapes.js';
import {emitBinary} from './chain.js';
import {floatData, floatWeights} from './float-data.js';
import {emitReshape} from './reshape.js';
import {
  readInts,
  readWindow,
  resolveSame,
  splitPads,
  WINDOW_ATTRIBUTES,
  type Window,
  windowExtent,
} from './window.js';

export const CONVOLUTIONS: readonly Registration[] = [
  {
    opType: 'Conv',
    limits: 'one to three spatial axes',
    attributes: {...WINDOW_ATTRIBUTES, group: {kind: 'int'}},
    build: buildConv,
  },
  {
    opType: 'ConvTranspose',
    limits: 'one to three spatial axes',
    attributes: {
      ...WINDOW_ATTRIBUTES,
      group: {kind: 'int'},
      output_padding: {kind: 'ints'},
      output_shape: {kind: 'ints'},
    },
    build: buildConvTranspose,
  },
];

/** The operands of either convolution, checked as far as both agree. */
interface ConvCall {
  readonly x: Operand;
  readonly inputSizes: readonly number[];
  readonly weights: Operand;
  readonly weightsShape: Shape;
  readonly bias: Operand | undefined;
  readonly isWhole: boolean;
  readonly groups: number;
  readonly window: Window;
}

function buildConv(context: BuildContext): Operand {
  return emitConvolution(context, readOperands(context));
}

function readOperands(context: BuildContext): ConvOperands {
  return {x: context.input(0), weights: context.input(1), bias: context.optional(2)};
}

/** What a convolution reads; its attributes are those of the node. */
export interface ConvOperands {
  readonly x: Operand;
  readonly weights: Operand;
  readonly bias: Operand | undefined;
  /** All are whole numbers, and so shall be the sums. */
  readonly isWhole?: boolean;
}

/** The convolution that the attributes of the node describe, of any operands. */
export function emitConvolution(context: BuildContext, operands: ConvOperands): Operand {
  const call = readCall(context, operands);
  const {x, inputSizes, weightsShape, groups} = call;
  const [outChannels, depth] = weightsShape as [number, number];
  if (depth * groups !== x.shape[1] || outChannels % groups !== 0) failChannels(context, call);

  const {autoPad} = call.window;
  const window = autoPad.startsWith('SAME') ? resolveSame(call.window, inputSizes) : call.window;
  const sizes = inputSizes.map((size, axis) => {
    const span = size + window.padBegin[axis]! + window.padEnd[axis]! - windowExtent(window, axis);
    return Math.floor(span / window.strides[axis]!) + 1;
  });
  return emitConv(context, {...call, window}, {transposed: false, sizes, outChannels});
}

function buildConvTranspose(context: BuildContext): Operand {
  const call = readCall(context, readOperands(context));
  const {x, weightsShape, groups} = call;
  const [inChannels, depth] = weightsShape as [number, number];
  if (inChannels !== x.shape[1] || inChannels % groups !== 0) failChannels(context, call);

  const {padBegin, sizes} = resolveTransposed(context, call);
  const window = {...call.window, padBegin};
  return emitConv(
    context,
    {...call, window},
    {transposed: true, sizes, outChannels: depth * groups},
  );
}

/**
 * Output sizes and leading pads of a transposed convolution.
 *
 * size = stride*(in - 1) + output_padding + extent - pads. With output_shape or SAME the pads follow
 * from a wanted size and are never negative: what the window does not reach is appended at the end
 * (output_shape) or left out (SAME). That is how onnxruntime reads the ONNX text.
 */
function resolveTransposed(
  context: BuildContext,
  call: ConvCall,
): {readonly padBegin: readonly number[]; readonly sizes: readonly number[]} {
  const {inputSizes, window} = call;
  const count = inputSizes.length;
  const outputPadding = readInts(context, 'output_padding', {count, fallback: 0, minimum: 0});
  const natural = inputSizes.map(
    (size, axis) =>
      window.strides[axis]! * (size - 1) + outputPadding[axis]! + windowExtent(window, axis),
  );

  const isUpper = window.autoPad === 'SAME_UPPER';
  const requested = context.ints('output_shape');
  if (requested !== undefined && requested.length > 0) {
    // Some exporters write batch and channels too.
    const sizes = requested.slice(-count);
    if (requested.length !== count && requested.length !== count + 2) {
      context.fail(
        `attribute output_shape: expected ${count} sizes but received [${requested.join(', ')}]`,
      );
    }
    const totals = natural.map((size, axis) => Math.max(0, size - sizes[axis]!));
    return {padBegin: splitPads(totals, isUpper).padBegin, sizes};
  }

  const pads = window.autoPad.startsWith('SAME')
    ? splitPads(
        natural.map((size, axis) => Math.max(0, size - inputSizes[axis]! * window.strides[axis]!)),
        isUpper,
      )
    : window;
  const sizes = natural.map((size, axis) => size - pads.padBegin[axis]! - pads.padEnd[axis]!);
  return {padBegin: pads.padBegin, sizes};
}

function readCall(
  context: BuildContext,
  {x, weights, bias, isWhole = false}: ConvOperands,
): ConvCall {
  const spatialRank = x.shape.length - 2;
  if (spatialRank > 3) context.unsupported(`${context.opType} with ${spatialRank} spatial axes`);
  if (spatialRank < 1) {
    context.fail(
      `expected an input [N, C, D, H, W], [N, C, H, W] or [N, C, W] but received ${formatShape(x.shape)}`,
    );
  }

  const weightsShape = weights.shape;
  const kernel = weightsShape.slice(2);
  const declared = context.ints('kernel_shape') ?? kernel;
  const isMatching = kernel.length === spatialRank && declared.join() === kernel.join();
  if (!isMatching || weightsShape.some(size => size < 1)) {
    context.fail(
      `expected weights [.., .., ${declared.join(', ')}] for an input ${formatShape(x.shape)} but received ${formatShape(weightsShape)}`,
    );
  }

  const groups = context.int('group', 1);
  if (groups < 1) context.fail(`attribute group: expected 1 or more but received ${groups}`);
  return {
    x,
    inputSizes: x.shape.slice(2),
    weights,
    weightsShape,
    bias,
    isWhole,
    groups,
    window: readWindow(context, kernel),
  };
}

function failChannels(context: BuildContext, {x, weightsShape, groups}: ConvCall): never {
  context.fail(
    `expected weights for ${x.shape[1]} input channels in ${groups} group(s) but received ${formatShape(weightsShape)}`,
  );
}

function emitConv(
  context: BuildContext,
  call: ConvCall,
  result: {
    readonly transposed: boolean;
    readonly sizes: readonly number[];
    readonly outChannels: number;
  },
): Operand {
  const {x, weights, groups, window} = call;
  const {transposed, sizes, outChannels} = result;
  if (sizes.some(size => size < 1)) {
    context.fail(
      `expected a window that fits the padded input ${formatShape(x.shape)} but the output would be ${formatShape(sizes)}`,
    );
  }

  const {kernel, strides, dilations, padBegin} = window;
  const geometry: ConvGeometry = {transposed, groups, kernel, strides, dilations, padBegin};
  const shape = [x.shape[0]!, outChannels, ...sizes];
  const bias = checkBias(context, call.bias, outChannels);
  if (isConstant(weights)) {
    const isFolded = bias === undefined || isConstant(bias);
    const constant = bias !== undefined && isConstant(bias) ? bias.constant : null;
    const sum = context.emit(
      {
        op: 'conv',
        geometry,
        ...(call.isWhole ? {isWhole: true} : {}),
        weights: floatWeights(context, weights.constant, 'weights'),
        bias: constant && floatData(context, constant, 'bias'),
        epilogue: {activation: IDENTITY},
      },
      [x],
      shape,
    );
    if (isFolded) return sum;
    const channels = [outChannels, ...sizes.map(() => 1)];
    return emitBinary(context, 'add', sum, emitReshape(context, bias, channels));
  }
  return context.emit(
    {op: 'dynamicConv', geometry, hasBias: bias !== undefined, epilogue: {activation: IDENTITY}},
    [x, weights, ...(bias === undefined ? [] : [bias])],
    shape,
  );
}

function checkBias(
  context: BuildContext,
  bias: Operand | undefined,
  outChannels: number,
): Operand | undefined {
  if (bias !== undefined && (bias.shape.length !== 1 || bias.shape[0] !== outChannels))
    context.fail(`expected bias [${outChannels}] but received ${formatShape(bias.shape)}`);
  return bias;
}
