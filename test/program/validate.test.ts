import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import {UntangleError} from '../../src/errors.js';
import {checksum} from '../../src/program/checksum.js';
import {HEADER} from '../../src/program/commands.js';
import {decodeProgram, validateProgram} from '../../src/program/decode.js';
import {encodeProgram} from '../../src/program/encode.js';
import type {
  Buffer,
  GemmTapsStep,
  PlanarTapsStep,
  Region,
  Step,
  View,
} from '../../src/schedule/steps.js';
import type {WeightType} from '../../src/untangle/stored-weights.js';
import {dense, GEMM, PLANAR_STEP, STEPS, sampleParts} from './encode-sample.js';

const COUNTS = {macs: 0, readBytes: 0, writtenBytes: 0};
const SAMPLE = encodeProgram(sampleParts());
const CHECKSUM_AT = HEADER.fields.indexOf('checksum') * 4;

/** The message and code with which a program of `steps` is refused. */
function refusal(steps: readonly Step[], buffers: readonly Buffer[] = []): string {
  const parts = sampleParts(steps);
  const bytes = encodeProgram({...parts, buffers: [...parts.buffers, ...buffers]});
  try {
    validateProgram(bytes);
  } catch (error) {
    if (error instanceof UntangleError) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'accepted';
}

function copy(x: View, y: View): Step {
  return {op: 'copy', name: '', schedule: '', counts: COUNTS, x, y};
}

function gemm(region: Partial<Region>, step: Partial<GemmTapsStep> = {}): Step {
  return {...GEMM, ...step, regions: [{...GEMM.regions[0]!, ...region}]};
}

function stepOf<Op extends Step['op']>(op: Op): Extract<Step, {op: Op}> {
  return STEPS.find(step => step.op === op) as Extract<Step, {op: Op}>;
}

test('views that leave their memory are refused, strides of either sign', t => {
  const y = dense(1, [8]);
  t.is(refusal([copy(dense(0, [8]), y)]), 'accepted');
  t.regex(refusal([copy(dense(0, [8], 1369), y)]), /view 0 covers bytes 5476 to 5508 of slot 0/);
  const reversed = {buffer: 0, offset: 6, shape: [8], strides: [-1]};
  t.regex(refusal([copy(reversed, y)]), /view 0 covers bytes -4 to 28 of slot 0/);
  t.regex(refusal([copy(dense(3, [65]), dense(2, [65]))]), /slot 2, which has 256/);
});

test('views of no elements and of absurdly many are refused', t => {
  t.regex(refusal([copy(dense(0, [0]), dense(1, [0]))]), /view 0 has no elements/);
  const repeated = (shape: readonly number[]) => ({buffer: 0, offset: 0, shape, strides: [0, 0]});
  const refuse = (shape: readonly number[]) => refusal([copy(repeated(shape), dense(1, [8]))]);
  t.regex(refuse([46341, 46341]), /at most 2147483647/);
  t.regex(refuse([46341, 46340]), /x has shape/);
});

test('inputs are read, never written', t => {
  t.is(refusal([copy(dense(10, [8]), dense(1, [8]))]), 'accepted');
  t.regex(
    refusal([copy(dense(0, [8]), dense(10, [8]))]),
    /command 0 \(copy\): y \(view 1\) writes an input/,
  );
  t.regex(refusal([copy(dense(10, [33]), dense(1, [33]))]), /slot 3, which has 128/);
});

test('writes to constants and repeated writes are refused', t => {
  t.regex(
    refusal([copy(dense(0, [8]), dense(7, [8]))]),
    /command 0 \(copy\): y \(view 1\) writes constants/,
  );
  const repeated = {buffer: 1, offset: 0, shape: [8], strides: [0]};
  t.regex(refusal([copy(dense(0, [8]), repeated)]), /writes the same element twice/);
  const overlapping = {buffer: 1, offset: 0, shape: [2, 4], strides: [2, 1]};
  t.regex(refusal([copy(dense(0, [2, 4]), overlapping)]), /writes the same element twice/);
});

test('shapes that do not fit are refused', t => {
  t.regex(
    refusal([copy(dense(0, [8]), dense(1, [2, 4]))]),
    /command 0 \(copy\): x has shape \[8\]; expected \[2,4\]/,
  );
  t.regex(refusal([{...stepOf('matmul'), b: dense(0, [2, 2, 4])}]), /b has shape/);
  t.regex(refusal([{...stepOf('reduce'), y: dense(1, [3])}]), /y has shape/);
  t.regex(refusal([{...stepOf('softmax'), x: dense(0, [32])}]), /x has shape/);
  t.regex(refusal([{...stepOf('argReduce'), y: dense(1, [5])}]), /x has shape \[4,8\]; expected/);
  t.regex(refusal([{...stepOf('argReduce'), y: dense(1, [4, 1])}]), /x has shape/);
  t.regex(refusal([{...stepOf('cumulative'), x: dense(0, [32])}]), /x has shape/);
  t.regex(refusal([{...stepOf('gather'), x: dense(0, [32])}]), /x has rank 1; expected 3/);
  t.regex(
    refusal([{...stepOf('normalize'), scratch: dense(2, [34])}]),
    /scratch has 34 elements; expected 68/,
  );
});

test('grids that do not fit their map are refused', t => {
  const sample = stepOf('gridSample');
  t.is(refusal([sample]), 'accepted');
  t.regex(refusal([{...sample, grid: dense(0, [1, 1, 4, 4, 1])}]), /the grid has 1 axes/);
  t.regex(refusal([{...sample, grid: dense(0, [1, 1, 4, 2, 2])}]), /grid has shape/);
  t.regex(refusal([{...sample, x: dense(0, [1, 2, 4, 2, 2])}]), /2 axes for a depth of 2/);
  t.regex(refusal([{...sample, y: dense(1, [1, 1, 4, 4, 4])}]), /y has shape/);
  const volume = {...sample, x: dense(0, [1, 1, 2, 2, 2]), y: dense(1, [1, 1, 2, 2, 2])};
  const grid = dense(0, [1, 1, 2, 2, 3]);
  t.regex(refusal([{...volume, grid}]), /cubic needs a grid of two axes/);
  t.is(refusal([{...volume, grid, mode: 'linear'}]), 'accepted');
});

test('regions that leave the maps are refused unless their flags allow it', t => {
  t.is(refusal([gemm({})]), 'accepted');
  t.regex(
    refusal([gemm({padded: false})]),
    /region 0: reads x at \(-1, 0\) to \(4, 4\), outside \[4,4\]/,
  );
  t.is(refusal([gemm({padded: false, perTap: true})]), 'accepted');
  t.regex(refusal([gemm({outX: 1})]), /writes y at \(0, 1\) to \(3, 4\)/);
  t.is(refusal([gemm({outX: 1, cropped: true})]), 'accepted');
  t.regex(refusal([gemm({countX: 0})]), /a count or a step is 0/);
  t.regex(refusal([gemm({inY: 2 ** 30})]), /out of range/);
});

test('what is cropped away is computed, so there is little of it', t => {
  const cropped = {cropped: true, padded: true};
  t.is(refusal([gemm({...cropped, countY: 5})]), 'accepted');
  t.regex(refusal([gemm({...cropped, countY: 6})]), /has 6 x 4 pixels/);
});

test('weights of other types have their own sizes, and only commands that widen them take them', t => {
  const stored = (type: WeightType, elements: number): Buffer => ({
    id: 20,
    storage: {kind: 'constant'},
    elements,
    type,
    data: {
      write: () => {},
      stored: {type, node: 'n', panels: 1, rows: 18, width: 16, channels: 2, phaseTaps: [9]},
    },
  });
  const refuse = (buffer: Buffer, step: Step) => refusal([step], [buffer]);
  const weights = (elements: number) => dense(20, [elements]);
  t.is(refuse(stored('fp16', 288), gemm({}, {weights: weights(288)})), 'accepted');
  t.is(refuse(stored('int8', 352), gemm({}, {weights: weights(352)})), 'accepted');
  t.regex(refuse(stored('int8', 352), gemm({}, {weights: weights(288)})), /expected 352/);
  t.regex(refuse(stored('int8', 352), copy(weights(8), dense(1, [8]))), /has int8 elements/);
  t.regex(refuse(stored('fp16', 288), gemm({}, {weights: weights(287)})), /expected 288/);
});

test('taps stay inside the packed weights', t => {
  t.is(refusal([gemm({taps: [{dy: 0, dx: 0, k: 16}]})]), 'accepted');
  t.regex(refusal([gemm({taps: [{dy: 0, dx: 0, k: 17}]})]), /a tap reads weights past row 18/);
  t.regex(refusal([gemm({}, {kTotal: 9})]), /weights has 288 elements; expected 144/);
});

test('merged taps need one group, a contiguous row and room to its end', t => {
  const merged = {taps: [{dy: 0, dx: 0, k: 0}], kc: 4, countX: 3};
  t.is(refusal([gemm(merged)]), 'accepted');
  t.regex(refusal([gemm({...merged, countX: 4})]), /reads x at/);
  t.regex(refusal([gemm({...merged, kc: 3})]), /kc = 3/);
  const gap = {...dense(0, [1, 2, 4, 2]), strides: [32, 16, 4, 1]};
  const y = dense(3, [1, 2, 4, 4]);
  const epilogue = {...GEMM.epilogue, residual: null};
  t.regex(refusal([gemm({...merged, countY: 2}, {x: gap, y, epilogue})]), /contiguous row/);
});

test('channels of convolutions are contiguous', t => {
  const x = {...dense(0, [1, 4, 4, 2]), strides: [32, 4, 1, 16]};
  t.regex(refusal([gemm({}, {x})]), /x has channel stride 16; expected 1/);
});

test('planarTaps takes maps of any strides but few channels and one small window', t => {
  const planar = (region: Partial<Region>, step: Partial<PlanarTapsStep> = {}): Step => ({
    ...PLANAR_STEP,
    ...step,
    regions: [{...PLANAR_STEP.regions[0]!, ...region}],
  });
  t.is(refusal([planar({})]), 'accepted');
  t.regex(refusal([planar({padded: false})]), /reads x at \(-1, 0\)/);
  t.regex(refusal([planar({inStepX: 2})]), /do not read whole rows alike/);
  t.regex(refusal([planar({inStepY: 0})]), /do not read whole rows alike/);
  t.regex(refusal([planar({perTap: true})]), /do not read whole rows alike/);
  t.regex(refusal([planar({kc: 1})]), /kc = 1/);
  t.regex(refusal([planar({taps: [{dy: 0, dx: 0, k: 5}]})]), /past row 6/);
  const apart = [
    {dy: -500, dx: 0, k: 0},
    {dy: 500, dx: 0, k: 2},
  ];
  t.regex(refusal([planar({taps: apart})]), /its taps span 64064 floats a channel/);
  const {regions} = PLANAR_STEP;
  const steps = {...PLANAR_STEP, regions: [regions[0]!, {...regions[0]!, inStepY: 2}]};
  t.regex(refusal([steps]), /do not read whole rows alike/);
  t.regex(refusal([planar({}, {kTotal: 7})]), /weights has 18 elements; expected 21/);
  t.regex(refusal([planar({}, {y: dense(2, [1, 4, 4, 8])})]), /weights has 18 elements/);
  t.regex(
    refusal([planar({countY: 1, countX: 1}, {y: dense(2, [1, 1, 1, 257])})]),
    /y has 257 channels; at most 256/,
  );
});

test('chains use only what has been computed', t => {
  const step = stepOf('elementwise');
  const ops = [{...step.ops[1]!, b: 2}];
  t.regex(refusal([{...step, ops}]), /op 0 uses a value that is not computed yet/);
});

test('indices stay inside the axis', t => {
  const step = stepOf('gather');
  t.regex(
    refusal([{...step, indices: Int32Array.from([0, 4, 1])}]),
    /index reaches from 0 to 4; expected 0 to 3/,
  );
  t.regex(refusal([{...step, indices: Int32Array.from([0, -1, 1])}]), /index reaches from -1 to 1/);
});

test('run-time indices have an entry for every axis they may name', t => {
  for (const op of ['gatherIndexed', 'scatterIndexed'] as const) {
    const step = stepOf(op);
    const [table, loops] = op === 'gatherIndexed' ? (['x', 'y'] as const) : (['y', 'x'] as const);
    t.is(refusal([step]), 'accepted');
    const pattern = (text: string) => new RegExp(`command 0 \\(${op}\\): ${text}`);
    t.regex(
      refusal([{...step, indices: dense(2, [2, 1])}]),
      pattern('indices has shape \\[2,1\\]; expected \\[2,2\\]'),
    );
    t.regex(
      refusal([{...step, [table]: dense(0, [2])}]),
      pattern(`${table} has no axis that is indexed`),
    );
    t.regex(refusal([{...step, [loops]: dense(1, [3])}]), pattern(`${table} without its indexed`));
    const constant = {...step.y, buffer: 7, strides: step.y.strides.map(() => 0)};
    t.regex(refusal([{...step, y: constant}]), pattern('y .* writes constants'));
  }
});

test('a slope goes with prelu only', t => {
  const epilogue = {...GEMM.epilogue, slope: null};
  t.regex(refusal([gemm({}, {epilogue})]), /a slope goes with the activation prelu/);
});

test('every truncation is refused', t => {
  for (let length = 0; length < SAMPLE.length; length++) {
    assertTyped(SAMPLE.slice(0, length), 'refused');
  }
  t.pass();
});

test('a program of other tables is a version error', t => {
  const bytes = SAMPLE.slice();
  bytes[4]! ^= 1;
  t.throws(() => decodeProgram(bytes), {code: 'ERR_PROGRAM_VERSION'});
});

test('metadata that is not an explanation is refused', t => {
  const parts = sampleParts();
  const explanation = {...parts.explanation, model: 3 as unknown as string};
  const bytes = encodeProgram({...parts, explanation});
  const error = t.throws(() => decodeProgram(bytes), {code: 'ERR_PROGRAM_FORMAT'});
  t.regex(error.message, /metadata.model/);
});

test('what is said of each command and of each block is checked field by field', t => {
  const parts = sampleParts();
  const command = {op: 'copy', name: 'a', shape: [1, 2], schedule: '', arenaOffset: -1};
  const counts = {macs: 0, readBytes: 8, writtenBytes: 8};
  const block = {name: 'a', kind: 'value', offsetBytes: 0, bytes: 8} as const;
  const uses = {firstCommand: -1, lastCommand: 0};
  const bytes = encodeProgram({
    ...parts,
    explanation: {
      ...parts.explanation,
      commands: [{...command, ...counts}],
      blocks: [{...block, ...uses}],
    },
  });
  t.notThrows(() => decodeProgram(bytes));
  const refusal = (changed: object): string => {
    const explanation = {...parts.explanation, ...changed} as typeof parts.explanation;
    const bytes = encodeProgram({...parts, explanation});
    return t.throws(() => decodeProgram(bytes), {code: 'ERR_PROGRAM_FORMAT'}).message;
  };
  for (const [field, wrong] of [
    ['op', 'x'.repeat(5000)],
    ['name', 1],
    ['shape', [1, -1]],
    ['shape', Array(9).fill(1)],
    ['schedule', null],
    ['macs', -1],
    ['readBytes', '1'],
    ['arenaOffset', 0.5],
    ['levels', [{from: 'nowhere'}]],
    ['predictedNs', -1],
  ] as const)
    t.regex(
      refusal({commands: [{...command, ...counts, [field]: wrong}]}),
      new RegExp(`metadata.commands: ${field} of entry 0`),
    );
  for (const [field, wrong] of [
    ['kind', 'other'],
    ['bytes', -1],
    ['lastCommand', -2],
  ] as const)
    t.regex(
      refusal({blocks: [{...block, ...uses, [field]: wrong}]}),
      new RegExp(`metadata.blocks: ${field} of entry 0`),
    );
  t.regex(refusal({commands: [null]}), /metadata.commands: op of entry 0/);
  t.regex(refusal({blocks: {}}), /metadata.blocks/);
});

test('random bytes are refused', t => {
  property(t, fc.uint8Array({maxLength: 2000}), bytes => assertTyped(bytes, 'refused'));
});

test('flipped bits after the header are noticed', t => {
  property(t, fc.integer({min: 64 * 8, max: SAMPLE.length * 8 - 1}), bit => {
    assertTyped(flipped(bit), 'refused');
  });
});

test('flipped bits of the header are typed errors at worst', t => {
  for (let bit = 0; bit < 64 * 8; bit++) assertTyped(flipped(bit), 'either');
  t.pass();
});

test('changed words with a matching checksum decode or are refused, never crash', t => {
  const word = fc.oneof(
    fc.constantFrom(0, 1, 2, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff),
    fc.nat(64),
    fc.integer({min: 0, max: 0xffffffff}),
  );
  const changes = fc.array(fc.tuple(fc.nat(SAMPLE.length / 4 - 1), word), {
    minLength: 1,
    maxLength: 4,
  });
  property(t, changes, list => {
    const bytes = SAMPLE.slice();
    const words = new Uint32Array(bytes.buffer);
    for (const [at, value] of list) words[at] = value;
    assertTyped(reseal(bytes), 'either');
  });
});

test('changed bytes with a matching checksum decode or are refused, never crash', t => {
  const changes = fc.array(fc.tuple(fc.nat(SAMPLE.length - 1), fc.nat(255)), {
    minLength: 1,
    maxLength: 8,
  });
  property(t, changes, list => {
    const bytes = SAMPLE.slice();
    for (const [at, value] of list) bytes[at] = value;
    assertTyped(reseal(bytes), 'either');
  });
});

function flipped(bit: number): Uint8Array {
  const bytes = SAMPLE.slice();
  bytes[bit >> 3]! ^= 1 << (bit & 7);
  return bytes;
}

/** Makes the checksum match, so that the checks behind it are reached. */
function reseal(bytes: Uint8Array): Uint8Array {
  new DataView(bytes.buffer).setUint32(CHECKSUM_AT, checksum(bytes.subarray(64)), true);
  return bytes;
}

function assertTyped(bytes: Uint8Array, expected: 'refused' | 'either'): void {
  try {
    decodeProgram(bytes);
  } catch (error) {
    assert(error instanceof UntangleError, String(error));
    assert.match(error.code, /^ERR_PROGRAM_/);
    return;
  }
  assert.equal(expected, 'either');
}

function property<T>(
  t: {notThrows: (run: () => void) => unknown},
  arbitrary: fc.Arbitrary<T>,
  predicate: (value: T) => void,
): void {
  t.notThrows(() => fc.assert(fc.property(arbitrary, predicate), {numRuns: 2000}));
}
