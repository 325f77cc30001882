// Damage to the meaning of a model: the file stays well-formed protobuf.

import {DEFAULT_LIMITS} from '../../src/onnx/limits.js';
import {MODEL} from '../../src/onnx/proto.js';
import {readMessage, writeMessage} from '../../src/onnx/wire.js';
import type {Case, GraphMessage, ModelMessage} from './model-message.js';
import {ATTRIBUTE_MUTATIONS} from './mutate-attributes.js';
import {NODE_MUTATIONS} from './mutate-nodes.js';
import {TENSOR_MUTATIONS} from './mutate-tensors.js';
import type {Random} from './random.js';

const MUTATIONS = [TENSOR_MUTATIONS, TENSOR_MUTATIONS, ATTRIBUTE_MUTATIONS, NODE_MUTATIONS];

/** One to four changes of the model in `bytes`; null when these are no model. */
export function mutateModel(
  random: Random,
  bytes: Uint8Array,
  other: Uint8Array,
): Uint8Array | null {
  const model = readModel(bytes);
  const donor = readModel(other);
  if (model === null || donor === null) return null;
  const graph = model.graph as Required<GraphMessage>;
  const target: Case = {random, model, graph, other: donor.graph as Required<GraphMessage>};
  for (let left = 1 + random.below(4); left > 0; left--)
    random.pick(random.pick(MUTATIONS))(target);
  try {
    return writeMessage(model, MODEL);
  } catch {
    // A number that its field cannot hold.
    return null;
  }
}

function readModel(bytes: Uint8Array): ModelMessage | null {
  try {
    const model = readMessage<ModelMessage>(bytes, MODEL, DEFAULT_LIMITS);
    return model.graph === undefined ? null : model;
  } catch {
    return null;
  }
}
