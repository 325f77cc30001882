import {createHash} from 'node:crypto';
import test from 'ava';
import {UntangleError} from '../../src/errors.js';
import type {Command} from '../../src/program/commands.js';
import {HEADER, NONE} from '../../src/program/commands.js';
import {decodeProgram} from '../../src/program/decode.js';
import {encodeProgram} from '../../src/program/encode.js';
import {formatHash} from '../../src/program/format-hash.js';
import {bitsToFloat} from '../../src/program/words.js';
import type {Step} from '../../src/schedule/steps.js';
import {dense, GEMM, STEPS, sampleParts} from './encode-sample.js';

const COUNTS = {macs: 0, readBytes: 0, writtenBytes: 0};
const program = decodeProgram(encodeProgram(sampleParts()));

function commandOf<Op extends Command['op']>(op: Op): Extract<Command, {op: Op}> {
  return program.commands.find(command => command.op === op) as Extract<Command, {op: Op}>;
}

test('every kind of step comes back as the command of its name', t => {
  t.deepEqual(
    program.commands.map(command => command.op),
    STEPS.map(step => step.op),
  );
});

test('regions, taps and flags come back as they were', t => {
  const {regionFirst, regionCount} = commandOf('gemmTaps');
  t.deepEqual(program.regions.slice(regionFirst, regionFirst + regionCount), [...GEMM.regions]);
});

test('equal tap lists are stored once', t => {
  const [first, second] = program.regions;
  t.is(first!.taps, second!.taps);
});

test('views come back with slot, bytes and strides', t => {
  const {x} = commandOf('copy');
  t.deepEqual(program.views[x], {
    slot: 0,
    offsetBytes: 124,
    type: 'fp32',
    shape: [32],
    strides: [-1],
  });
  const {y} = commandOf('gemmTaps');
  t.deepEqual(program.views[y], {
    slot: 2,
    offsetBytes: 0,
    type: 'fp32',
    shape: [1, 4, 4, 4],
    strides: [64, 16, 4, 1],
  });
});

test('equal views are stored once and absent ones are NONE', t => {
  t.is(commandOf('gemmTaps').biasView, commandOf('gemmTaps').slopeView);
  t.is(commandOf('depthwise').residualView, NONE);
  t.is(commandOf('elementwise').in2, NONE);
});

test('functions come back with their parameters', t => {
  const {opFirst, opCount} = commandOf('elementwise');
  const [, , , step] = STEPS;
  t.deepEqual(
    program.ops.slice(opFirst, opFirst + opCount),
    step?.op === 'elementwise' ? [...step.ops] : [],
  );
  t.is(bitsToFloat(commandOf('depthwise').betaBits), 6);
  t.is(bitsToFloat(commandOf('fill').valueBits), -1.5);
});

test('indices and constants come back', t => {
  const {indexFirst, indexCount} = commandOf('gather');
  t.deepEqual([...program.indices.slice(indexFirst, indexFirst + indexCount)], [3, 0, 2]);
  const {offsetBytes} = program.views[commandOf('gemmTaps').weightsView]!;
  const {buffers} = sampleParts();
  t.is(offsetBytes % 64, 0);
  t.deepEqual(program.constants.slice(offsetBytes / 4, offsetBytes / 4 + 288), buffers[4]!.data);
});

test('a constant used by two buffers is stored once', t => {
  const parts = sampleParts();
  const data = parts.buffers[4]!.data as Float32Array;
  const twin = {id: 8, storage: {kind: 'constant'}, elements: data.length, data} as const;
  const copies: Step[] = [4, 8].map(buffer => ({
    op: 'copy',
    name: 'copy',
    schedule: '',
    counts: COUNTS,
    x: dense(buffer, [64]),
    y: dense(1, [64]),
  }));
  const decoded = decodeProgram(
    encodeProgram({...parts, steps: copies, buffers: [...parts.buffers, twin]}),
  );
  t.is(decoded.constants.length, data.length);
});

test('the explanation comes back', t => {
  t.deepEqual(program.explanation, sampleParts().explanation);
});

test('a file that does not start at a multiple of 4 decodes to the same tables', t => {
  const bytes = encodeProgram(sampleParts());
  const shifted = new Uint8Array(bytes.length + 1);
  shifted.set(bytes, 1);
  t.deepEqual(decodeProgram(shifted.subarray(1)), program);
});

test('the bytes of a tiny program do not change unnoticed', t => {
  const step: Step = {
    op: 'fill',
    name: 'fill',
    schedule: '',
    counts: COUNTS,
    y: dense(3, [64]),
    value: 1,
  };
  const bytes = encodeProgram(sampleParts([step]));
  const words = new Uint32Array(bytes.buffer, 0, HEADER.fields.length);
  const header = HEADER.fields.map((field, index) => `${field} ${words[index]!.toString(16)}`);
  t.deepEqual(header, [
    'magic 50544e55',
    `formatHash ${formatHash().toString(16)}`,
    'fileBytesLow 440',
    'fileBytesHigh 0',
    'arenaBytes 1580',
    'constantBytes 0',
    'inputCount 1',
    'outputCount 1',
    'viewCount 1',
    'commandCount 1',
    'regionCount 0',
    'tapCount 0',
    'opCount 0',
    'indexCount 0',
    'metadataBytes 2cf',
    'streamedLines 0',
    'checksum dfb084af',
  ]);
  // The tables have a hash of their own; the rest of the file is pinned here.
  words[HEADER.fields.indexOf('formatHash')] = 0;
  const hash = createHash('sha256').update(bytes).digest('hex');
  t.is(hash, 'b2e675df8db4c47ba741bfbbf100f9ad61cbeee29a88cb165b48876e74feecae');
});

test('a value that does not fit its field is refused by name', t => {
  const pool = STEPS.find(step => step.op === 'pool');
  const steps = [{...pool!, padBegin: [-1, 0]} as Step];
  const error = t.throws(() => encodeProgram(sampleParts(steps)), {instanceOf: UntangleError});
  t.is(error.code, 'ERR_INTERNAL');
  t.regex(error.message, /command 0 \(pool\): padTop = -1 is not a u32/);
});

test('a fractional stride is refused by name', t => {
  const y = {...dense(1, [2]), strides: [0.5]};
  const steps: Step[] = [{op: 'fill', name: '', schedule: '', counts: COUNTS, y, value: 0}];
  const error = t.throws(() => encodeProgram(sampleParts(steps)));
  t.regex(error.message, /view 0: stride0 = 0.5 is not an i32/);
});

test('an arena above 4 GiB is refused', t => {
  const error = t.throws(() => encodeProgram({...sampleParts(), arenaBytes: 2 ** 32}), {
    instanceOf: UntangleError,
  });
  t.is(error.code, 'ERR_PROGRAM_SIZE');
});
