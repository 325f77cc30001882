// Which type the weights of each layer are stored as.

import type {Graph, Node} from '../graph/graph.js';
import type {Weights} from '../graph/weights.js';
import type {WeightType} from '../untangle/stored-weights.js';

/** The smallest layers, which together have this part of all weights, are rounded to fp16 where others are to int8. */
const SMALL_PART = 1 / 16;

/**
 * Types by the output of a node; nodes that are left out have f32 weights.
 *
 * Depthwise kernels stay f32: they are few bytes, and nothing averages their errors. Of int8 the smallest layers are spared, which
 * matter as much as others (first layers, heads) and cost next to nothing; and whole numbers of quantized models, which fp16 holds
 * exactly.
 */
export function weightTypes(graph: Graph, asked: WeightType = 'fp32'): Map<string, WeightType> {
  const types = new Map<string, WeightType>();
  if (asked === 'fp32') return types;
  const small = asked === 'int8' ? smallCount(graph) : 0;
  for (const node of graph.nodes) {
    const weights = weightsOf(node);
    if (weights === null) continue;
    const isSpared = asked === 'int8' && (weights.length <= small || isWhole(node));
    types.set(node.output, isSpared ? 'fp16' : asked);
  }
  return types;
}

/** Weights of the largest layer that is small: it and all smaller ones together have no more than their part. */
function smallCount(graph: Graph): number {
  // Nodes may share their weights, as those of one layer in bands do.
  const layers = new Set(graph.nodes.map(weightsOf).filter(weights => weights !== null));
  const counts = [...layers].map(({length}) => length).sort((a, b) => a - b);
  const most = counts.reduce((sum, count) => sum + count, 0) * SMALL_PART;
  let sum = 0;
  let small = 0;
  for (const [index, count] of counts.entries()) {
    sum += count;
    if (sum > most) break;
    if (count !== counts[index + 1]) small = count;
  }
  return small;
}

/** Constant weights of a convolution or a matrix product, but for depthwise ones; null for all others. */
function weightsOf({operation}: Node): Weights['values'] | null {
  if (operation.op === 'gemm') return operation.weights.values;
  if (operation.op !== 'conv') return null;
  const {weights, geometry} = operation;
  const {groups, kernel} = geometry;
  const elements = kernel.reduce((product, size) => product * size, 1);
  const isDepthwise = groups > 1 && weights.values.length === groups * elements;
  return isDepthwise ? null : weights.values;
}

function isWhole({operation}: Node): boolean {
  return operation.op === 'conv' && operation.isWhole === true;
}
