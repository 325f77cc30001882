// Instance normalisation in two nodes: moments that can be made row by row, and what applies them to any rows.

import type {Graph, Node, Value} from '../../graph/graph.js';
import {shapeOf} from '../layout.js';
import {momentsShape} from '../lower/normalize.js';

/** The graph with every normalisation of maps in two; the same graph where there is none. */
export function splitNorms(graph: Graph): Graph {
  const values = new Map(graph.values);
  const nodes = graph.nodes.flatMap(node => splitNorm(graph, node, values) ?? [node]);
  return nodes.length === graph.nodes.length ? graph : {...graph, nodes, values};
}

function splitNorm(graph: Graph, node: Node, values: Map<string, Value>): Node[] | null {
  const {operation, name, inputs, output} = node;
  const shape = shapeOf(graph, output);
  if (operation.op !== 'instanceNorm' || operation.rows !== undefined || shape.length !== 4)
    return null;
  const [batch, channels, rows] = shape as [number, number, number];
  const moments = `${output}/moments`;
  const x = inputs[0]!;
  if (values.has(moments)) return null;
  values.set(moments, {name: moments, dtype: 'float32', shape: momentsShape(batch, channels)});
  return [
    {name, operation: {op: 'moments', row: 0, rows}, inputs: [x], output: moments},
    {name, operation: {...operation, rows}, inputs: [x, moments, ...inputs.slice(1)], output},
  ];
}
