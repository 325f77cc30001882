import test from 'ava';
import type {Graph, Operation} from '../../src/graph/graph.js';
import {checkBudget, scheduleMemory, scheduleWithin} from '../../src/schedule/budget.js';
import {schedule} from '../../src/schedule/schedule.js';
import type {Step} from '../../src/schedule/steps.js';
import {checkProperty} from '../helpers/properties.js';
import {binaryChain, buildGraph, convolution, RELU, unaryChain} from './lower-graph.js';
import {randomGraphs} from './lower-random.js';
import {assertRuns} from './lower-run.js';
import {written} from './written.js';

function ops(steps: readonly Step[]): string {
  return steps.map(step => step.op).join(' ');
}

/** Schedules, runs and checks a graph; returns its steps in short. */
function opsOf(graph: Graph): string {
  return ops(assertRuns(graph).steps);
}

test('random graphs compute what they mean and touch what their steps say', t => {
  checkProperty(t, randomGraphs, graph => {
    assertRuns(graph);
  });
});

test('random graphs compute the same when no concat is written in place', t => {
  checkProperty(t, randomGraphs, graph => {
    assertRuns(graph, new Set(graph.nodes.map(node => node.output)));
  });
});

test('the planes of a convolution whose output is transposed keep their rows apart', t => {
  const graph = buildGraph();
  const y = graph.add(
    convolution([1, 1], [2, 1, 1]),
    [graph.input([1, 1, 3, 2, 4])],
    [1, 1, 2, 2, 4],
  );
  graph.output(graph.add({op: 'transpose', perm: [0, 1, 2, 4, 3]}, [y], [1, 1, 2, 4, 2]));
  t.is(opsOf(graph.build()), 'gemmTaps copy');
});

test('maps are copied to channels last at the input and back at the output', t => {
  const graph = buildGraph();
  const y = graph.add(convolution([3, 4], [3, 3]), [graph.input([1, 3, 6, 6])], [1, 4, 4, 4]);
  graph.output(graph.add(convolution([4, 2], [1, 1]), [y], [1, 2, 4, 4]));
  t.is(opsOf(graph.build()), 'copy gemmTaps gemmTaps copy');
});

test('a wide convolution alone reads and writes planes; between others it keeps its channels together', t => {
  const [wide, plane] = [convolution([24, 24], [1, 1]), [1, 24, 16, 64]];
  const alone = buildGraph();
  alone.output(alone.add(wide, [alone.input(plane)], plane));
  t.is(opsOf(alone.build()), 'planarTaps');

  const chain = buildGraph();
  let value = chain.input(plane);
  for (let i = 0; i < 3; i++) value = chain.add(wide, [value], plane);
  chain.output(value);
  t.regex(opsOf(chain.build()), /gemmTaps/);
});

test('pixels of a map that are a multiple of 4 KiB lie a line apart', t => {
  const graph = buildGraph();
  const y = graph.add(
    convolution([1024, 32], [1, 1]),
    [graph.input([1, 1024, 2, 3])],
    [1, 32, 2, 3],
  );
  graph.output(y);
  const copy = schedule(graph.build(), {schedule: 'fused-taps'}).steps[0];
  t.is(copy?.op, 'copy');
  t.deepEqual(
    copy?.y.strides.filter(stride => stride > 1),
    [1040],
  );
});

test('a single channel needs no copy on either side', t => {
  const graph = buildGraph();
  const y = graph.add(convolution([1, 4], [3, 3]), [graph.input([1, 1, 6, 6])], [1, 4, 4, 4]);
  graph.output(graph.add(convolution([4, 1], [1, 1]), [y], [1, 1, 4, 4]));
  t.is(opsOf(graph.build()), 'gemmTaps gemmTaps');
});

test('an elementwise chain at either end does the transposition', t => {
  const graph = buildGraph();
  const x = graph.add(unaryChain(), [graph.input([1, 3, 4, 4])], [1, 3, 4, 4]);
  const y = graph.add(convolution([3, 2], [1, 1]), [x], [1, 2, 4, 4]);
  graph.output(graph.add(unaryChain(), [y], [1, 2, 4, 4]));
  t.is(opsOf(graph.build()), 'elementwise gemmTaps elementwise');
});

test('transposes around a model in channels-last layout cost nothing', t => {
  const graph = buildGraph();
  const x = graph.add(
    {op: 'transpose', perm: [0, 3, 1, 2]},
    [graph.input([1, 4, 4, 3])],
    [1, 3, 4, 4],
  );
  const y = graph.add(convolution([3, 2], [1, 1]), [x], [1, 2, 4, 4]);
  graph.output(graph.add({op: 'transpose', perm: [0, 2, 3, 1]}, [y], [1, 4, 4, 2]));
  t.is(opsOf(graph.build()), 'gemmTaps');
});

test('a channel shuffle is one copy', t => {
  const graph = buildGraph();
  const x = graph.add(convolution([1, 8], [1, 1]), [graph.input([1, 1, 4, 4])], [1, 8, 4, 4]);
  const split = graph.add({op: 'reshape'}, [x], [1, 2, 4, 4, 4]);
  const swapped = graph.add({op: 'transpose', perm: [0, 2, 1, 3, 4]}, [split], [1, 4, 2, 4, 4]);
  const shuffled = graph.add({op: 'reshape'}, [swapped], [1, 8, 4, 4]);
  graph.output(graph.add(convolution([8, 1], [1, 1]), [shuffled], [1, 1, 4, 4]));
  t.is(opsOf(graph.build()), 'gemmTaps copy gemmTaps');
});

test('the depth-to-space of a super-resolution head is one copy into the output', t => {
  const graph = buildGraph();
  const x = graph.add(convolution([1, 4], [1, 1]), [graph.input([1, 1, 3, 5])], [1, 4, 3, 5]);
  const split = graph.add({op: 'reshape'}, [x], [1, 2, 2, 1, 3, 5]);
  const moved = graph.add({op: 'transpose', perm: [0, 3, 4, 1, 5, 2]}, [split], [1, 1, 3, 2, 5, 2]);
  graph.output(graph.add({op: 'reshape'}, [moved], [1, 1, 6, 10]));
  t.is(opsOf(graph.build()), 'gemmTaps copy');
});

/** Three convolutions of one input, joined by nested concats. */
function nestedConcat(): Graph {
  const graph = buildGraph();
  const x = graph.input([1, 1, 4, 4]);
  const parts = [2, 3, 1].map(count =>
    graph.add(convolution([1, count], [1, 1]), [x], [1, count, 4, 4]),
  );
  const inner = graph.add({op: 'concat', axis: 1}, parts.slice(0, 2), [1, 5, 4, 4]);
  const outer = graph.add({op: 'concat', axis: 1}, [inner, parts[2]!], [1, 6, 4, 4]);
  const sum = graph.add(convolution([6, 1], [1, 1]), [outer], [1, 1, 4, 4]);
  graph.output(graph.add(binaryChain(), [sum, parts[2]!], [1, 1, 4, 4]));
  return graph.build();
}

test('the parts of nested concats are written in place', t => {
  t.is(opsOf(nestedConcat()), 'gemmTaps gemmTaps gemmTaps gemmTaps elementwise');
});

test('a value that is two parts of a concat is copied once', t => {
  const graph = buildGraph();
  const x = graph.add(unaryChain(), [graph.input([2, 3])], [2, 3]);
  graph.output(graph.add({op: 'concat', axis: 1}, [x, x], [2, 6]));
  t.is(opsOf(graph.build()), 'elementwise copy');
});

test('a pad fills only its border when the producer writes the interior', t => {
  const graph = buildGraph();
  const x = graph.add(unaryChain(), [graph.input([1, 1, 3, 3])], [1, 1, 3, 3]);
  const pads = {begin: [0, 0, 1, 1], end: [0, 0, 1, 0]};
  graph.output(graph.add({op: 'pad', mode: 'constant', ...pads, value: 5}, [x], [1, 1, 5, 4]));
  const {steps} = assertRuns(graph.build());
  t.is(ops(steps), 'elementwise fill fill fill');
  t.is(
    steps.slice(1).reduce((sum, step) => sum + step.counts.writtenBytes, 0),
    (20 - 9) * 4,
  );
});

test('values that are inputs, constants or outputs twice are copied to their slots', t => {
  const graph = buildGraph();
  const x = graph.input([2, 2]);
  const y = graph.add(unaryChain(), [x], [2, 2]);
  for (const value of [x, graph.constant([3]), y, y]) graph.output(value);
  t.is(opsOf(graph.build()), 'copy copy elementwise copy');
});

test('a chain of elementwise steps works in one buffer', t => {
  const graph = buildGraph();
  let value = graph.input([64]);
  for (let i = 0; i < 3; i++) value = graph.add(unaryChain(), [value], [64]);
  graph.output(graph.add({op: 'reduce', fn: 'sum', axes: [0]}, [value], [1]));
  // The input is never written.
  t.is(assertRuns(graph.build()).arenaPeakBytes, 512);
});

test('a value that is still needed is not overwritten', t => {
  const graph = buildGraph();
  const x = graph.input([64]);
  const y = graph.add(unaryChain(), [x], [64]);
  const z = graph.add(unaryChain({fn: 'neg', alpha: 0, beta: 0}), [y], [64]);
  const sum = graph.add(binaryChain('sub'), [z, x], [64]);
  graph.output(graph.add({op: 'reduce', fn: 'sum', axes: [0]}, [sum], [1]));
  t.is(assertRuns(graph.build()).arenaPeakBytes, 512);
});

test('a residual is overwritten by the sum', t => {
  const graph = buildGraph();
  const x = graph.input([1, 1, 8, 8]);
  const a = graph.add(convolution([1, 4], [1, 1]), [x], [1, 4, 8, 8]);
  const b = graph.add(convolution([4, 4], [1, 1]), [a], [1, 4, 8, 8]);
  const c = graph.add(convolution([4, 4], [1, 1], {residual: a}), [b, a], [1, 4, 8, 8]);
  graph.output(graph.add({op: 'reduce', fn: 'max', axes: [1]}, [c], [1, 8, 8]));
  t.is(assertRuns(graph.build()).arenaPeakBytes, 2 * 1024);
});

test('halves of the channels of one map are counted once each', t => {
  const graph = buildGraph();
  const x = graph.add(convolution([1, 4], [1, 1]), [graph.input([1, 1, 4, 4])], [1, 4, 4, 4]);
  const half = (start: number) =>
    graph.add({op: 'slice', starts: [0, start, 0, 0], steps: [1, 1, 1, 1]}, [x], [1, 2, 4, 4]);
  graph.output(graph.add(binaryChain(), [half(0), half(2)], [1, 2, 4, 4]));
  t.is(assertRuns(graph.build()).steps.at(-1)!.counts.readBytes, 64 * 4);
});

test('under a budget, concats are copied at their end', t => {
  const graph = buildGraph();
  const x = graph.input([1, 1, 8, 8]);
  const early = graph.add(convolution([1, 2], [1, 1]), [x], [1, 2, 8, 8]);
  const wide = graph.add(convolution([2, 16], [1, 1]), [early], [1, 16, 8, 8]);
  const late = graph.add(convolution([16, 14], [1, 1]), [wide], [1, 14, 8, 8]);
  const narrow = graph.add({op: 'reduce', fn: 'max', axes: [1]}, [late], [1, 1, 8, 8]);
  const more = graph.add(convolution([1, 14], [1, 1]), [narrow], [1, 14, 8, 8]);
  const joined = graph.add({op: 'concat', axis: 1}, [early, more], [1, 16, 8, 8]);
  graph.output(graph.add({op: 'reduce', fn: 'max', axes: [1]}, [joined], [1, 1, 8, 8]));

  const free = schedule(graph.build(), {schedule: 'auto'});
  const {totalBytes} = scheduleMemory(free, 100);
  const limits = {memoryBudgetBytes: totalBytes - 1, workspaceBytes: 100};
  const tight = scheduleWithin(graph.build(), {schedule: 'auto'}, limits);
  t.true(tight.arenaPeakBytes < free.arenaPeakBytes);
  t.is(ops(tight.steps).split('copy').length - ops(free.steps).split('copy').length, 2);
});

test('a budget that cannot be met says what is needed and by which step', t => {
  const planned = schedule(nestedConcat(), {schedule: 'auto'});
  const {totalBytes} = scheduleMemory(planned, 1000);
  t.notThrows(() => checkBudget(planned, {memoryBudgetBytes: totalBytes, workspaceBytes: 1000}));
  t.throws(() => checkBudget(planned, {memoryBudgetBytes: 1000, workspaceBytes: 1000}), {
    code: 'ERR_BUDGET_EXCEEDED',
    message: new RegExp(`1000 bytes .* ${totalBytes} bytes \\(command ${planned.busiestStep}, `),
  });
});

test('equal graphs give equal schedules', t => {
  const [first, second] = [1, 2].map(() => written(schedule(nestedConcat(), {schedule: 'auto'})));
  t.deepEqual(first, second);
});

test('a scalar is a vector of one', t => {
  const graph = buildGraph();
  graph.output(graph.add(unaryChain(RELU), [graph.input([])], []));
  t.is(opsOf(graph.build()), 'elementwise');
});

test('three axes: planes of a padded map are read and written in place', t => {
  const graph = buildGraph();
  const pad = (axis: number): Operation => ({
    op: 'pad',
    mode: 'edge',
    begin: [0, 0, 0, 0, 0].with(axis, 1),
    end: [0, 0, 0, 0, 0].with(axis, 1),
    value: 0,
  });
  const x = graph.input([1, 2, 3, 4, 4]);
  const first = graph.add(convolution([2, 3], [1, 1, 1]), [x], [1, 3, 3, 4, 4]);
  const wide = graph.add(pad(3), [first], [1, 3, 3, 6, 4]);
  const second = graph.add(convolution([3, 3], [2, 3, 1]), [wide], [1, 3, 2, 4, 4]);
  const deep = graph.add(pad(2), [second], [1, 3, 4, 4, 4]);
  graph.output(graph.add(convolution([3, 1], [3, 3, 3]), [deep], [1, 1, 2, 2, 2]));
  t.is(opsOf(graph.build()), 'copy gemmTaps copy copy gemmTaps copy copy gemmTaps');
});

test('eight axes that move together are one copy; eight that do not are refused by name', t => {
  const transposed = (shape: readonly number[], perm: readonly number[]) => {
    const graph = buildGraph();
    graph.output(
      graph.add(
        {op: 'transpose', perm},
        [graph.input(shape)],
        perm.map(dim => shape[dim]!),
      ),
    );
    return graph.build();
  };
  const eight = [2, 3, 2, 2, 3, 2, 2, 2];
  t.is(opsOf(transposed(eight, [4, 5, 6, 7, 0, 1, 2, 3])), 'copy');
  const error = t.throws(
    () => schedule(transposed(eight, [7, 6, 5, 4, 3, 2, 1, 0]), {schedule: 'auto'}),
    {code: 'ERR_OP_UNSUPPORTED'},
  );
  t.regex(error!.message, /copy over 8 dimensions that do not merge into 6 \(node "transpose0"\)/);
});
