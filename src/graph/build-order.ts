// Puts the nodes of a model into an order in which every value is made before it is used.

import {UntangleError} from '../errors.js';
import type {OnnxModel, OnnxNode} from '../onnx/model.js';
import {failNode} from './build-context.js';

/**
 * The model's nodes, each after the nodes it reads from. A file in order keeps its order.
 *
 * @throws ERR_MODEL_INVALID for a cycle, a value made twice or a value that nothing makes
 */
export function sortNodes(model: OnnxModel): readonly OnnxNode[] {
  const producers = findProducers(model);
  const position = new Map(model.nodes.map((node, index) => [node, index]));
  const isSorted = model.nodes.every((node, index) =>
    node.inputs.every(input => (position.get(producers.get(input)!) ?? -1) < index),
  );
  return isSorted ? model.nodes : sortByReadiness(model.nodes, producers);
}

/** The node that makes each value; inputs and initializers have none. */
function findProducers(model: OnnxModel): Map<string, OnnxNode> {
  const given = new Set([...model.inputs.map(input => input.name), ...model.initializers.keys()]);
  const producers = new Map<string, OnnxNode>();

  for (const node of model.nodes) {
    for (const output of node.outputs) {
      if (output === '') continue;
      if (given.has(output) || producers.has(output))
        failNode(node, `value "${output}" is made twice`);
      producers.set(output, node);
    }
  }
  for (const node of model.nodes) {
    for (const input of node.inputs) {
      if (input === '' || given.has(input) || producers.has(input)) continue;
      failNode(
        node,
        `input "${input}" is neither a graph input, nor an initializer, nor made by a node`,
      );
    }
  }
  for (const {name} of model.outputs) {
    if (given.has(name) || producers.has(name)) continue;
    throw new UntangleError(
      'ERR_MODEL_INVALID',
      [name, 'graph output', 'nothing makes this value'],
      {node: name},
    );
  }

  return producers;
}

function sortByReadiness(
  nodes: readonly OnnxNode[],
  producers: ReadonlyMap<string, OnnxNode>,
): OnnxNode[] {
  const consumers = new Map<OnnxNode, OnnxNode[]>(nodes.map(node => [node, []]));
  const waiting = new Map<OnnxNode, number>();
  for (const node of nodes) {
    const sources = new Set(node.inputs.flatMap(input => producers.get(input) ?? []));
    waiting.set(node, sources.size);
    for (const source of sources) consumers.get(source)!.push(node);
  }

  const sorted = nodes.filter(node => waiting.get(node) === 0);
  // Grows while it is walked.
  for (const node of sorted) {
    for (const consumer of consumers.get(node)!) {
      const left = waiting.get(consumer)! - 1;
      waiting.set(consumer, left);
      if (left === 0) sorted.push(consumer);
    }
  }

  const stuck = nodes.find(node => waiting.get(node)! > 0);
  if (stuck !== undefined)
    failNode(stuck, 'expected an acyclic graph but this node is on or behind a cycle');
  return sorted;
}
