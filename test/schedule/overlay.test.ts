// Results over what dies while they are computed, and rows that move within their window.

import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import type {Graph} from '../../src/graph/graph.js';
import {bandGraph} from '../../src/schedule/bands/band-graph.js';
import {emitBands} from '../../src/schedule/bands/emit.js';
import {schedule} from '../../src/schedule/schedule.js';
import {scheduleBands} from '../../src/schedule/tighten.js';
import {checkProperty} from '../helpers/properties.js';
import {binaryChain, buildGraph, convolution} from './lower-graph.js';
import {runCounted as run} from './lower-run.js';

const CHANNELS = 4;

interface Block {
  readonly height: number;
  readonly width: number;
  /** Pads of both convolutions; 0: the sum is over the middle of the block's input. */
  readonly pad: 0 | 1;
  readonly blocks: number;
  /** The sum is a node of its own. */
  readonly isChain: boolean;
}

/** A convolution, residual blocks of two, and a convolution. */
function residualBlocks({height, width, pad, blocks, isChain}: Block): Graph {
  const graph = buildGraph();
  const conv = (x: string, size: number, residual?: string) => {
    const shape = [1, CHANNELS, height - size, width - size];
    const options = {padBegin: [pad, pad], ...(residual === undefined ? {} : {residual})};
    const operation = convolution([CHANNELS, CHANNELS], [3, 3], options);
    return graph.add(operation, residual === undefined ? [x] : [x, residual], shape);
  };
  const first = [1, CHANNELS, height, width];
  let x = graph.add(convolution([CHANNELS, CHANNELS], [1, 1]), [graph.input(first)], first);
  const lost = 2 - 2 * pad;
  for (let block = 0, size = 0; block < blocks; block++, size += 2 * lost) {
    const sum = [1, CHANNELS, height - size - 2 * lost, width - size - 2 * lost];
    const starts = [0, 0, lost, lost];
    const middle = pad === 1 ? x : graph.add({op: 'slice', starts, steps: [1, 1, 1, 1]}, [x], sum);
    const between = conv(x, size + lost);
    x = isChain
      ? graph.add(binaryChain(), [middle, conv(between, size + 2 * lost)], sum)
      : conv(between, size + 2 * lost, middle);
  }
  graph.output(graph.add(convolution([CHANNELS, CHANNELS], [1, 1]), [x], graph.shape(x)));
  return graph.build();
}

/** Each block in bands. */
function segmentsOf(graph: Graph, {blocks}: Block, height: number) {
  const perBlock = (graph.nodes.length - 2) / blocks;
  return Array.from({length: blocks}, (_, block) => ({
    start: 1 + block * perBlock,
    end: 1 + (block + 1) * perBlock,
    height,
  }));
}

test('residual blocks in bands lie over their input, all in one map', t => {
  const options = {schedule: 'fused-taps'} as const;
  checkProperty(
    t,
    fc.record({
      height: fc.integer({min: 20, max: 40}),
      width: fc.integer({min: 14, max: 20}),
      pad: fc.constantFrom(0, 1),
      blocks: fc.integer({min: 1, max: 3}),
      isChain: fc.boolean(),
      rows: fc.integer({min: 1, max: 3}),
    }),
    block => {
      const graph = residualBlocks(block);
      const whole = schedule(graph, options);
      const bands = bandGraph(graph, whole.choices);
      const segments = segmentsOf(graph, block, block.rows);
      assert.equal(emitBands(bands, segments).overlays.size, block.blocks);
      const planned = scheduleBands(bands, segments, {...options, choices: whole.choices});
      assert.deepEqual(run(graph, planned), run(graph, whole));
      const rowBytes = block.width * CHANNELS * 4;
      const mapBytes = block.height * rowBytes;
      // The input of the network lies beside the first map, channels last too while that is computed.
      const bandBytes = (3 * block.rows + 8) * rowBytes + 1024;
      assert.ok(planned.arenaPeakBytes <= Math.max(3 * mapBytes, mapBytes + bandBytes));
      const map = planned.steps.find(({op}) => op === 'gemmTaps')!.y.buffer;
      const sums = planned.steps.filter(({y}) => y.buffer === map).length - 1;
      assert.ok(sums >= block.blocks * 4, `${sums} bands over the map`);
    },
    60,
  );
});

test('a sum whose own convolution still reads the rows above is written elsewhere', t => {
  const graph = buildGraph();
  const shape = [1, CHANNELS, 24, 16];
  const point = convolution([CHANNELS, CHANNELS], [1, 1]);
  const x = graph.add(point, [graph.input(shape)], shape);
  const between = graph.add(
    convolution([CHANNELS, CHANNELS], [3, 3], {padBegin: [1, 1]}),
    [x],
    shape,
  );
  const sum = graph.add(binaryChain(), [x, between], shape);
  graph.output(graph.add(point, [sum], shape));
  const built = graph.build();
  const whole = schedule(built, {schedule: 'fused-taps'});
  const bands = bandGraph(built, whole.choices);
  const segments = [{start: 1, end: 3, height: 4}];
  t.is(emitBands(bands, segments).overlays.size, 0);
  const planned = scheduleBands(bands, segments, {schedule: 'fused-taps', choices: whole.choices});
  t.deepEqual(run(built, planned), run(built, whole));
});

test('a sweep tap by tap, which writes before it adds, is written elsewhere', t => {
  const block = {height: 24, width: 16, pad: 1, blocks: 1, isChain: false} as const;
  const graph = residualBlocks(block);
  const whole = schedule(graph, {schedule: 'huge2'});
  const bands = bandGraph(graph, whole.choices);
  const segments = segmentsOf(graph, block, 2);
  t.is(emitBands(bands, segments).overlays.size, 0);
  const planned = scheduleBands(bands, segments, {schedule: 'huge2', choices: whole.choices});
  t.deepEqual(run(graph, planned), run(graph, whole));
});

test('rows kept from band to band move to the start of the one window they lie in', t => {
  const graph = buildGraph();
  const shape = [1, CHANNELS, 48, 16];
  const padded = convolution([CHANNELS, CHANNELS], [3, 3], {padBegin: [1, 1]});
  const x = graph.add(padded, [graph.input(shape)], shape);
  graph.output(graph.add(padded, [x], shape));
  const built = graph.build();
  const whole = schedule(built, {schedule: 'fused-taps'});
  const bands = bandGraph(built, whole.choices);
  const options = {schedule: 'fused-taps', choices: whole.choices} as const;
  const planned = scheduleBands(bands, [{start: 0, end: 2, height: 4}], options);
  const moves = planned.steps.filter(step => step.op === 'copy' && step.x.buffer === step.y.buffer);
  t.true(moves.length >= 10, `${moves.length} of 11 bands after the first`);
  t.deepEqual(run(built, planned), run(built, whole));
});
