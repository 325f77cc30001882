// Instance normalisation, of a whole map or of one that comes in runs of rows.

import {IDENTITY} from '../../graph/functions.js';
import type {Epilogue, Node} from '../../graph/graph.js';
import {toMap} from '../map-view.js';
import {NORMALIZE_CHUNKS, type StepEpilogue, type View} from '../steps.js';
import {elementCount, normalize, reshapeView} from '../view-math.js';
import {emit, type Lowering, mapOf} from './lowering.js';
import {type OperationOf, residualMap} from './maps.js';

/** [2 * NORMALIZE_CHUNKS + 2, N, C]: the moments of each chunk of a map, and what becomes of them. */
export function momentsShape(batch: number, channels: number): readonly [number, number, number] {
  return [NORMALIZE_CHUNKS * 2 + 2, batch, channels];
}

export function lowerInstanceNorm(
  node: Node,
  operation: OperationOf<'instanceNorm'>,
  lowering: Lowering,
): void {
  const {residual} = operation.epilogue;
  const x = mapOf(lowering, {name: node.name, value: node.inputs[0]!});
  const y = toMap(lowering.target(node.output));
  const [batch, height, , channels] = x.shape as [number, number, number, number];
  const shape = momentsShape(batch, channels);
  emit(lowering, {
    op: 'normalize',
    name: node.name,
    schedule: '',
    x,
    y,
    scale: lowering.buffers.constant(operation.scale),
    epsilon: operation.epsilon,
    part: operation.rows === undefined ? 'all' : 'apply',
    row: 0,
    rows: operation.rows ?? height,
    scratch:
      operation.rows === undefined
        ? reshapeView(lowering.buffers.scratch(elementCount(shape)), shape)!
        : lowering.view(node.inputs[1]!),
    epilogue: stepEpilogue(operation.epilogue, {
      lowering,
      bias: operation.bias,
      residual: residual === undefined ? null : residualMap(lowering, node, residual),
    }),
  });
}

/** Moments go on in the memory of those of the rows before. */
export function lowerMoments(
  node: Node,
  operation: OperationOf<'moments'>,
  lowering: Lowering,
): void {
  const [value, before] = node.inputs as [string, string | undefined];
  const x = mapOf(lowering, {name: node.name, value});
  const scratch = before === undefined ? lowering.target(node.output) : lowering.view(before);
  emit(lowering, {
    op: 'normalize',
    name: node.name,
    schedule: '',
    x,
    y: x,
    scale: null,
    epsilon: 0,
    part: 'moments',
    row: operation.row,
    rows: operation.rows,
    scratch,
    epilogue: {bias: null, residual: null, activation: IDENTITY, slope: null},
  });
  lowering.setView(node.output, scratch);
}

function stepEpilogue(
  epilogue: Epilogue,
  operands: {lowering: Lowering; bias: Float32Array; residual: View | null},
): StepEpilogue {
  const {buffers} = operands.lowering;
  return {
    bias: buffers.constant(operands.bias),
    residual: operands.residual && normalize(operands.residual),
    activation: epilogue.activation,
    slope: epilogue.slope === undefined ? null : buffers.constant(epilogue.slope),
  };
}
