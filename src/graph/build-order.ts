// Puts the nodes of a model into an order in which every value is made before it is used.

import type {OnnxNode} from '../onnx/model.js';
import {failNode} from './build-context.js';
import {nodeReads} from './inline-branch.js';

/**
 * Nodes, each after the nodes it reads from. A file in order keeps its order.
 *
 * @param isGiven whether a value is there from the start
 * @throws ERR_MODEL_INVALID for a cycle, a value made twice or a value that nothing makes
 */
export function sortNodes(
  nodes: readonly OnnxNode[],
  isGiven: (name: string) => boolean,
): readonly OnnxNode[] {
  const reads = new Map(nodes.map(node => [node, nodeReads(node)]));
  const producers = findProducers(reads, isGiven);
  const position = new Map(nodes.map((node, index) => [node, index]));
  const isSorted = nodes.every((node, index) =>
    reads.get(node)!.every(input => (position.get(producers.get(input)!) ?? -1) < index),
  );
  return isSorted ? nodes : sortByReadiness(reads, producers);
}

/** What each node reads, in the order of the file. */
type Reads = ReadonlyMap<OnnxNode, readonly string[]>;

/** The node that makes each value; inputs and initializers have none. */
function findProducers(reads: Reads, isGiven: (name: string) => boolean): Map<string, OnnxNode> {
  const producers = new Map<string, OnnxNode>();
  for (const node of reads.keys()) {
    for (const output of node.outputs) {
      if (output === '') continue;
      if (isGiven(output) || producers.has(output))
        failNode(node, `value "${output}" is made twice`);
      producers.set(output, node);
    }
  }
  for (const [node, inputs] of reads) {
    for (const input of inputs) {
      if (input === '' || isGiven(input) || producers.has(input)) continue;
      failNode(
        node,
        `input "${input}" is neither a graph input, nor an initializer, nor made by a node`,
      );
    }
  }
  return producers;
}

function sortByReadiness(reads: Reads, producers: ReadonlyMap<string, OnnxNode>): OnnxNode[] {
  const nodes = [...reads.keys()];
  const consumers = new Map<OnnxNode, OnnxNode[]>(nodes.map(node => [node, []]));
  const waiting = new Map<OnnxNode, number>();
  for (const node of nodes) {
    const sources = new Set(reads.get(node)!.flatMap(input => producers.get(input) ?? []));
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
