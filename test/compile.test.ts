// What compile explains: totals are sums, baselines replace the convolutions, memory is what the program asks for.

import test from 'ava';
import {compile} from '../src/compile.js';
import type {CompileOptions} from '../src/options.js';
import {decodeProgram} from '../src/program/decode.js';
import {model} from './helpers/onnx-builder.js';
import {chain, GENERATOR_LAYER, SMALL_MODELS, weights} from './runtime/small-models.js';

test('totals are the sums of the commands, and memory is that of the program', t => {
  for (const {name, bytes} of SMALL_MODELS) {
    const program = compile(bytes, {workspaceBytes: 1000});
    const {commands, totals, outputs} = program.explanation;
    const decoded = decodeProgram(program.bytes);
    for (const field of ['macs', 'readBytes', 'writtenBytes'] as const) {
      t.is(
        totals[field],
        commands.reduce((sum, command) => sum + command[field], 0),
        `${name}: ${field}`,
      );
    }
    const outputBytes = outputs.reduce((sum, {shape}) => sum + shape.reduce((a, b) => a * b, 4), 0);
    t.is(totals.arenaPeakBytes, decoded.arenaBytes, name);
    t.is(totals.weightsBytes, decoded.constants.byteLength, name);
    t.is(
      totals.totalBytes,
      decoded.arenaBytes + decoded.constants.byteLength + 1000 + outputBytes,
      name,
    );
    t.is(decoded.commands.length, commands.length, name);
  }
});

test('baselines have the weights of the model, whatever the program stores them as', t => {
  const plain = compile(GENERATOR_LAYER).explanation;
  const layer = plain.convolutions[0]!.weightsBytes;
  for (const schedule of ['planar', 'uks', 'winograd'] as const) {
    for (const weights of ['fp32', 'fp16', 'int8'] as const) {
      const {baselines} = compile(GENERATOR_LAYER, {schedule, weights}).explanation;
      // Bias besides, in panels or not.
      for (const {weightsBytes} of Object.values(baselines))
        t.true(weightsBytes >= layer && weightsBytes <= layer + 256, `${schedule}, ${weights}`);
    }
  }
});

test('baselines replace the convolutions and keep the rest', t => {
  // x [2, 5, 4, 6], kernel 4x4, stride 2, y [2, 7, 8, 12].
  const {explanation} = compile(GENERATOR_LAYER);
  const [convolution] = explanation.convolutions;
  const {totals, baselines} = explanation;
  t.is(explanation.convolutions.length, 1);
  t.is(explanation.commands[convolution!.command]!.name, 'ConvTranspose_0');
  t.is(convolution!.weightsBytes, 5 * 7 * 16 * 4);
  t.is(convolution!.zeroInsertIm2col.macs, 2 * 8 * 12 * 16 * 5 * 7);
  t.is(convolution!.gemmCol2im.macs, 2 * 4 * 6 * 16 * 5 * 7);
  t.is(baselines.gemmCol2im.macs, convolution!.gemmCol2im.macs);
  t.true(totals.macs * 4 <= convolution!.zeroInsertIm2col.macs);

  // GEMM + col2im holds all taps of one image before it adds them up.
  const scratchBytes = 4 * 6 * 16 * 7 * 4;
  t.is(baselines.gemmCol2im.arenaPeakBytes, totals.arenaPeakBytes + scratchBytes);
  const own = explanation.commands[convolution!.command]!;
  t.is(
    baselines.gemmCol2im.readBytes - convolution!.gemmCol2im.readBytes,
    totals.readBytes - own.readBytes,
  );
});

test('large dense 3x3 layers take winograd, unless the sums have to be exact', t => {
  const layer = chain({
    input: [1, 64, 24, 24],
    output: [1, 64, 24, 24],
    nodes: [{op: 'Conv', extra: ['w'], attrs: {pads: [1, 1, 1, 1]}}],
    initializers: {w: weights([64, 64, 3, 3])},
  });
  const scheduleOf = (options: CompileOptions) =>
    compile(layer, options).explanation.commands.find(({schedule}) => schedule !== '')!;
  t.like(scheduleOf({}), {op: 'winograd', schedule: 'winograd'});
  t.like(scheduleOf({schedule: 'winograd'}), {op: 'winograd', schedule: 'winograd'});
  t.like(scheduleOf({exact: true}), {op: 'gemmTaps', schedule: 'fused-taps'});
  t.like(scheduleOf({exact: true, schedule: 'winograd'}), {op: 'gemmTaps', schedule: 'fused-taps'});
  t.true(scheduleOf({}).macs * 4 === scheduleOf({schedule: 'uks'}).macs);
});

test('every schedule leaves its name on its convolutions', t => {
  for (const schedule of [
    'huge2',
    'ks',
    'uks',
    'cks',
    'fused-taps',
    'fused-phases',
    'planar',
  ] as const) {
    const {commands, convolutions} = compile(GENERATOR_LAYER, {schedule}).explanation;
    t.is(commands[convolutions[0]!.command]!.schedule, schedule);
    const op = schedule === 'planar' ? 'planarTaps' : 'gemmTaps';
    t.is(commands.filter(command => command.op === op).length, schedule === 'ks' ? 4 : 1);
  }
});

test('ports say what their values mean', t => {
  const bytes = model({
    inputs: [
      {name: 'ids', dims: [2, 3], dtype: 'int64'},
      {name: 'mask', dims: [4], dtype: 'bool'},
      {name: 'half', dims: [1], dtype: 'float16'},
    ],
    outputs: ['a', 'b', 'c'].map(name => ({name})),
    nodes: [
      {op: 'Flatten', inputs: ['ids'], outputs: ['a'], attrs: {axis: 0}},
      {op: 'Identity', inputs: ['mask'], outputs: ['b']},
      {op: 'Relu', inputs: ['half'], outputs: ['c']},
    ],
  });
  const {explanation} = decodeProgram(compile(bytes).bytes);
  t.deepEqual(
    [...explanation.inputs, ...explanation.outputs].map(({dtype}) => dtype),
    ['int64', 'bool', 'float32', 'int64', 'bool', 'float32'],
  );
});
