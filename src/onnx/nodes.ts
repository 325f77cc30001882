// NodeProto → OnnxNode, with the subgraphs in its attributes.

import {decodeAttribute} from './attributes.js';
import {canonicalDomain} from './inline-functions.js';
import type {Attribute, OnnxGraph, OnnxNode, Tensor} from './model.js';
import type {GraphProto, NodeProto, TensorProto} from './proto.js';
import {decodeTensorProto, type TensorContext} from './tensor.js';
import {formatError} from './wire.js';

export function convertNode(node: NodeProto, context: TensorContext): OnnxNode {
  const name = node.name ?? '';
  const opType = node.opType ?? '';
  if (opType === '') throw formatError(`node "${name}" names no operator`);
  const attributes = new Map<string, Attribute>();
  for (const attribute of node.attribute) {
    const key = attribute.name ?? '';
    if (attributes.has(key))
      throw formatError(`node "${name}" (${opType}) has attribute "${key}" twice`);
    attributes.set(
      key,
      decodeAttribute(attribute, context, graph => convertSubgraph(graph, context)),
    );
  }
  return {
    name,
    opType,
    domain: canonicalDomain(node.domain),
    inputs: node.input,
    outputs: node.output,
    attributes,
    ...(node.opset === undefined ? {} : {opset: node.opset}),
  };
}

/** A branch or body; depth is bounded by the nesting depth of messages. */
function convertSubgraph(graph: GraphProto, context: TensorContext): OnnxGraph {
  if (graph.sparseInitializer.length > 0)
    throw formatError('a subgraph has sparse initializers, which are not supported');
  return {
    nodes: graph.node.map(node => convertNode(node, context)),
    inputs: graph.input.map(({name = ''}) => name),
    outputs: graph.output.map(({name = ''}) => name),
    initializers: convertInitializers(graph.initializer, context),
  };
}

export function convertInitializers(
  tensors: readonly TensorProto[],
  context: TensorContext,
): Map<string, Tensor> {
  const initializers = new Map<string, Tensor>();
  for (const tensor of tensors) {
    const name = tensor.name ?? '';
    if (name === '') throw formatError('an initializer has no name');
    if (initializers.has(name)) throw formatError(`initializer "${name}" appears twice`);
    initializers.set(name, decodeTensorProto(tensor, context));
  }
  return initializers;
}
