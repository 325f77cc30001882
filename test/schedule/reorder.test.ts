// Independent branches in another order: the best there is, by trying all of them, and no other result.

import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import type {Graph, Node} from '../../src/graph/graph.js';
import {decodeProgram} from '../../src/program/decode.js';
import {interpret} from '../../src/program/interpreter/interpret.js';
import {scheduleMemory, scheduleWithin} from '../../src/schedule/budget.js';
import {reorderBranches} from '../../src/schedule/reorder.js';
import {type Schedule, schedule} from '../../src/schedule/schedule.js';
import {checkProperty} from '../helpers/properties.js';
import {binaryChain, buildGraph, convolution, type GraphBuilder} from './lower-graph.js';
import {encodeSchedule, integerInputs} from './lower-run.js';

const SIDE = 4;
const shapeOf = (channels: number) => [1, channels, SIDE, SIDE];

function pointwise(graph: GraphBuilder, x: string, channels: number): string {
  const from = graph.shape(x)[1]!;
  return graph.add(convolution([from, channels], [1, 1]), [x], shapeOf(channels));
}

/** Values are numbers into what was made so far; sums are of values of equal shape. */
const GRAPHS = fc
  .array(fc.record({from: fc.nat(6), other: fc.nat(6), channels: fc.integer({min: 1, max: 9})}), {
    minLength: 2,
    maxLength: 6,
  })
  .map(layers => {
    const graph = buildGraph();
    const made = [graph.input(shapeOf(3))];
    for (const {from, other, channels} of layers) {
      const [a, b] = [made[from % made.length]!, made[other % made.length]!];
      const isSum = a !== b && graph.shape(a)[1] === graph.shape(b)[1];
      made.push(
        isSum ? graph.add(binaryChain(), [a, b], graph.shape(a)) : pointwise(graph, a, channels),
      );
    }
    graph.output(made.at(-1)!);
    return graph.build();
  });

/** The most bytes alive while nodes are computed in an order. */
function peakOf(graph: Graph, order: readonly Node[]): number {
  const outputs = graph.outputs.map(({value}) => value);
  const bytes = (name: string) =>
    outputs.includes(name) ? 0 : graph.values.get(name)!.shape.reduce((a, b) => a * b, 4);
  const sum = (names: Iterable<string>) => [...names].reduce((all, name) => all + bytes(name), 0);
  let alive = new Set(graph.inputs);
  let peak = sum(alive);
  order.forEach((node, at) => {
    const isReadLater = (name: string) =>
      order.slice(at + 1).some(({inputs}) => inputs.includes(name)) || outputs.includes(name);
    const isOver =
      node.operation.op === 'chain' &&
      node.inputs.some(name => !isReadLater(name) && bytes(name) === bytes(node.output));
    peak = Math.max(peak, sum(alive) + (isOver ? 0 : bytes(node.output)));
    alive = new Set([...alive, node.output].filter(isReadLater));
  });
  return peak;
}

/** Every order in which values are made before they are read. */
function* orders(graph: Graph, done: readonly Node[] = []): Generator<readonly Node[]> {
  if (done.length === graph.nodes.length) return yield done;
  const made = new Set([...graph.inputs, ...done.map(({output}) => output)]);
  for (const node of graph.nodes) {
    if (!done.includes(node) && node.inputs.every(name => made.has(name)))
      yield* orders(graph, [...done, node]);
  }
}

test('no order holds less than the one that is found', t => {
  let improved = 0;
  checkProperty(
    t,
    GRAPHS,
    graph => {
      const peaks = [...orders(graph)].map(order => peakOf(graph, order));
      const least = peaks.reduce((a, b) => Math.min(a, b));
      const found = reorderBranches(graph);
      if (found !== null) improved++;
      assert.deepEqual(
        new Set(found?.nodes ?? graph.nodes),
        new Set(graph.nodes),
        'the same nodes',
      );
      assert.equal(peakOf(graph, found?.nodes ?? graph.nodes), least);
      if (found !== null) assert.ok(least < peakOf(graph, graph.nodes));
    },
    500,
  );
  t.true(improved > 10, `${improved} graphs in a better order`);
});

/** Branches of one input, each wide before it is narrow, computed side by side. */
function sideBySide(branches: number): Graph {
  const graph = buildGraph();
  const x = graph.input([1, 2, 1, 64]);
  const add = (from: string, channels: number) =>
    graph.add(convolution([graph.shape(from)[1]!, channels], [1, 1]), [from], [1, channels, 1, 64]);
  const wide = Array.from({length: branches}, () => add(x, 40));
  const narrow = wide.map(each => add(each, 2));
  graph.output(narrow.reduce((a, b) => graph.add(binaryChain(), [a, b], [1, 2, 1, 64])));
  return graph.build();
}

test('branches side by side are computed one after another where memory asks for it', t => {
  const graph = sideBySide(5);
  const memoryOf = (planned: Schedule) => scheduleMemory(planned, 0).totalBytes;
  const fast = schedule(graph, {schedule: 'auto'});
  t.deepEqual(fast.measures, []);
  const limits = {memoryBudgetBytes: memoryOf(fast) - 1, workspaceBytes: 0};
  const tight = scheduleWithin(graph, {schedule: 'auto'}, limits);
  t.is(
    tight.measures[0],
    'independent branches in another order: "conv5" before "conv1", 10 nodes in all',
  );
  t.true(tight.arenaPeakBytes < 0.4 * fast.arenaPeakBytes);
  t.is(tight.steps.length, fast.steps.length);
  const [expected, actual] = [fast, tight].map(planned => {
    const inputs = integerInputs(graph).map(({data}) => Float32Array.from(data));
    return interpret(decodeProgram(encodeSchedule(graph, planned)), inputs, {count: false}).outputs;
  });
  t.deepEqual(actual, expected);
});

test('a graph in a good order stays as it is, and so does one that no network has', t => {
  t.is(reorderBranches(sideBySide(1)), null);
  const idle = buildGraph();
  idle.output(idle.input([1, 2]));
  idle.input([1, 2]);
  t.is(reorderBranches(idle.build()), null);
  const graph = sideBySide(3);
  const nodes = [0, 3, 1, 4, 2, 5, 6, 7].map(index => graph.nodes[index]!);
  t.is(reorderBranches({...graph, nodes}), null);
  t.is(reorderBranches(sideBySide(1100)), null);
});
