// Operations on maps [N, H, W, C]: convolutions, gemms, pools and instance normalisation.

import {UntangleError} from '../../errors.js';
import type {Epilogue, Node, Operation} from '../../graph/graph.js';
import type {ScheduleName} from '../candidates.js';
import {NORMALIZE_CHUNKS, type StepEpilogue, type View} from '../steps.js';
import {elementCount, identityOrder, normalize, reshapeView} from '../view-math.js';
import {lowerConv} from './conv.js';
import {denseCopy, emit, type Lowering, mapOf, toMap} from './lowering.js';

/** How convolutions are scheduled. */
export interface ConvOptions {
  readonly schedule: ScheduleName;
}

type OperationOf<Op extends Operation['op']> = Extract<Operation, {op: Op}>;

export function lowerConvolution(node: Node, operation: OperationOf<'conv'>, lowering: Lowering, options: ConvOptions): void {
  const {residual} = operation.epilogue;
  const places = {
    x: mapOf(lowering, {name: node.name, value: node.inputs[0]!}),
    y: toMap(lowering.target(node.output)),
    residual: residual === undefined ? null : mapOf(lowering, {name: node.name, value: residual}),
  };
  for (const step of lowerConv(node, operation, places, lowering.buffers, options)) lowering.emit(step);
}

/** A gemm is a 1x1 convolution over its rows. */
export function lowerGemm(node: Node, operation: OperationOf<'gemm'>, lowering: Lowering, options: ConvOptions): void {
  const {residual} = operation.epilogue;
  const x = withUnitColumns(lowering, node, node.inputs[0]!);
  const addend = residual === undefined ? null : withUnitColumns(lowering, node, residual);
  const y = lowering.target(node.output);
  const isMergeable = [x, y, addend].every(view => view === null || toRows(view) !== null);
  const toPixels = (view: View) => (isMergeable ? toRows(view)! : padRank(node, view));

  const places = {x: toPixels(x), y: toPixels(y), residual: addend && toPixels(addend)};
  for (const step of lowerConv(node, operation, places, lowering.buffers, options)) lowering.emit(step);
}

/** The value with its last dimension contiguous, copied when it is not. */
function withUnitColumns(lowering: Lowering, node: Node, name: string): View {
  const view = lowering.view(name);
  if (view.shape.at(-1) === 1 || view.strides.at(-1) === 1) return view;
  return denseCopy(lowering, node.name, {view, order: identityOrder(view.shape.length)});
}

/** [.., K] as [1, 1, M, K], or null when the rows are not evenly spaced. */
function toRows(view: View): View | null {
  const columns = view.shape.at(-1)!;
  const rows = reshapeView(view, [1, 1, elementCount(view.shape) / columns, columns]);
  return rows && withChannelStride(rows);
}

/** [.., K] as [A, B, C, K]. */
function padRank(node: Node, view: View): View {
  const rank = view.shape.length;
  if (rank > 4) throw new UntangleError('ERR_INTERNAL', [`gemm "${node.name}" on ${rank} dimensions cannot be flattened`]);
  const lead = (fill: number) => new Array<number>(4 - rank).fill(fill);
  return withChannelStride({...view, shape: [...lead(1), ...view.shape], strides: [...lead(0), ...view.strides]});
}

function withChannelStride(view: View): View {
  return view.shape[3] === 1 ? {...view, strides: [...view.strides.slice(0, 3), 1]} : view;
}

export function lowerPool(node: Node, operation: OperationOf<'pool'>, lowering: Lowering): void {
  const pair = (values: readonly number[], missing: number) => [values.length > 1 ? values[0]! : missing, values.at(-1)!] as const;
  emit(lowering, {
    op: 'pool',
    name: node.name,
    schedule: '',
    x: mapOf(lowering, {name: node.name, value: node.inputs[0]!}),
    y: toMap(lowering.target(node.output)),
    fn: operation.fn,
    kernel: pair(operation.kernel, 1),
    strides: pair(operation.strides, 1),
    dilations: pair(operation.dilations, 1),
    padBegin: pair(operation.padBegin, 0),
    padEnd: pair(operation.padEnd, 0),
    countIncludePad: operation.countIncludePad,
  });
}

export function lowerInstanceNorm(node: Node, operation: OperationOf<'instanceNorm'>, lowering: Lowering): void {
  const {residual} = operation.epilogue;
  const x = mapOf(lowering, {name: node.name, value: node.inputs[0]!});
  const y = toMap(lowering.target(node.output));
  const [batch, , , channels] = x.shape as [number, number, number, number];
  const scratchShape = [NORMALIZE_CHUNKS * 2 + 2, batch, channels];
  emit(lowering, {
    op: 'normalize',
    name: node.name,
    schedule: '',
    x,
    y,
    scale: lowering.buffers.constant(operation.scale),
    epsilon: operation.epsilon,
    scratch: reshapeView(lowering.buffers.scratch(elementCount(scratchShape)), scratchShape)!,
    epilogue: stepEpilogue(operation.epilogue, {
      lowering,
      bias: operation.bias,
      residual: residual === undefined ? null : mapOf(lowering, {name: node.name, value: residual}),
    }),
  });
}

function stepEpilogue(epilogue: Epilogue, operands: {lowering: Lowering; bias: Float32Array; residual: View | null}): StepEpilogue {
  const {buffers} = operands.lowering;
  return {
    bias: buffers.constant(operands.bias),
    residual: operands.residual && normalize(operands.residual),
    activation: epilogue.activation,
    slope: epilogue.slope === undefined ? null : buffers.constant(epilogue.slope),
  };
}
