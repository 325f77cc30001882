// What a winograd command may say: each field, view and count out of range is refused, here and by the executor.

import test from 'ava';
import {validateProgram} from '../../src/program/decode.js';
import {encodeProgram} from '../../src/program/encode.js';
import {loadAddon} from '../../src/runtime/native.js';
import {WINOGRAD_CHANNELS, type WinogradStep} from '../../src/schedule/steps.js';
import type {WinogradTile} from '../../src/untangle/winograd.js';
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

test('tiles and steps', t => {
  t.is(refusal({}), 'accepted');
  t.is(refusal({scratch: null}), 'accepted');
  t.is(refusal({dilation: [2 ** 20, 1], pad: [0, 2 ** 20]}), 'accepted');
  t.regex(refusal({tile: 3 as WinogradTile}), /tile is 3; expected 2 or 4/);
  t.regex(refusal({tile: 0 as WinogradTile}), /tile is 0; expected 2 or 4/);
  t.regex(refusal({dilation: [0, 1]}), /dilationY is 0; expected 1 to 1048576/);
  t.regex(refusal({dilation: [1, 2 ** 20 + 1]}), /dilationX is 1048577/);
  t.regex(refusal({pad: [2 ** 32 - 1, 0]}), /padTop is 4294967295; expected 0 to 1048576/);
  t.regex(refusal({pad: [0, 2 ** 31]}), /padLeft is 2147483648/);
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
  t.regex(refusal(wide(WINOGRAD_CHANNELS)), /weights has 512 elements; expected 524288/);
  t.regex(refusal(wide(WINOGRAD_CHANNELS + 1)), /x has 2049 channels; at most 2048/);
  const long = {buffer: 0, offset: 0, shape: [1, 2 ** 20 + 1, 1, 2], strides: [0, 0, 0, 1]};
  t.regex(refusal({x: long}), /a map has 1048577 rows or columns/);
});

test('memory', t => {
  t.regex(refusal({tile: 4}), /weights has 512 elements; expected 1152/);
  t.regex(refusal({weights: dense(8, [496])}), /weights has 496 elements; expected 512/);
  const {epilogue} = WINOGRAD_STEP;
  t.regex(refusal({epilogue: {...epilogue, bias: dense(5, [15])}}), /bias has 15 elements/);
  t.regex(refusal({epilogue: {...epilogue, slope: dense(5, [4])}}), /slope/);
  t.is(refusal({scratch: dense(9, [320])}), 'accepted');
  t.regex(refusal({scratch: dense(9, [319])}), /a tile takes 320 floats; scratch has 319/);
  t.regex(refusal({scratch: dense(8, [512])}), /scratch .* writes constants/);
  const gaps = {buffer: 9, offset: 0, shape: [320], strides: [2]};
  t.regex(refusal({scratch: {...gaps, shape: [160, 2], strides: [2, 2]}}), /scratch/);
});
