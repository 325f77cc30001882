// A decoded ONNX model, evaluated by definition in double precision. Shares nothing with src/ but the decoder.

import type {OnnxModel} from '../../../src/onnx/model.js';
import {BINARY_OPS} from './binary.js';
import {Call, type RefOps} from './call.js';
import {CAST_OPS} from './cast.js';
import {CONV_OPS} from './conv.js';
import {GRID_OPS} from './grid-sample.js';
import {MATRIX_OPS} from './matrix.js';
import {MOVE_OPS} from './move.js';
import {NORMALIZE_OPS} from './normalize.js';
import {POOL_OPS} from './pool.js';
import {REDUCE_OPS} from './reduce.js';
import {RESIZE_OPS} from './resize.js';
import {SCALAR_OPS} from './scalar.js';
import {fromTensor, SHAPE_OPS} from './shape.js';
import {map, type RefTensor} from './tensor.js';

/** Every operator the reference knows. */
export const REFERENCE_OPS: RefOps = {
  ...SCALAR_OPS,
  ...BINARY_OPS,
  ...CAST_OPS,
  ...CONV_OPS,
  ...GRID_OPS,
  ...MATRIX_OPS,
  ...MOVE_OPS,
  ...NORMALIZE_OPS,
  ...POOL_OPS,
  ...REDUCE_OPS,
  ...RESIZE_OPS,
  ...SHAPE_OPS,
};

/** The outputs of `model` in its order, for inputs by name. */
export function evaluateModel(
  model: OnnxModel,
  feeds: ReadonlyMap<string, RefTensor>,
): RefTensor[] {
  const values = new Map<string, RefTensor>(feeds);
  for (const [name, tensor] of model.initializers)
    if (!values.has(name)) values.set(name, fromTensor(tensor));
  for (const node of model.nodes) {
    const op = node.domain === '' ? REFERENCE_OPS[node.opType] : undefined;
    if (op === undefined) throw new Error(`the reference does not know ${node.opType}`);
    const inputs = node.inputs.map(name => (name === '' ? null : known(values, name)));
    const result = op(new Call(node, model.opset, inputs));
    const outputs = Array.isArray(result) ? result : [result];
    for (const [index, name] of node.outputs.entries())
      if (name !== '') values.set(name, stored(outputs[index]!));
  }
  return model.outputs.map(({name}) => known(values, name));
}

/** Operators compute in double precision; between them float32 is what it says. */
function stored(value: RefTensor): RefTensor {
  return value.dtype === 'float32' ? map(value, Math.fround) : value;
}

function known(values: ReadonlyMap<string, RefTensor>, name: string): RefTensor {
  const value = values.get(name);
  if (value === undefined) throw new Error(`"${name}" is used before it is computed`);
  return value;
}
