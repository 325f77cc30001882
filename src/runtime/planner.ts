// Keeps a decoded model, to compile it again for other shapes.

import {type BoundModel, compileModel} from '../compile.js';
import {RawTensor} from '../onnx/floats.js';
import type {Attribute, Tensor} from '../onnx/model.js';
import type {CompileOptions} from '../options.js';
import {allocateNative} from './native.js';
import type {PlanOptions} from './open-plan.js';
import type {Plan} from './plan.js';
import {isOpen, type Planner} from './plans.js';
import {openCompiled} from './spool.js';

/**
 * The planner of a model that leaves sizes open; null for others.
 *
 * @param borrowed the model's bytes when they belong to the caller, who may change them
 */
export function makePlanner(
  model: BoundModel,
  first: Plan,
  options: CompileOptions & Pick<PlanOptions, 'device' | 'threads' | 'precision'>,
  borrowed: Uint8Array | null,
): Planner | null {
  const inputs = model.model.inputs.filter(({name}) => !model.constants.has(name));
  if (!inputs.some(isOpen)) return null;
  const bound = borrowed === null ? model : copyModel(model, borrowed);
  const modelBytes = tensorBytes(bound);
  const {memoryBudgetBytes: budgetBytes = Number.POSITIVE_INFINITY} = options;
  if (first.explanation.totals.totalBytes + modelBytes > budgetBytes)
    return {inputs, modelBytes, compile: null};
  return {
    inputs,
    modelBytes,
    compile: (shapes, memoryBudgetBytes) => {
      const program = compileModel(bound, {...options, shapes, memoryBudgetBytes}, allocateNative);
      const {device, threads, precision} = options;
      return {
        explanation: program.explanation,
        open: () => openCompiled(program, {device, threads, memoryBudgetBytes, precision}),
      };
    },
  };
}

/** The model with no tensor left in `bytes`. */
function copyModel(bound: BoundModel, bytes: Uint8Array): BoundModel {
  const {model} = bound;
  const owned = (tensor: Tensor): Tensor => {
    if (memoryOf(tensor) !== bytes.buffer) return tensor;
    if (tensor instanceof RawTensor) return new RawTensor(tensor.dims, tensor.raw.slice());
    return {dtype: tensor.dtype, dims: tensor.dims, data: tensor.data.slice()};
  };
  const initializers = new Map(
    [...model.initializers].map(([name, tensor]) => [name, owned(tensor)]),
  );
  const nodes = model.nodes.map(node => ({
    ...node,
    attributes: new Map(
      [...node.attributes].map(([name, attribute]): [string, Attribute] =>
        attribute.kind === 'tensor'
          ? [name, {kind: 'tensor', value: owned(attribute.value)}]
          : [name, attribute],
      ),
    ),
  }));
  return {...bound, model: {...model, initializers, nodes}};
}

/** Memory behind the tensors of a model; the file itself where they lie in it. */
function tensorBytes({model, constants}: BoundModel): number {
  const tensors: Tensor[] = [...model.initializers.values(), ...constants.values()];
  for (const {attributes} of model.nodes) {
    for (const attribute of attributes.values())
      if (attribute.kind === 'tensor') tensors.push(attribute.value);
  }
  const buffers = new Set(tensors.map(memoryOf));
  return [...buffers].reduce((sum, {byteLength}) => sum + byteLength, 0);
}

function memoryOf(tensor: Tensor): ArrayBufferLike {
  return tensor instanceof RawTensor ? tensor.raw.buffer : tensor.data.buffer;
}
