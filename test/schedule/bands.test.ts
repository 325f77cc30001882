// Bands against the whole: the same results, counted as they run, in less memory.

import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import type {Graph} from '../../src/graph/graph.js';
import {type BandGraph, bandGraph} from '../../src/schedule/bands/band-graph.js';
import {splitNorms} from '../../src/schedule/bands/norms.js';
import {canJoin, type Segment, segmentBands} from '../../src/schedule/bands/segment.js';
import {schedule} from '../../src/schedule/schedule.js';
import {scheduleBands, tighten} from '../../src/schedule/tighten.js';
import {checkProperty} from '../helpers/properties.js';
import {NETWORKS} from './bands-graph.js';
import {buildGraph, convolution, NO_EPILOGUE, unaryChain} from './lower-graph.js';
import {runCounted as run} from './lower-run.js';

/** The longest segment from each node on, in bands of `height` rows. */
function segmentsOf(bands: BandGraph, height: number): Segment[] {
  const count = bands.nodes.length;
  const segments: Segment[] = [];
  for (let start = 0; start < count; start++) {
    let end = start;
    while (end < count && canJoin(bands, start, end)) end++;
    if (end === start) continue;
    segments.push({start, end, height});
    start = end - 1;
  }
  return segments;
}

test('random networks: bands of any height compute what the whole computes, bit for bit', t => {
  let banded = 0;
  checkProperty(
    t,
    fc.tuple(NETWORKS, fc.integer({min: 1, max: 9}), fc.constantFrom('auto', 'winograd', 'uks')),
    ([graph, height, name]) => {
      const options = {schedule: name} as const;
      const whole = schedule(graph, options);
      const fixed = {...options, choices: whole.choices};
      const bands = bandGraph(splitNorms(graph), whole.choices);
      const planned = scheduleBands(bands, segmentsOf(bands, height), fixed);
      if (planned.steps.length > whole.steps.length) banded++;
      run(graph, planned).forEach((actual, index) => {
        assert.deepEqual(actual, run(graph, whole)[index]);
      });
    },
    150,
  );
  t.true(banded > 100, `${banded} networks in bands`);
});

test('random networks: the smallest schedule, and those on the way, compute the same', t => {
  let smaller = 0;
  checkProperty(
    t,
    NETWORKS,
    graph => {
      const options = {schedule: 'auto'} as const;
      const whole = schedule(graph, options);
      const {smallest, within} = tighten(graph, options, whole);
      if (smallest.arenaPeakBytes < whole.arenaPeakBytes) smaller++;
      const expected = run(graph, whole);
      const between = (smallest.arenaPeakBytes + whole.arenaPeakBytes) / 2;
      for (const planned of [smallest, ...within(between)])
        assert.deepEqual(run(graph, planned), expected);
    },
    60,
  );
  t.true(smaller > 15, `${smaller} networks in less memory`);
});

test('every row is computed once, and what a band reads is in its window', t => {
  checkProperty(t, fc.tuple(NETWORKS, fc.integer({min: 1, max: 9})), ([graph, height]) => {
    const whole = schedule(graph, {schedule: 'auto'});
    const bands = bandGraph(splitNorms(graph), whole.choices);
    for (const segment of segmentsOf(bands, height)) {
      const ends = new Array<number>(segment.end - segment.start).fill(0);
      for (const band of segmentBands(bands, segment)) {
        band.ends.forEach((end, offset) => {
          const rows = {start: band.before[offset]!, end};
          assert.equal(rows.start, ends[offset]);
          ends[offset] = rows.end;
          const {needs, producers} = bands.nodes[segment.start + offset]!;
          if (rows.end === rows.start) return;
          producers.forEach((producer, input) => {
            const need = needs![input]!;
            if (producer < segment.start || need === 'all') return;
            const needed = need(rows);
            const there = producer - segment.start;
            assert.ok(band.windows[there]! <= needed.start && needed.end <= band.ends[there]!);
          });
          assert.ok(band.windows[offset]! <= rows.start);
        });
      }
    }
  });
});

/** Three 3x3 convolutions over a large map of few channels. */
function chain(): Graph {
  const graph = buildGraph();
  let x = graph.input([1, 4, 96, 32]);
  for (let i = 0; i < 3; i++)
    x = graph.add(convolution([4, 4], [3, 3], {padBegin: [1, 1]}), [x], [1, 4, 96, 32]);
  graph.output(x);
  return graph.build();
}

test('maps of more rows than any network has stay whole', t => {
  const graph = buildGraph();
  const shape = [1, 1, 2 ** 22, 1];
  graph.output(graph.add(unaryChain(), [graph.input(shape)], shape));
  const {nodes} = bandGraph(graph.build(), new Map());
  t.is(nodes[0]!.needs, null);
});

test('a border of thousands of rows is not led up to row by row', t => {
  const graph = buildGraph();
  const border = convolution([1, 1], [3, 3], {padBegin: [20_001, 1]});
  graph.output(graph.add(border, [graph.input([1, 1, 6, 5])], [1, 1, 20_006, 5]));
  const whole = schedule(graph.build(), {schedule: 'fused-taps'});
  const bands = bandGraph(graph.build(), whole.choices);
  const {length} = segmentBands(bands, {start: 0, end: 1, height: 1000});
  t.true(length <= 1100, `${length} bands`);
});

test('a deep chain in bands holds a few rows of each value', t => {
  const graph = chain();
  const whole = schedule(graph, {schedule: 'fused-taps'});
  const bands = bandGraph(graph, whole.choices);
  const options = {schedule: 'fused-taps', choices: whole.choices} as const;
  const planned = scheduleBands(bands, [{start: 0, end: 3, height: 4}], options);
  // The input stays, and the rows of it that the first layer copies; of the other maps 4 rows and 2 kept ones each.
  const [mapBytes, rowBytes] = [4 * 96 * 32 * 4, 4 * 32 * 4];
  t.true(whole.arenaPeakBytes >= 2 * mapBytes);
  t.true(planned.arenaPeakBytes <= mapBytes + 24 * rowBytes);
  t.deepEqual(run(graph, planned), run(graph, whole));
});

test('bytes that only very many commands would save are not saved', t => {
  const graph = buildGraph();
  const shape = (channels: number) => [1, channels, 64, 64];
  const conv = (x: string, kernel: number) => {
    const pad = (kernel - 1) / 2;
    const operation = convolution([graph.shape(x)[1]!, 8], [kernel, kernel], {
      padBegin: [pad, pad],
    });
    return graph.add(operation, [x], shape(8));
  };
  const join = (a: string, b: string) =>
    graph.add({op: 'concat', axis: 1}, [a, b], shape(graph.shape(a)[1]! + graph.shape(b)[1]!));
  const ones = new Float32Array(8).fill(1);
  let x = graph.input(shape(8));
  for (let block = 0; block < 40; block++) {
    const left = conv(x, 3);
    const right = conv(join(conv(left, 1), x), 1);
    const mixed = conv(join(right, left), 3);
    const norm = {op: 'instanceNorm', epsilon: 1, scale: ones, bias: ones} as const;
    x = graph.add({...norm, epilogue: NO_EPILOGUE}, [mixed], shape(8));
  }
  graph.output(x);
  const built = graph.build();
  const fast = schedule(built, {schedule: 'auto'});
  const {smallest} = tighten(built, {schedule: 'auto'}, fast);
  t.true(smallest.arenaPeakBytes < 0.9 * fast.arenaPeakBytes);
  t.true(smallest.steps.length < 4000, `${smallest.steps.length} commands`);
});
