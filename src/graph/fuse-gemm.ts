// Writes the map behind a dense layer directly, channels last.
//
// Generators often begin with gemm -> reshape to [N, C, H, W]. Element (c, y, x) of that map is a
// column of the gemm; the same sums are a transposed convolution with an H x W kernel over the 1 x 1
// map [N, K, 1, 1], and its weights [K, C, H, W] are the gemm's weights as they are.

import {IDENTITY} from './functions.js';
import {isBare, type OperationOf, unaryOperation} from './fuse-match.js';
import type {Graph, Node} from './graph.js';
import {freshName, fusePairs, type Links, type Pair, type Replacement, shapeOf} from './rewrite.js';
import {allWeights, gemmWeightShape, plainWeights, type Weights} from './weights.js';

const MAP_OPERATIONS: ReadonlySet<string> = new Set([
  'conv',
  'dynamicConv',
  'instanceNorm',
  'pool',
  'resize',
]);

/** Elementwise users looked at behind a map; more than that between a dense layer and a convolution means nothing. */
const MAX_USERS = 64;

/** Turns gemm and reshape to a map into a transposed convolution where the map is used as one. */
export function fuseGemmReshape(graph: Graph): Graph {
  return fusePairs(graph, fusePair);
}

function fusePair({producer, consumer, links}: Pair): Replacement | null {
  const {operation} = producer;
  const {graph} = links;
  if (operation.op !== 'gemm' || consumer.operation.op !== 'reshape') return null;
  if (operation.epilogue.residual !== undefined || operation.epilogue.slope !== undefined)
    return null;
  const from = shapeOf(graph, producer.output);
  const to = shapeOf(graph, consumer.output);
  const isMap = to.length === 3 || to.length === 4;
  if (from.length !== 2 || !isMap || to[0] !== from[0] || to[1] === from[1]) return null;
  return isUsedAsMap(links, consumer.output) ? replacement(graph, producer, consumer) : null;
}

/** Whether elementwise users lead to an operation on maps, and never to another rearrangement. */
function isUsedAsMap(links: Links, name: string): boolean {
  const pending = [name];
  const seen = new Set(pending);
  let isMap = false;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const {operation, output} of links.consumers.get(next) ?? []) {
      if (operation.op === 'transpose' || operation.op === 'reshape') return false;
      if (MAP_OPERATIONS.has(operation.op)) isMap = true;
      else if (operation.op === 'chain' && !seen.has(output)) {
        if (seen.size === MAX_USERS) return false;
        seen.add(output);
        pending.push(output);
      }
    }
  }
  return isMap;
}

function replacement(graph: Graph, gemm: Node, reshape: Node): Replacement {
  const {weights, bias, epilogue} = gemm.operation as OperationOf<'gemm'>;
  const shape = shapeOf(graph, reshape.output);
  const kernel = shape.slice(2);
  const perChannel = kernel.reduce((product, size) => product * size, 1);
  const depth = shapeOf(graph, gemm.inputs[0]!)[1]!;
  const ones = kernel.map(() => 1);
  const column = freshName(graph, reshape.output, 'column');
  const channelBias = biasPerChannel(bias, perChannel);
  const isFolded = channelBias !== 'varies';

  const toColumn: Node = {
    name: gemm.name,
    operation: {op: 'reshape'},
    inputs: gemm.inputs,
    output: column,
  };
  const conv: Node = {
    name: gemm.name,
    operation: {
      op: 'conv',
      geometry: {
        transposed: true,
        groups: 1,
        kernel,
        strides: ones,
        dilations: ones,
        padBegin: kernel.map(() => 0),
      },
      weights: perChannelWeights(weights, shape[1]! * perChannel),
      bias: isFolded ? channelBias : null,
      epilogue: isFolded ? epilogue : {activation: IDENTITY},
    },
    inputs: [column],
    output: isFolded ? reshape.output : freshName(graph, reshape.output, 'sum'),
  };
  const values = [{name: column, dtype: 'float32', shape: [shape[0]!, depth, ...ones]}] as const;
  if (isFolded) return {nodes: [toColumn, conv], values};
  const tail = addedBias(graph, conv, gemm, reshape);
  return {...tail, nodes: [toColumn, conv, ...tail.nodes], values: [...values, ...tail.values]};
}

/** Scales of the gemm's columns are not of the channels that they become. */
function perChannelWeights(weights: Weights, columns: number): Weights {
  if (weights.scale.output === null) return weights;
  return plainWeights(allWeights(weights, gemmWeightShape(weights, columns)));
}

/** A bias that is the same all over a channel belongs to the convolution. */
function biasPerChannel(
  bias: Float32Array | null,
  perChannel: number,
): Float32Array | null | 'varies' {
  if (bias === null) return null;
  const channels = bias.filter((_, at) => at % perChannel === 0);
  const isUniform = bias.every((value, at) => value === channels[Math.floor(at / perChannel)]);
  return isUniform ? channels : 'varies';
}

/** The bias as a constant [C, H, W] to add, and the activation behind it. */
function addedBias(graph: Graph, conv: Node, gemm: Node, reshape: Node) {
  const {bias, epilogue} = gemm.operation as OperationOf<'gemm'>;
  const shape = shapeOf(graph, reshape.output);
  const biasName = freshName(graph, reshape.output, 'bias');
  const isLast = isBare(epilogue);
  const added = isLast ? reshape.output : freshName(graph, reshape.output, 'biased');
  const add: Node = {
    name: gemm.name,
    operation: {op: 'chain', ops: [{fn: {kind: 'binary', fn: 'add'}, a: 0, b: 1}]},
    inputs: [conv.output, biasName],
    output: added,
  };
  const activate: Node = {
    name: gemm.name,
    operation: unaryOperation(epilogue.activation),
    inputs: [added],
    output: reshape.output,
  };
  return {
    nodes: isLast ? [add] : [add, activate],
    values: [conv.output, added].map(name => ({name, dtype: 'float32', shape}) as const),
    constants: new Map([
      [biasName, {dtype: 'float32', dims: shape.slice(1), data: bias!} as const],
    ]),
  };
}
