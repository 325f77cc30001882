// Gathers and scatters by run-time indices: random maps, operands lying anyhow, against the definition; and the recount.

import test from 'ava';
import fc from 'fast-check';
import type {Graph, IndexMap, Operation} from '../../src/graph/graph.js';
import {checkProperty} from '../helpers/properties.js';
import {buildGraph, type GraphBuilder, unaryChain} from './lower-graph.js';
import {assertRuns} from './lower-run.js';

interface IndexedCase {
  /** Sizes of x; how its axes are permuted in memory. */
  readonly x: readonly number[];
  readonly order: readonly number[];
  /** How many axes are indexed, from axis `batch` on. */
  readonly count: number;
  readonly batch: number;
  /** Sizes of the indices behind the batch, without K. */
  readonly tuples: readonly number[];
  readonly isScatter: boolean;
  readonly isComputed: boolean;
  readonly fn: 'set' | 'add' | 'min' | 'max';
  readonly seed: number;
}

const CASES: fc.Arbitrary<IndexedCase> = fc
  .array(fc.integer({min: 1, max: 4}), {minLength: 1, maxLength: 4})
  .chain(x =>
    fc.record({
      x: fc.constant(x),
      order: fc.shuffledSubarray(
        x.map((_, dim) => dim),
        {minLength: x.length},
      ),
      count: fc.integer({min: 1, max: Math.min(3, x.length)}),
      batch: fc.integer({min: 0, max: 1}),
      tuples: fc.array(fc.integer({min: 1, max: 3}), {maxLength: 2}),
      isScatter: fc.boolean(),
      isComputed: fc.boolean(),
      fn: fc.constantFrom('set', 'add', 'min', 'max'),
      seed: fc.nat(1000),
    }),
  );

/** Whole numbers in [-size, size) for the K-th entry of each tuple. */
function tupleData(count: number, sizes: readonly number[], seed: number): number[] {
  return Array.from({length: count}, (_, at) => {
    const size = sizes[at % sizes.length]!;
    return ((at * 7 + seed * 13 + ((at * at) % 5)) % (2 * size)) - size;
  });
}

/** A value of `shape` whose elements lie in memory in another order. */
function permuted(graph: GraphBuilder, shape: readonly number[], order: readonly number[]): string {
  const stored = graph.add(
    unaryChain(),
    [graph.input(order.map(dim => shape[dim]!))],
    order.map(dim => shape[dim]!),
  );
  const perm = shape.map((_, dim) => order.indexOf(dim));
  return graph.add({op: 'transpose', perm}, [stored], shape);
}

function graphOf(one: IndexedCase): Graph {
  const {x, order, count, isScatter, isComputed, fn, seed} = one;
  const batch = isScatter ? 0 : Math.min(one.batch, x.length - count);
  const graph = buildGraph();
  const axes = Array.from({length: count}, (_, k) => batch + k);
  const head = [...x.slice(0, batch), ...one.tuples];
  const rest = x.map((_, dim) => dim).slice(batch + count);
  const map: IndexMap = {
    axes,
    data: [...head.map((_, dim) => (dim < batch ? dim : null)), ...rest],
    indices: [...head.map((_, dim) => dim), ...rest.map(() => null)],
  };
  const shape = [...head, ...rest.map(dim => x[dim]!)];
  const dims = [...head, count];
  const constant = graph.constant(dims);
  const negated = {fn: 'neg', alpha: 0, beta: 0} as const;
  const indices = isComputed ? graph.add(unaryChain(negated), [constant], dims) : constant;
  const table = permuted(graph, x, order);
  const operation: Operation = isScatter
    ? {op: 'scatterIndexed', map, fn}
    : {op: 'gatherIndexed', map};
  const inputs = isScatter ? [table, indices, graph.input(shape)] : [table, indices];
  graph.output(graph.add(operation, inputs, isScatter ? x : shape));
  const built = graph.build();
  const size = dims.reduce((a, b) => a * b, 1);
  const data = Float32Array.from(
    tupleData(
      size,
      axes.map(axis => x[axis]!),
      seed,
    ),
    index => (isComputed ? -index : index),
  );
  return {...built, constants: new Map([[constant, {dtype: 'float32', dims, data}]])};
}

test('elements found by run-time indices are those of the definition, and counted as they are touched', t => {
  checkProperty(
    t,
    CASES,
    one => {
      assertRuns(graphOf(one));
    },
    500,
  );
});
