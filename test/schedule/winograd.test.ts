// Winograd's form: where it applies, what is counted, and that large and small blocks of tiles compute the definition.

import assert from 'node:assert/strict';
import test, {type ExecutionContext} from 'ava';
import type {ConvGeometry} from '../../src/graph/graph.js';
import {planWinograd, type WinogradPlan} from '../../src/schedule/candidates/winograd.js';
import {convProblem} from '../../src/schedule/candidates.js';
import {PANEL, WINOGRAD_CHANNELS, type WinogradStep} from '../../src/schedule/steps.js';
import {checkProperty} from '../helpers/properties.js';
import type {ConvDefinition} from '../reference/conv.js';
import {THREE_BY_THREE_CASES} from './conv-cases.js';
import {executeStep} from './execute-winograd.js';
import {at, indices, lower, type Settings} from './lower-case.js';
import {mapView} from './views.js';
import {assertComputed} from './winograd-bound.js';

const SAME: ConvGeometry = {
  transposed: false,
  groups: 1,
  kernel: [3, 3],
  strides: [1, 1],
  dilations: [1, 1],
  padBegin: [1, 1],
};

interface Sizes {
  readonly input: readonly [number, number];
  readonly output: readonly [number, number];
  readonly channels: readonly [number, number];
}

const SIZES: Sizes = {input: [12, 10], output: [12, 10], channels: [16, 16]};

function plan(geometry: Partial<ConvGeometry>, sizes: Partial<Sizes> = {}): WinogradPlan | null {
  const {input, output, channels} = {...SIZES, ...sizes};
  const spatial = (size: readonly number[]) => size.slice(2 - (geometry.kernel?.length ?? 2));
  const map = (size: readonly number[], count: number) =>
    mapView([1, ...Array<number>(2 - spatial(size).length).fill(1), ...spatial(size), count]);
  const operands = {
    x: map(input, channels[0]),
    y: map(output, channels[1]),
    residual: null,
    hasBias: true,
    hasSlope: false,
    hasActivation: true,
  };
  return planWinograd(convProblem({...SAME, ...geometry}, operands));
}

test('dense 3x3 convolutions of stride 1 that pad inwards take it, dilated and transposed ones too', t => {
  t.not(plan({}), null);
  t.not(plan({padBegin: [0, 2]}), null);
  t.not(plan({dilations: [2, 5], padBegin: [2, 5]}), null);
  // A transposed one reads back to 2 pixels before its pads.
  t.deepEqual([plan({transposed: true})!.y.pad, plan({transposed: true})!.x.pad], [1, 1]);
  t.is(plan({transposed: true, padBegin: [2, 2], dilations: [2, 2]})!.y.pad, 2);
  t.not(plan({transposed: true, padBegin: [2, 2]}), null);

  t.is(plan({transposed: true, padBegin: [3, 1]}), null);
  t.is(plan({padBegin: [-1, 1]}), null);
  t.is(plan({strides: [1, 2]}), null);
  t.is(plan({transposed: true, strides: [2, 2]}), null);
  t.is(plan({kernel: [3, 5]}), null);
  t.is(plan({kernel: [1, 3], padBegin: [0, 1]}), null);
  t.is(plan({groups: 2}), null);
  const oneAxis = {kernel: [3], strides: [1], dilations: [1], padBegin: [1]};
  t.is(plan(oneAxis), null);
  t.not(plan({}, {channels: [WINOGRAD_CHANNELS, 1]}), null);
  t.is(plan({}, {channels: [WINOGRAD_CHANNELS + 1, 1]}), null);
});

test('a volume of one plane takes it too, deeper ones do not', t => {
  const volume = (depth: number) => {
    const rows = mapView([1, 12 * depth, 10, 16]);
    const fold = {depth, height: 12, pitch: 12};
    const operands = {
      ...{x: rows, y: rows, residual: null},
      ...{hasBias: true, hasSlope: false, hasActivation: true},
    };
    const geometry: ConvGeometry = {
      ...SAME,
      kernel: [1, 3, 3],
      strides: [1, 1, 1],
      dilations: [1, 1, 1],
      padBegin: [0, 1, 1],
    };
    return planWinograd(convProblem(geometry, operands, {folds: {input: fold, output: fold}}));
  };
  t.deepEqual(volume(1), plan({}));
  t.is(volume(2), null);
});

test('a dilated convolution has tiles of its own for each residue', t => {
  const sizes = {input: [12, 24], output: [12, 7]} as const;
  const {tile, y, x} = plan({dilations: [5, 9], padBegin: [5, 2]}, sizes)!;
  t.deepEqual([y.residues, y.tiles], [5, Math.ceil(3 / tile)]);
  // Fewer outputs than residues.
  t.deepEqual([x.residues, x.tiles], [7, 1]);
});

test('one pass over the operands, and tiles that wait in the arena once there and back', t => {
  const outChannels = 35;
  const columns = 3 * PANEL;
  const [private_, shared] = [8, 256].map(inChannels => {
    const sizes = {input: [24, 24], output: [24, 24], channels: [inChannels, outChannels]} as const;
    return {inChannels, ...plan({}, sizes)!};
  });
  for (const {inChannels, tile, y, x, counts, scratchElements} of [private_!, shared!]) {
    const products = (tile + 2) ** 2;
    const tiles = y.tiles * x.tiles;
    const waiting = scratchElements > 0 ? tiles * products * (inChannels + columns) : 0;
    t.is(counts.macs, tiles * products * inChannels * outChannels);
    const operands = 24 * 24 * inChannels + products * inChannels * columns + columns;
    t.is(counts.readBytes, 4 * (operands + waiting));
    t.is(counts.writtenBytes, 4 * (24 * 24 * outChannels + waiting));
  }
  t.is(private_!.scratchElements, 0);
  t.true(shared!.scratchElements > 0);
});

const PLAIN: Settings = {gap: 0, activation: 'identity', residual: 'none', hasBias: false};

/** Lowers and runs a convolution; the counts have to be those of the interpreter, the results within the bound. */
function check(
  t: ExecutionContext,
  definition: Partial<ConvDefinition>,
  {transposed = false, ...settings}: Partial<Settings> & {readonly transposed?: boolean} = {},
): WinogradStep {
  const full: ConvDefinition = {
    batch: 1,
    groups: 1,
    inChannels: 5,
    outChannels: 19,
    input: [8, 8],
    output: [8, 8],
    kernel: [3, 3],
    strides: [1, 1],
    dilations: [1, 1],
    padBegin: [1, 1],
    ...definition,
  };
  const conv = {transposed, definition: full, seed: 7};
  const {steps, memory, y, expected} = lower(conv, 'winograd', {...PLAIN, ...settings});
  const [step] = steps;
  assert(step?.op === 'winograd');
  t.deepEqual(executeStep(step, memory), step.counts);
  const actual = indices(y.shape).map(index => memory.get(1)![at(y, index)]!);
  t.notThrows(() => assertComputed(steps, full.inChannels, {actual, expected}));
  return step;
}

test('blocks of few channels stay in the workspace, blocks of many lie in the arena', t => {
  t.is(check(t, {}).scratch, null);
  const deep = {inChannels: 300, outChannels: 2, input: [17, 18], output: [17, 18]} as const;
  t.not(check(t, deep).scratch, null);
  t.not(
    check(t, {...deep, batch: 2}, {residual: 'full', activation: 'relu', gap: 3}).scratch,
    null,
  );
  const wide = {inChannels: 2, outChannels: 300, input: [17, 18], output: [17, 18]} as const;
  t.not(check(t, wide, {hasBias: true, activation: 'prelu'}).scratch, null);
});

test('small maps take tiles of two, large ones tiles of four', t => {
  t.is(check(t, {input: [2, 2], output: [2, 2]}).tile, 2);
  t.is(check(t, {input: [16, 16], output: [16, 16]}).tile, 4);
});

test('pads may differ from axis to axis and reach far, outputs may lie outside the input', t => {
  check(t, {padBegin: [0, 2], output: [6, 10]});
  check(t, {padBegin: [7, 3], output: [20, 13]});
  check(t, {input: [1, 2], output: [9, 9], padBegin: [6, 6]});
  check(t, {output: [3, 3], padBegin: [0, 0]});
});

test('dilations may exceed the map, as long as every tap is inside for some output', t => {
  const dilations = [9, 20] as const;
  check(t, {dilations, padBegin: [12, 39], input: [8, 3], output: [20, 42]}, {hasBias: true});
  check(t, {dilations, padBegin: [1, 2], input: [24, 45], output: [2, 8]});
  t.is(plan({dilations, padBegin: dilations}, {input: [8, 8], output: [8, 8]}), null);
});

test('the input may be the residual', t => {
  const square = {inChannels: 21, outChannels: 21};
  check(t, square, {residual: 'input', activation: 'relu'});
  check(t, {...square, batch: 3}, {residual: 'input', activation: 'prelu', gap: 3, hasBias: true});
});

test('a transposed convolution is one of flipped taps', t => {
  check(t, {}, {transposed: true});
  check(t, {dilations: [2, 3], padBegin: [2, 5]}, {transposed: true, hasBias: true});
});

test('random 3x3 convolutions: both tiles, counted as they are run', t => {
  const tiles = new Set<number>();
  checkProperty(
    t,
    THREE_BY_THREE_CASES,
    conv => {
      const settings = {...PLAIN, hasBias: true};
      const {steps, memory, y, expected} = lower(conv, 'winograd', settings);
      for (const step of steps) {
        if (step.op === 'winograd') tiles.add(step.tile);
        assert.deepEqual(step.counts, executeStep(step, memory));
      }
      const actual = indices(y.shape).map(index => memory.get(1)![at(y, index)]!);
      assertComputed(steps, conv.definition.inChannels, {actual, expected});
    },
    100,
  );
  t.deepEqual([...tiles].sort(), [2, 4]);
});
