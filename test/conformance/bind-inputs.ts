// Inputs of a model turned into initializers, in the file itself.

import {resolveLimits} from '../../src/onnx/limits.js';
import type {Tensor} from '../../src/onnx/model.js';
import {MODEL, type ModelProto} from '../../src/onnx/proto.js';
import {tensorProto} from '../../src/onnx/tensor-file.js';
import {readMessage, writeMessage} from '../../src/onnx/wire.js';

/** The model with the inputs in `constants` (by name) as initializers. */
export function bindInputs(bytes: Uint8Array, constants: ReadonlyMap<string, Tensor>): Uint8Array {
  if (constants.size === 0) return bytes;
  const proto = readMessage<ModelProto>(bytes, MODEL, resolveLimits({}));
  const initializers = [...constants].map(([name, {dtype, dims, data}]) =>
    // Halves are decoded already; their bits would be needed to write them as what they are.
    tensorProto({name, dims, data, dtype: dtype.startsWith('float') ? 'float32' : dtype}),
  );
  const graph = {
    ...proto.graph!,
    initializer: [...proto.graph!.initializer, ...initializers],
  };
  return writeMessage({...proto, graph}, MODEL);
}
