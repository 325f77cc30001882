// Bytes alive while the nodes of a graph are computed one after another, before anything is lowered.

import {overwritableValues} from '../in-place.js';
import {shapeOf} from '../layout.js';
import type {BandGraph} from './band-graph.js';
import {ROW_AXIS} from './rows.js';

/** Bytes of inputs and earlier results alive before each node: those that it or a later one reads. */
export function aliveBytes({nodes, inputs, heldBytes}: BandGraph): number[] {
  const alive = new Array<number>(nodes.length + 1).fill(0);
  const add = (from: number, to: number, bytes: number) => {
    for (let at = from; at <= Math.min(to, nodes.length); at++) alive[at]! += bytes;
  };
  for (const {bytes, lastUse} of inputs) add(0, lastUse, bytes);
  nodes.forEach(({lastUse}, index) => {
    add(index + 1, lastUse, heldBytes[index]!);
  });
  return alive;
}

/** Bytes that a node takes when it is computed whole, beside what is alive before it. */
export function wholeBytes({nodes, graph}: BandGraph, index: number, isCopied: boolean): number {
  const {node, bytes, copiedRowBytes, producers, shape} = nodes[index]!;
  const dyingBytes = (producer = -1) =>
    producer >= 0 && nodes[producer]!.lastUse === index ? nodes[producer]!.bytes : 0;
  if (node.operation.op === 'concat') {
    const parts = producers.reduce((sum, producer) => sum + dyingBytes(producer), 0);
    return isCopied ? bytes : Math.max(0, bytes - parts);
  }
  const isOver = overwritableValues(node).some(
    name => dyingBytes(producers[node.inputs.indexOf(name)]) === bytes,
  );
  const added = isOver ? 0 : bytes;
  const moved = copiedRowBytes * (shapeOf(graph, node.inputs[0]!)[ROW_AXIS] ?? 1);
  return added + moved + shape.scratchBytes;
}

/**
 * Concats whose parts should wait where they are computed: the whole would be there from the first part on, while memory is
 * needed for what makes the others.
 */
export function concatsToCopy(graph: BandGraph): Set<string> {
  const {nodes} = graph;
  const alive = aliveBytes(graph);
  const copied = new Set<string>();
  nodes.forEach(({node, bytes, producers}, index) => {
    const parts = producers.filter(producer => producer >= 0);
    if (node.operation.op !== 'concat' || parts.length === 0) return;
    // In bands the whole is never there.
    let apart = alive[index]! + (nodes[index]!.needs === null ? bytes : 0);
    let [inPlace, there] = [0, 0];
    for (let at = Math.min(...parts); at < index; at++) {
      const most = alive[at]! + wholeBytes(graph, at, false);
      if (parts.includes(at)) there += nodes[at]!.bytes;
      inPlace = Math.max(inPlace, most + Math.max(0, bytes - there));
      apart = Math.max(apart, most);
    }
    if (apart < inPlace) copied.add(node.output);
  });
  return copied;
}
