// Winograd's form: where it applies, what is counted, and that large and small blocks of tiles compute the definition.

import assert from 'node:assert/strict';
import test, {type ExecutionContext} from 'ava';
import type {ConvGeometry} from '../../src/graph/graph.js';
import {keptElements} from '../../src/program/validate-winograd.js';
import {winograd} from '../../src/schedule/candidates/tiled.js';
import type {WinogradCandidateStep} from '../../src/schedule/candidates/winograd.js';
import {chooseCandidate, convProblem} from '../../src/schedule/candidates.js';
import {type ConvStep, PANEL, WINOGRAD_CHANNELS} from '../../src/schedule/steps.js';
import {
  winogradKernelElements,
  winogradProducts,
  winogradTileElements,
} from '../../src/untangle/winograd.js';
import {checkProperty} from '../helpers/properties.js';
import type {ConvDefinition} from '../reference/conv.js';
import {CONV_CASES, THREE_BY_THREE_CASES} from './conv-cases.js';
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

function problemOf(geometry: Partial<ConvGeometry>, sizes: Partial<Sizes> = {}, isExact = false) {
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
  return convProblem({...SAME, ...geometry}, operands, {isExact});
}

/** The steps of the candidate as far as they are tiled, wherever that can be done. */
function tiled(geometry: Partial<ConvGeometry>, sizes: Partial<Sizes> = {}) {
  const steps = winograd(problemOf(geometry, sizes))?.steps ?? [];
  return steps.filter((step): step is WinogradCandidateStep => step.op === 'winograd');
}

/** Taps of the tiled steps, regions, and steps in all. */
function shape(geometry: Partial<ConvGeometry>, sizes: Partial<Sizes> = {}) {
  const steps = tiled(geometry, sizes);
  const all = winograd(problemOf(geometry, sizes))?.steps.length ?? 0;
  return [...steps.map(({form, regions}) => `${form.taps.join('x')} ${regions.length}`), all];
}

test('convolutions of two or three taps an axis and stride 1 take it, dilated and transposed ones too', t => {
  t.deepEqual(shape({}), ['3x3 1', 1]);
  t.deepEqual(shape({padBegin: [0, 2]}), ['3x3 1', 1]);
  t.deepEqual(shape({padBegin: [-1, 1]}), ['3x3 1', 1]);
  t.deepEqual(shape({dilations: [2, 5], padBegin: [2, 5]}), ['3x3 10', 1]);
  t.deepEqual(shape({kernel: [2, 2], padBegin: [0, 0]}), ['2x2 1', 1]);
  t.deepEqual(shape({kernel: [1, 3], padBegin: [0, 1]}), ['1x3 1', 1]);
  t.deepEqual(shape({kernel: [3], strides: [1], dilations: [1], padBegin: [1]}), ['1x3 1', 1]);
  // A transposed one reads back to 2 pixels before its pads.
  const [step] = tiled({transposed: true});
  t.deepEqual([step!.regions[0]!.inY, step!.regions[0]!.inX], [-1, -1]);
  t.is(tiled({transposed: true, padBegin: [2, 2], dilations: [2, 2]})[0]!.regions[0]!.inY, -2);

  t.deepEqual(shape({strides: [1, 2]}), [0]);
  t.deepEqual(shape({kernel: [3, 5]}), [0]);
  t.deepEqual(shape({kernel: [1, 1], padBegin: [0, 0]}), [0]);
  t.deepEqual(shape({groups: 2}), [0]);
  t.deepEqual(shape({}, {channels: [WINOGRAD_CHANNELS, 1]}), ['3x3 1', 1]);
  t.deepEqual(shape({}, {channels: [WINOGRAD_CHANNELS + 1, 1]}), [0]);
  t.is(winograd(problemOf({}, {}, true)), null);
});

test('phases of a transposed convolution are tiled by their taps, a single tap is left to gemmTaps', t => {
  const up = {output: [24, 20]} as const;
  const by = (size: number, stride: number, padBegin = 1) =>
    shape(
      {
        transposed: true,
        kernel: [size, size],
        strides: [stride, stride],
        padBegin: [padBegin, padBegin],
      },
      up,
    );
  t.deepEqual(by(4, 2), ['2x2 4', 1]);
  t.deepEqual(by(3, 2), ['1x2 1', '2x1 1', '2x2 1', 4]);
  t.deepEqual(by(5, 2, 2), ['3x3 1', '3x2 1', '2x3 1', '2x2 1', 4]);
  t.deepEqual(by(2, 2, 0), [0]);
  // Four taps an axis are too many, phases without taps too few.
  t.deepEqual(by(8, 2, 3), [0]);
  t.deepEqual(by(2, 3, 0), [0]);
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
    return winograd(convProblem(geometry, operands, {folds: {input: fold, output: fold}}));
  };
  t.deepEqual(volume(1)?.steps, winograd(problemOf({}))?.steps);
  t.is(volume(2), null);
});

test('a dilated convolution has regions of its own for each residue', t => {
  const sizes = {input: [12, 24], output: [12, 7]} as const;
  const [{regions}] = tiled({dilations: [5, 9], padBegin: [5, 2]}, sizes) as [
    WinogradCandidateStep,
  ];
  // Fewer output columns than residues.
  t.is(regions.length, 5 * 7);
  t.deepEqual([...new Set(regions.map(({countY}) => countY))], [3, 2]);
  t.deepEqual([...new Set(regions.map(({countX}) => countX))], [1]);
  t.is(new Set(regions.map(({taps}) => taps[0]!.k)).size, 1);
});

test('so many residues that tiles would be nearly empty, or regions too many, are left to others', t => {
  const dilated = (...dilations: [number, number]) => {
    const size = [2048, 2048] as const;
    return shape({dilations, padBegin: dilations}, {input: size, output: size});
  };
  t.deepEqual(dilated(32, 32), ['3x3 1024', 1]);
  t.deepEqual(dilated(33, 32), [0]);
  t.deepEqual(dilated(1, 1024), ['3x3 1024', 1]);
});

test('one pass over the operands, and tiles that wait in the arena once there and back', t => {
  const outChannels = 35;
  const columns = 3 * PANEL;
  const [private_, shared] = [8, 256].map(inChannels => {
    const sizes = {input: [24, 24], output: [24, 24], channels: [inChannels, outChannels]} as const;
    return {inChannels, ...tiled({}, sizes)[0]!};
  });
  for (const {inChannels, form, counts, scratchElements} of [private_!, shared!]) {
    const products = winogradProducts(form);
    const tiles = Math.ceil(24 / form.tile) ** 2;
    const kernel = products * inChannels * columns;
    const kept = scratchElements >= kernel ? kernel : 0;
    const waitingTiles = scratchElements > kept ? tiles * products * (inChannels + columns) : 0;
    t.is(counts.macs, tiles * products * inChannels * outChannels);
    const operands = 24 * 24 * inChannels + 9 * inChannels * columns + columns;
    t.is(counts.readBytes, 4 * (operands + kept + waitingTiles));
    t.is(counts.writtenBytes, 4 * (24 * 24 * outChannels + kept + waitingTiles));
  }
  t.is(private_!.scratchElements, winogradProducts(private_!.form) * 8 * columns);
  t.true(shared!.scratchElements > 0);
});

test('it is taken where it clearly costs less', t => {
  const large = {input: [64, 64], output: [128, 128], channels: [256, 64]} as const;
  const k4s2 = {transposed: true, kernel: [4, 4], strides: [2, 2]};
  const taken = chooseCandidate(problemOf(k4s2, large), 'auto');
  t.is(taken.name, 'winograd');
  t.is(taken.steps.length, 1);
  // A transform of many weights for a handful of tiles.
  const small = {input: [4, 4], output: [8, 8], channels: [512, 256]} as const;
  t.not(chooseCandidate(problemOf(k4s2, small), 'auto').name, 'winograd');
});

const PLAIN: Settings = {gap: 0, activation: 'identity', residual: 'none', hasBias: false};

/** Lowers and runs a convolution; the counts have to be those of the interpreter, the results within the bound. */
function check(
  t: ExecutionContext,
  definition: Partial<ConvDefinition>,
  {transposed = false, ...settings}: Partial<Settings> & {readonly transposed?: boolean} = {},
): Extract<ConvStep, {op: 'winograd'}> {
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
  for (const each of steps) t.deepEqual(executeStep(each, memory), each.counts);
  const actual = indices(y.shape).map(index => memory.get(1)![at(y, index)]!);
  t.notThrows(() => assertComputed(steps, full.inChannels, {actual, expected}));
  const [first] = steps;
  assert(first?.op === 'winograd');
  return first;
}

/** What a step's scratch is for: 'kernels' that are kept, 'tiles', or both. */
function scratchOf({form, x, y, scratch}: Extract<ConvStep, {op: 'winograd'}>): string {
  const [inChannels, panels] = [x.shape[3]!, Math.ceil(y.shape[3]! / PANEL)];
  const kernels = winogradKernelElements(form, inChannels, panels);
  const tile = winogradTileElements(form, inChannels, panels);
  const left = scratch.shape[0]! - kernels;
  return left === 0 ? 'kernels' : left >= tile ? 'both' : 'tiles';
}

test('blocks of few channels stay in the workspace, blocks of many lie in the arena', t => {
  t.is(scratchOf(check(t, {})), 'kernels');
  const deep = {inChannels: 300, outChannels: 2, input: [17, 18], output: [17, 18]} as const;
  t.is(scratchOf(check(t, deep)), 'both');
  const settings = {residual: 'full', activation: 'relu', gap: 3} as const;
  t.is(scratchOf(check(t, {...deep, batch: 2}, settings)), 'both');
  const wide = {inChannels: 2, outChannels: 300, input: [17, 18], output: [17, 18]} as const;
  t.is(scratchOf(check(t, wide, {hasBias: true, activation: 'prelu'})), 'both');
});

test('kernels of one channel to very many are kept or not, as the executor will see it', t => {
  for (const outChannels of [16, 1500, 40_000, 100_000]) {
    const [step] = tiled({}, {channels: [1, outChannels]});
    const [inChannels, panels] = [1, Math.ceil(outChannels / PANEL)];
    const kernel = winogradKernelElements(step!.form, inChannels, panels);
    const tile = winogradTileElements(step!.form, inChannels, panels);
    const kept = keptElements({tile, kernel}, step!.scratchElements);
    t.true(kept > 0 || step!.scratchElements >= tile);
    const tiles = Math.ceil(12 / step!.form.tile) * Math.ceil(10 / step!.form.tile);
    const transforms = tiles * winogradProducts(step!.form) * (inChannels + panels * PANEL);
    const waiting = kept + (step!.scratchElements - kept >= tile ? transforms : 0);
    t.is(step!.counts.writtenBytes, 4 * (12 * 10 * outChannels + waiting));
  }
});

test('large kernels for few tiles are transformed on the way', t => {
  const few = {inChannels: 300, outChannels: 160, input: [4, 4], output: [4, 4]} as const;
  t.is(scratchOf(check(t, few)), 'tiles');
});

test('small maps take small tiles, large ones tiles of four', t => {
  t.is(check(t, {input: [2, 2], output: [2, 2]}).form.tile, 1);
  t.is(check(t, {input: [16, 16], output: [16, 16]}).form.tile, 4);
});

test('residues of two pixels are pairs, what lies between them is left to gemmTaps', t => {
  const sizes = {input: [9, 8], output: [9, 8], channels: [64, 64]} as const;
  const dilated = {dilations: [5, 4], padBegin: [5, 4]} as const;
  // 4 of 5 residues have two rows, all of 4 have two columns.
  t.deepEqual(shape(dilated, sizes), ['3x3 16', 2]);
  const [pairs] = tiled(dilated, sizes);
  t.is(pairs!.form.tile, 1);
  t.deepEqual([pairs!.regions[0]!.inY, pairs!.regions[5]!.inX], [0, 1]);
  t.is(pairs!.counts.macs, 16 * 9 * 64 * 64);
  t.is(tiled(dilated, {...sizes, input: [11, 9], output: [11, 9]})[0]!.form.tile, 2);

  const channels = {inChannels: 64, outChannels: 64} as const;
  const definition = {...channels, input: sizes.input, output: sizes.output, ...dilated};
  t.is(check(t, {...definition, batch: 2}, {residual: 'full', activation: 'relu'}).form.tile, 1);
  const row = {kernel: [1, 3], dilations: [1, 4], padBegin: [0, 4]} as const;
  t.is(check(t, {...channels, input: [3, 8], output: [3, 8], ...row}).form.tile, 1);
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
  t.deepEqual(tiled({dilations, padBegin: dilations}, {input: [8, 8], output: [8, 8]}), []);
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

test('transposed convolutions of any stride, with taps apart', t => {
  const up = {input: [7, 6], output: [14, 12], strides: [2, 2], padBegin: [1, 1]} as const;
  check(t, {...up, kernel: [4, 4]}, {transposed: true, hasBias: true, activation: 'relu'});
  check(t, {...up, kernel: [3, 3], batch: 2}, {transposed: true, gap: 3, residual: 'full'});
  check(t, {...up, kernel: [5, 6], padBegin: [2, 2]}, {transposed: true, activation: 'prelu'});
  const thirds = {input: [5, 4], output: [15, 13], strides: [3, 3], kernel: [5, 7]} as const;
  check(t, {...thirds, padBegin: [1, 2]}, {transposed: true, hasBias: true});
  // The taps of a phase are three pixels apart.
  check(t, {...up, kernel: [4, 3], dilations: [3, 3], padBegin: [4, 3]}, {transposed: true});
  const deep = {inChannels: 640, outChannels: 2, input: [9, 12], output: [18, 24]} as const;
  check(t, {...up, ...deep, kernel: [4, 4]}, {transposed: true});
});

for (const [what, cases, forms] of [
  ['3x3 convolutions', THREE_BY_THREE_CASES, 3],
  ['convolutions', CONV_CASES, 12],
] as const) {
  test(`random ${what}: tiles of many forms, counted as they are run`, t => {
    const seen = new Set<string>();
    checkProperty(
      t,
      cases,
      conv => {
        const settings = {...PLAIN, hasBias: true};
        const {steps, memory, y, expected} = lower(conv, 'winograd', settings);
        for (const step of steps) {
          if (step.op === 'winograd') seen.add(`${step.form.tile} ${step.form.taps}`);
          assert.deepEqual(step.counts, executeStep(step, memory));
        }
        const actual = indices(y.shape).map(index => memory.get(1)![at(y, index)]!);
        assertComputed(steps, conv.definition.inChannels, {actual, expected});
      },
      600,
    );
    t.true(seen.size >= forms, [...seen].join('; '));
  });
}
