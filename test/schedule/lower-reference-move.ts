// What the operations mean that only move elements; see lower-reference.ts.

import {foundIndex, scattered} from '../reference/indexed.js';
import {
  at,
  atBroadcast,
  type Index,
  indices,
  type OperationOf,
  type Tensor,
  tensor,
} from './tensors.js';

type Moving = OperationOf<
  | 'reshape'
  | 'transpose'
  | 'expand'
  | 'slice'
  | 'gather'
  | 'gatherIndexed'
  | 'scatterIndexed'
  | 'concat'
  | 'pad'
>;

export function rearrange(
  operation: Moving,
  operands: readonly Tensor[],
  shape: readonly number[],
): Tensor {
  const x = operands[0]!;
  switch (operation.op) {
    case 'reshape':
      return {shape, data: x.data};
    case 'transpose':
      return tensor(shape, index =>
        at(
          x,
          x.shape.map((_, dim) => index[operation.perm.indexOf(dim)]!),
        ),
      );
    case 'expand':
      return tensor(shape, index => atBroadcast(x, index));
    case 'slice':
      return tensor(shape, index =>
        at(
          x,
          index.map((i, dim) => operation.starts[dim]! + i * operation.steps[dim]!),
        ),
      );
    case 'gather':
      return tensor(shape, index =>
        at(
          x,
          index.map((i, dim) => (dim === operation.axis ? operation.indices[i]! : i)),
        ),
      );
    case 'gatherIndexed': {
      const {map} = operation;
      const entry = (tuple: Index, k: number) => at(operands[1]!, [...tuple, k]);
      return tensor(shape, index => at(x, foundIndex(map, index, x.shape, entry)));
    }
    case 'scatterIndexed':
      return scatter(operation, operands);
    case 'concat':
      return tensor(shape, index => concatElement(operation, operands, index));
    case 'pad':
      return tensor(shape, index => padElement(operation, x, index));
  }
}

function scatter(
  {map, fn}: OperationOf<'scatterIndexed'>,
  [x, tuples, updates]: readonly Tensor[],
): Tensor {
  const data = [...x!.data];
  for (const index of indices(updates!.shape)) {
    const entry = (tuple: Index, k: number) => at(tuples!, [...tuple, k]);
    const found = foundIndex(map, index, x!.shape, entry);
    const to = found.reduce((flat, i, dim) => flat * x!.shape[dim]! + i, 0);
    data[to] = scattered(fn, data[to]!, at(updates!, index));
  }
  return {shape: x!.shape, data};
}

function concatElement(
  {axis}: OperationOf<'concat'>,
  operands: readonly Tensor[],
  index: Index,
): number {
  let i = index[axis]!;
  for (const operand of operands) {
    if (i < operand.shape[axis]!) return at(operand, index.with(axis, i));
    i -= operand.shape[axis]!;
  }
  throw new Error('index past the end of a concat');
}

/** Negative pads cut first; what is left is extended. */
function padElement(
  {mode, begin, end, value}: OperationOf<'pad'>,
  x: Tensor,
  index: Index,
): number {
  const source = index.map((i, dim) => {
    const cut = Math.max(-begin[dim]!, 0);
    const count = x.shape[dim]! - cut - Math.max(-end[dim]!, 0);
    const position = extendedPosition(mode, i - Math.max(begin[dim]!, 0), count);
    return position === null ? null : cut + position;
  });
  return source.includes(null) ? value : at(x, source as number[]);
}

/** Where position `i` of an extended axis comes from; null in a constant border. */
function extendedPosition(
  mode: OperationOf<'pad'>['mode'],
  i: number,
  count: number,
): number | null {
  if (i >= 0 && i < count) return i;
  if (mode === 'constant') return null;
  if (mode === 'edge' || count === 1) return Math.min(Math.max(i, 0), count - 1);
  if (mode === 'wrap') return ((i % count) + count) % count;
  const period = 2 * (count - 1);
  const folded = ((i % period) + period) % period;
  return Math.min(folded, period - folded);
}
