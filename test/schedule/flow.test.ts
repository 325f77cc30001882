// Maps that are used up while others fill: both lie on each other's bytes, and the search may count on it.

import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import type {Graph} from '../../src/graph/graph.js';
import {type BandGraph, bandGraph} from '../../src/schedule/bands/band-graph.js';
import {type Flow, flowWithin, sharedBytes} from '../../src/schedule/bands/flow.js';
import {BandSearch} from '../../src/schedule/bands/search.js';
import {type Segment, segmentBands} from '../../src/schedule/bands/segment.js';
import {schedule} from '../../src/schedule/schedule.js';
import {scheduleBands} from '../../src/schedule/tighten.js';
import {checkProperty} from '../helpers/properties.js';
import {buildGraph, convolution, NO_EPILOGUE} from './lower-graph.js';
import {runCounted as run} from './lower-run.js';

const OPTIONS = {schedule: 'fused-taps'} as const;

interface Funnel {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly stride: 1 | 2;
  /** Convolutions between the two maps. */
  readonly depth: number;
}

/** A map that is normalised, convolutions of which the first may halve it, the last one's map, normalised as well. */
function funnel({height, width, channels, stride, depth}: Funnel): Graph {
  const graph = buildGraph();
  const first = [1, channels, height, width];
  const point = (from: number, to: number) => convolution([to, from], [1, 1]);
  const scale = new Float32Array(channels).fill(1);
  const norm = {
    op: 'instanceNorm',
    epsilon: 1,
    scale,
    bias: scale,
    epilogue: NO_EPILOGUE,
  } as const;
  let x = graph.add(point(1, channels), [graph.input([1, 1, height, width])], first);
  x = graph.add(norm, [x], first);
  const shape = [1, channels, Math.ceil(height / stride), Math.ceil(width / stride)];
  for (let layer = 0; layer < depth; layer++) {
    const strides = layer === 0 ? [stride, stride] : [1, 1];
    const options = {padBegin: [1, 1], strides};
    x = graph.add(convolution([channels, channels], [3, 3], options), [x], shape);
  }
  x = graph.add(norm, [x], shape);
  graph.output(graph.add(point(channels, 1), [x], [1, 1, ...shape.slice(2)]));
  return graph.build();
}

/** By definition: rows of the source that a band or a later one reads, and of the result that are there after it. */
function mostHeld({nodes}: BandGraph, segment: Segment, {source, target}: Flow): number {
  const bands = segmentBands({nodes} as BandGraph, segment);
  const held = bands.map((_, band) => {
    const read = new Set<number>();
    for (const later of bands.slice(band))
      later.ends.forEach((end, offset) => {
        const rows = {start: later.before[offset]!, end};
        const {producers, needs} = nodes[segment.start + offset]!;
        producers.forEach((producer, input) => {
          const need = needs![input]!;
          if (producer !== source || need === 'all' || rows.end <= rows.start) return;
          const {start, end} = need(rows);
          for (let row = start; row < end; row++) read.add(row);
        });
      });
    const first = Math.min(nodes[source]!.height, ...read);
    const written = bands[band]!.ends[target - segment.start]!;
    const [from, to] = [nodes[source]!, nodes[target]!];
    return (from.height - first) * from.rowBytes + written * to.rowBytes;
  });
  return Math.max(...held);
}

test('what is saved is what both maps never have at once, and placement finds it', t => {
  checkProperty(
    t,
    fc.record({
      height: fc.integer({min: 24, max: 48}),
      width: fc.integer({min: 12, max: 24}),
      channels: fc.constantFrom(4, 8),
      stride: fc.constantFrom(1, 2),
      depth: fc.integer({min: 1, max: 3}),
      rows: fc.integer({min: 1, max: 4}),
    }),
    ({rows, ...shape}) => {
      const graph = funnel(shape);
      const whole = schedule(graph, OPTIONS);
      const bands = bandGraph(graph, whole.choices);
      const segment = {start: 2, end: 2 + shape.depth, height: rows};
      const flow = flowWithin(bands, segment, []);
      assert.deepEqual(flow, {source: 1, target: 1 + shape.depth});
      const progress = segmentBands(bands, segment);
      const [from, to] = [bands.nodes[1]!.bytes, bands.nodes[1 + shape.depth]!.bytes];
      const most = Math.max(mostHeld(bands, segment, flow!), from, to);
      assert.equal(sharedBytes(bands, 2, flow!, progress), from + to - most);
      const options = {...OPTIONS, choices: whole.choices};
      const planned = scheduleBands(bands, [segment], options);
      assert.deepEqual(run(graph, planned), run(graph, whole));
      // Beside the two maps: windows, the input of the network and cache lines that are not full.
      const windows = (shape.depth - 1) * (rows + 4) * bands.nodes[2]!.rowBytes;
      const around = Math.max(from + shape.height * shape.width * 4, most + windows + 4096);
      assert.ok(planned.arenaPeakBytes <= around, `${planned.arenaPeakBytes} of ${around} bytes`);
    },
    60,
  );
});

test('the search counts on it only where it is asked to, and only where nothing else does', t => {
  const graph = funnel({height: 96, width: 32, channels: 8, stride: 1, depth: 2});
  const whole = schedule(graph, OPTIONS);
  const bands = bandGraph(graph, whole.choices);
  const search = new BandSearch(bands, {copied: new Set(), mostBytes: whole.arenaPeakBytes});
  const mapBytes = bands.nodes[0]!.bytes;
  const [plain, flowing] = [search.smallest(), search.smallest({flows: true})];
  t.true(flowing.bytes < plain.bytes, `${flowing.bytes} of ${plain.bytes} bytes`);
  t.true(flowing.bytes < 1.6 * mapBytes);
  t.deepEqual(search.within(plain.bytes, {flows: true}), search.within(plain.bytes));
  t.is(search.within(flowing.bytes), null);
});
