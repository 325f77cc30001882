// The operations that only move or blend elements; see evaluate.ts.

import type {Operation} from '../../src/graph/graph.js';
import {foundIndex, scattered} from '../reference/indexed.js';
import {broadcastAt, type Evaluated, forEachIndex} from './evaluate.js';

type Op<Name extends Operation['op']> = Extract<Operation, {op: Name}>;
type Rearranging = Op<
  | 'resize'
  | 'reshape'
  | 'transpose'
  | 'expand'
  | 'concat'
  | 'slice'
  | 'pad'
  | 'gather'
  | 'gatherIndexed'
  | 'scatterIndexed'
>;

export function evaluateRearranging(
  operation: Rearranging,
  inputs: Evaluated[],
  y: Evaluated,
): void {
  const x = inputs[0]!;
  if (operation.op === 'reshape') {
    y.data.set(x.data);
    return;
  }
  if (operation.op === 'resize') {
    resize(operation, x, y);
    return;
  }
  if (operation.op === 'scatterIndexed') {
    scatter(operation, inputs, y);
    return;
  }
  forEachIndex(y.shape, (index, at) => {
    y.data[at] = elementAt(operation, inputs, index);
  });
}

function scatter(
  {map, fn}: Op<'scatterIndexed'>,
  [x, indices, updates]: Evaluated[],
  y: Evaluated,
): void {
  y.data.set(x!.data);
  forEachIndex(updates!.shape, (index, at) => {
    const found = foundIndex(map, index, x!.shape, (tuple, k) =>
      broadcastAt(indices!, [...tuple, k]),
    );
    const to = found.reduce((flat, i, axis) => flat * x!.shape[axis]! + i, 0);
    y.data[to] = scattered(fn, y.data[to]!, updates!.data[at]!);
  });
}

function elementAt(
  operation: Exclude<Rearranging, Op<'resize' | 'reshape' | 'scatterIndexed'>>,
  inputs: Evaluated[],
  index: readonly number[],
): number {
  const x = inputs[0]!;
  switch (operation.op) {
    case 'transpose': {
      const source = index.map(() => 0);
      operation.perm.forEach((from, axis) => {
        source[from] = index[axis]!;
      });
      return broadcastAt(x, source);
    }
    case 'expand':
      return broadcastAt(x, index);
    case 'concat':
      return concatAt(operation.axis, inputs, index);
    case 'slice': {
      const {starts, steps} = operation;
      return broadcastAt(
        x,
        index.map((i, axis) => starts[axis]! + i * steps[axis]!),
      );
    }
    case 'pad':
      return padAt(operation, x, index);
    case 'gatherIndexed':
      return broadcastAt(
        x,
        foundIndex(operation.map, index, x.shape, (tuple, k) =>
          broadcastAt(inputs[1]!, [...tuple, k]),
        ),
      );
    case 'gather':
      return broadcastAt(x, index.with(operation.axis, operation.indices[index[operation.axis]!]!));
  }
}

function concatAt(axis: number, inputs: Evaluated[], index: readonly number[]): number {
  let position = index[axis]!;
  for (const input of inputs) {
    if (position < input.shape[axis]!) return broadcastAt(input, index.with(axis, position));
    position -= input.shape[axis]!;
  }
  throw new Error('the parts of a concat are too short');
}

function padAt({mode, begin, value}: Op<'pad'>, x: Evaluated, index: readonly number[]): number {
  const source = index.map((i, axis) => i - begin[axis]!);
  const isInside = source.every((i, axis) => i >= 0 && i < x.shape[axis]!);
  if (isInside) return broadcastAt(x, source);
  if (mode === 'constant') return value;
  return broadcastAt(
    x,
    source.map((i, axis) => wrapped(mode, i, x.shape[axis]!)),
  );
}

function wrapped(mode: 'reflect' | 'edge' | 'wrap', i: number, size: number): number {
  if (mode === 'edge') return Math.min(Math.max(i, 0), size - 1);
  if (mode === 'wrap') return ((i % size) + size) % size;
  if (size === 1) return 0;
  const period = 2 * (size - 1);
  const inPeriod = ((i % period) + period) % period;
  return Math.min(inPeriod, period - inPeriod);
}

function resize({axes}: Op<'resize'>, x: Evaluated, y: Evaluated): void {
  let current = x;
  axes.forEach(({taps, indices, weights}, axis) => {
    if (taps === 0) return;
    const from = current;
    const shape = from.shape.with(axis, y.shape[axis]!);
    const next = {shape, data: new Float64Array(shape.reduce((a, b) => a * b, 1))};
    forEachIndex(shape, (index, at) => {
      const first = index[axis]! * taps;
      for (let tap = first; tap < first + taps; tap++) {
        next.data[at]! += weights[tap]! * broadcastAt(from, index.with(axis, indices[tap]!));
      }
    });
    current = next;
  });
  y.data.set(current.data);
}
