// Lets a convolution or an average read zeros beyond its input instead of a padded copy of it.

import type {OperationOf} from './fuse-match.js';
import type {Graph, Operation} from './graph.js';
import {fusePairs, type Pair, type Replacement} from './rewrite.js';

/** Folds a pad by zeros along spatial axes into the convolution or average pool that is its only user. */
export function foldPad(graph: Graph): Graph {
  return fusePairs(graph, foldPair);
}

function foldPair({producer, consumer, input}: Pair): Replacement | null {
  const pad = producer.operation;
  // A residual that is also the input has to be there.
  if (consumer.inputs.indexOf(producer.output, 1) >= 0) return null;
  if (pad.op !== 'pad' || input !== 0 || !padsSpaceWithZeros(pad)) return null;
  if (consumer.inputs.indexOf(producer.output, 1) > 0) return null; // weights that are the padded input
  const operation = withPad(consumer.operation, pad);
  if (operation === null) return null;
  const inputs = [producer.inputs[0]!, ...consumer.inputs.slice(1)];
  return {nodes: [{...consumer, operation, inputs}]};
}

/** `operation` over the input of `pad`, or null when its own padding is not zeros. */
function withPad(operation: Operation, pad: OperationOf<'pad'>): Operation | null {
  const add = (sizes: readonly number[], more: readonly number[]) =>
    sizes.map((size, axis) => size + more[axis + 2]!);
  const isConv = operation.op === 'conv' || operation.op === 'dynamicConv';
  if (isConv && !operation.geometry.transposed) {
    const padBegin = add(operation.geometry.padBegin, pad.begin);
    return {...operation, geometry: {...operation.geometry, padBegin}};
  }
  if (operation.op !== 'pool' || operation.fn !== 'average') return null;
  const isBare = [...operation.padBegin, ...operation.padEnd].every(size => size === 0);
  if (!isBare && !operation.countIncludePad) return null;
  const padBegin = add(operation.padBegin, pad.begin);
  return {...operation, padBegin, padEnd: add(operation.padEnd, pad.end), countIncludePad: true};
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
