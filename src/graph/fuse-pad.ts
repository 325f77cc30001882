// Lets a convolution read zeros beyond its input instead of a padded copy of it.

import type {OperationOf} from './fuse-match.js';
import type {Graph} from './graph.js';
import {fusePairs, type Pair, type Replacement} from './rewrite.js';

/** Folds a pad by zeros along spatial axes into the convolution that is its only user. */
export function foldPad(graph: Graph): Graph {
  return fusePairs(graph, foldPair);
}

function foldPair({producer, consumer, input}: Pair): Replacement | null {
  const pad = producer.operation;
  const conv = consumer.operation;
  if (pad.op !== 'pad' || conv.op !== 'conv' || input !== 0) return null;
  if (conv.geometry.transposed || !padsSpaceWithZeros(pad)) return null;
  const padBegin = conv.geometry.padBegin.map((size, axis) => size + pad.begin[axis + 2]!);
  const inputs = [producer.inputs[0]!, ...consumer.inputs.slice(1)];
  const operation = {...conv, geometry: {...conv.geometry, padBegin}};
  return {nodes: [{...consumer, operation, inputs}]};
}

/** Negative sizes crop: what they cut off would be read again. */
function padsSpaceWithZeros({mode, value, begin, end}: OperationOf<'pad'>): boolean {
  const sizes = [...begin, ...end];
  const others = [...begin.slice(0, 2), ...end.slice(0, 2)];
  return (
    mode === 'constant' &&
    value === 0 &&
    sizes.every(size => size >= 0) &&
    others.every(size => size === 0)
  );
}
