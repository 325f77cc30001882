// The documents tell the truth: the worked example of docs/01-architecture.md, number by number.

import {readFileSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import test from 'ava';
import {compile} from '../src/compile.js';
import {decodeProgram} from '../src/program/decode.js';
import type {ScheduleName} from '../src/schedule/candidates.js';
import {untangleTransposed} from '../src/untangle/phases.js';
import {model} from './helpers/onnx-builder.js';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const PAGE = readFileSync(path.join(ROOT, 'docs/01-architecture.md'), 'utf8');

const KERNEL = 16;
const EXAMPLE = model({
  opset: 13,
  inputs: [{name: 'x', dims: [1, 2, 3, 3]}],
  outputs: [{name: 'y', dims: [1, 1, 6, 6]}],
  nodes: [
    {
      op: 'ConvTranspose',
      inputs: ['x', 'w', 'b'],
      outputs: ['t'],
      attrs: {kernel_shape: [4, 4], strides: [2, 2], pads: [1, 1, 1, 1]},
    },
    {op: 'Relu', inputs: ['t'], outputs: ['y']},
  ],
  initializers: {
    w: {
      dims: [2, 1, 4, 4],
      data: Array.from({length: 2 * KERNEL}, (_, i) => (i % KERNEL) + 1 + (i < KERNEL ? 0 : 100)),
    },
    b: {dims: [1], data: [0.5]},
  },
});

test('the worked example names the phases and taps', t => {
  const phases = untangleTransposed({
    inputSize: 3,
    outputSize: 6,
    kernelSize: 4,
    stride: 2,
    dilation: 1,
    padBegin: 1,
  });
  for (const {outStart, outStep, outCount, taps} of phases) {
    const outputs = Array.from({length: outCount}, (_, q) => outStart + q * outStep).join(' ');
    const list = taps
      .map(tap => `inStart ${tap.inStart} (kernelIndex ${tap.kernelIndex})`)
      .join(', ');
    t.true(
      PAGE.includes(`outStart ${outStart}: outputs ${outputs}, taps ${list}`),
      `phase ${outStart}`,
    );
  }
});

test('the worked example shows the packed weights', t => {
  const {constants} = decodeProgram(compile(EXAMPLE, {schedule: 'cks'}).bytes);
  for (let phase = 0; phase < 4; phase++) {
    const column = Array.from({length: 8}, (_, row) => constants[(phase * 8 + row) * 16]).join(' ');
    t.true(PAGE.includes(column), column);
  }
});

for (const schedule of ['huge2', 'ks', 'uks', 'cks', 'fused-phases'] satisfies ScheduleName[]) {
  test(`the worked example counts ${schedule}`, t => {
    const [copy, ...steps] = compile(EXAMPLE, {schedule}).explanation.commands;
    t.is(copy!.writtenBytes, 72);
    const sum = (field: 'macs' | 'readBytes' | 'writtenBytes') =>
      steps.reduce((total, step) => total + step[field], 0);
    const row = new RegExp(`\\| \`${schedule}\` \\|[^|]*\\| (\\d+) \\| (\\d+) \\| (\\d+) \\|`).exec(
      PAGE,
    );
    t.deepEqual(row?.slice(1).map(Number), [sum('macs'), sum('readBytes'), sum('writtenBytes')]);
  });
}

test('the worked example describes the program', t => {
  const {explanation, bytes} = compile(EXAMPLE, {schedule: 'cks'});
  const {commands, views, regions, constants} = decodeProgram(bytes);
  t.is(explanation.baselines.zeroInsertDirect.macs, 1152);
  t.deepEqual(
    [commands.length, views.length, regions.length, constants.byteLength],
    [2, 6, 16, 2048 + 64],
  );
  t.deepEqual(
    regions[0]!.taps.map(tap => tap.k),
    [6],
  );
  t.deepEqual(
    regions.at(-1)!.taps.map(tap => tap.k),
    [24],
  );
});

test('auto takes fused phases for the worked example', t => {
  t.is(compile(EXAMPLE).explanation.commands[1]!.schedule, 'fused-phases');
});
