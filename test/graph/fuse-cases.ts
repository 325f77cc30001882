// What the tests of passes share.

import assert from 'node:assert/strict';
import {IDENTITY} from '../../src/graph/functions.js';
import type {Graph, Operation} from '../../src/graph/graph.js';
import {assertSameResults, GraphBuilder, integers} from './fuse-builder.js';

/** What `pass` makes of a graph, checked to compute the same. */
export function after(graph: Graph, pass: (graph: Graph) => Graph): Graph {
  const result = pass(graph);
  assertSameResults(graph, result);
  return result;
}

export function withMap(shape: readonly number[] = [2, 4, 3, 3]): {b: GraphBuilder; x: string} {
  const b = new GraphBuilder();
  return {b, x: b.input('x', shape)};
}

export function only<Op extends Operation['op']>(
  graph: Graph,
  op: Op,
): Extract<Operation, {op: Op}> {
  const found = graph.nodes.filter(node => node.operation.op === op);
  assert.equal(found.length, 1);
  return found[0]!.operation as Extract<Operation, {op: Op}>;
}

/** Every node with weights, over x [2, 4, 3, 3]. */
export const PRODUCERS: Readonly<Record<string, (b: GraphBuilder, x: string) => string>> = {
  conv: (b, x) => b.conv(x, {kernel: [3, 3], padBegin: [1, 1]}),
  'grouped conv': (b, x) => b.conv(x, {groups: 2}, [2, 6, 3, 3]),
  'depthwise conv': (b, x) => b.conv(x, {groups: 4, kernel: [2, 2]}, [2, 4, 2, 2]),
  'transposed conv': (b, x) =>
    b.conv(x, {transposed: true, kernel: [2, 3], strides: [2, 2]}, [2, 5, 6, 7]),
  'grouped transposed conv': (b, x) =>
    b.conv(x, {transposed: true, groups: 2, kernel: [2, 2], strides: [2, 2]}, [2, 6, 6, 6]),
  gemm: (b, x) => b.gemm(x, 5),
  instanceNorm: (b, x) =>
    b.node(
      {
        op: 'instanceNorm',
        epsilon: 1e-5,
        scale: integers(4, 2),
        bias: integers(4, 4),
        epilogue: {activation: IDENTITY},
      },
      [x],
      b.shape(x),
    ),
};
