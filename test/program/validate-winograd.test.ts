// What a winograd command may say: each field, view and count out of range is refused, here and by the executor.

import test from 'ava';
import {validateProgram} from '../../src/program/decode.js';
import {encodeProgram} from '../../src/program/encode.js';
import {loadAddon} from '../../src/runtime/native.js';
import {type Region, WINOGRAD_CHANNELS, type WinogradStep} from '../../src/schedule/steps.js';
import type {WinogradForm} from '../../src/untangle/winograd.js';
import {dense, sampleParts, WINOGRAD_STEP} from './encode-sample.js';

/** The message with which a program of this step is refused; the executor has to refuse it too. */
function refusal(change: Partial<WinogradStep>): string {
  const parts = sampleParts([{...WINOGRAD_STEP, ...change}]);
  const bytes = encodeProgram({...parts, arenaBytes: parts.arenaBytes + 4 * WINOGRAD_CHANNELS});
  const message = messageOf(() => validateProgram(bytes));
  const native = messageOf(() => loadAddon().open(bytes, 1).dispose());
  if ((message === ACCEPTED) === (native === ACCEPTED)) return message;
  return `${message}, but the executor says: ${native}`;
}

const ACCEPTED = 'accepted';

function messageOf(check: () => void): string {
  try {
    check();
    return ACCEPTED;
  } catch (error) {
    return (error as Error).message;
  }
}

/** The regions of the sample with a change to the second. */
function regions(change: Partial<Region>): Pick<WinogradStep, 'regions'> {
  const [first, second] = WINOGRAD_STEP.regions as [Region, Region];
  return {regions: [first, {...second, ...change}]};
}

test('tiles and taps', t => {
  const form = (tile: number, ...taps: number[]) => ({
    form: {tile, taps} as unknown as WinogradForm,
  });
  t.is(refusal({}), 'accepted');
  t.is(refusal(form(2, 2, 3)), 'accepted');
  t.is(refusal(form(4, 1, 2)), 'accepted');
  t.regex(refusal(form(1, 2, 3)), /there are no tiles of 1 for 2x3 taps/);
  t.regex(refusal(form(0, 3, 3)), /there are no tiles of 0/);
  t.regex(refusal(form(5, 3, 3)), /there are no tiles of 5/);
  t.regex(refusal(form(3, 2, 3)), /there are no tiles of 3 for 2x3 taps/);
  t.regex(refusal(form(2, 1, 1)), /there are no tiles of 2 for 1x1 taps/);
  t.regex(refusal(form(2, 0, 3)), /there are no tiles of 2 for 0x3 taps/);
  t.regex(refusal(form(2, 3, 4)), /there are no tiles of 2 for 3x4 taps/);
});

test('regions', t => {
  const tap = {dy: 0, dx: 0, k: 0};
  t.is(refusal(regions({inY: -(2 ** 20), inX: 2 ** 20})), 'accepted');
  t.is(refusal(regions({inStepX: 2 ** 20})), 'accepted');
  t.regex(refusal(regions({inStepX: 2 ** 29})), /536870912 is out of range for a pixel/);
  t.regex(refusal(regions({countX: 3})), /writes y at \(0, 1\) to \(3, 5\), outside/);
  t.regex(refusal(regions({taps: [{...tap, k: 1}]})), /reads weights past row 2/);
  for (const change of [
    {taps: []},
    {taps: [tap, tap]},
    {taps: [{...tap, dx: 1}]},
    {taps: [{...tap, dy: -1}]},
    {padded: false, inY: 0, inX: 0, countX: 1},
    {cropped: true},
    {perTap: true},
    {inStepX: 0},
  ])
    t.regex(refusal(regions(change)), /is no window of one kernel/, JSON.stringify(change));
  t.regex(refusal(regions({kc: 1})), /kc = 1 is neither/);
});

test('maps', t => {
  const {x, y} = WINOGRAD_STEP;
  t.regex(refusal({x: dense(0, [4, 4, 2])}), /x has rank 3; expected 4/);
  t.regex(refusal({x: {...x, strides: [32, 4, 1, 16]}}), /x has channel stride 1/);
  t.regex(refusal({y: {...y, strides: [64, 4, 1, 16]}}), /y has channel stride 16/);
  t.regex(refusal({y: dense(3, [2, 2, 4, 4])}), /y has shape \[2,2,4,4\]; expected \[1,2,4,4\]/);
  t.regex(refusal({y: dense(4, [1, 4, 4, 4])}), /writes constants/);
  const {epilogue} = WINOGRAD_STEP;
  const residual = dense(1, [1, 4, 4, 2]);
  t.regex(refusal({epilogue: {...epilogue, residual}}), /residual has shape/);
  const wide = (channels: number) => ({
    x: dense(0, [1, 1, 1, channels]),
    y: dense(3, [1, 1, 1, 4]),
    weights: dense(8, [512]),
    epilogue: {...epilogue, residual: null},
  });
  t.regex(refusal(wide(WINOGRAD_CHANNELS)), /weights has 32 rows; a kernel takes 18432/);
  t.regex(refusal(wide(WINOGRAD_CHANNELS + 1)), /x has 2049 channels; at most 2048/);
});

test('memory', t => {
  t.regex(refusal({weights: dense(8, [272])}), /weights has 17 rows; a kernel takes 18/);
  t.regex(refusal({weights: dense(8, [287])}), /weights has 17.9375 rows; a kernel takes 18/);
  const {epilogue} = WINOGRAD_STEP;
  t.regex(refusal({epilogue: {...epilogue, bias: dense(5, [15])}}), /bias has 15 elements/);
  t.regex(refusal({epilogue: {...epilogue, slope: dense(5, [4])}}), /slope/);
  // A kernel of 4 * 4 products; a tile fits the workspace.
  t.is(refusal({scratch: dense(9, [512])}), 'accepted');
  // A kernel that is transformed on the way leaves the scratch to a tile.
  t.is(refusal({scratch: dense(9, [320])}), 'accepted');
  t.regex(
    refusal({scratch: dense(9, [319])}),
    /a tile takes 320 floats and its kernel 512; scratch has 319/,
  );
  const tap = {dy: 0, dx: 0, k: 14};
  const two = {...regions({taps: [tap]}), weights: dense(8, [16 * 32])};
  // Two kernels take turns.
  t.is(refusal({...two, scratch: dense(9, [512])}), 'accepted');
  t.regex(refusal({...two, scratch: dense(9, [319])}), /its kernel 512; scratch has 319/);
  t.regex(refusal({scratch: dense(8, [512])}), /scratch .* writes constants/);
  const gaps = {buffer: 9, offset: 0, shape: [320], strides: [2]};
  t.regex(refusal({scratch: {...gaps, shape: [160, 2], strides: [2, 2]}}), /scratch/);
});
