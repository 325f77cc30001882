// The command line as a process: what it prints, what it writes, how it exits.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {decodeNpy, encodeNpy} from '../../src/cli/npy.js';
import {decodePng, encodePng} from '../../src/cli/png.js';
import {decodeTensor, encodeTensor} from '../../src/onnx/tensor-file.js';
import {untangle} from '../helpers/command-line.js';
import {model} from '../helpers/onnx-builder.js';

/** Doubles a picture: every pixel becomes a square of four. */
const DOUBLING = model({
  inputs: [{name: 'x', dims: ['N', 1, 'H', 'W']}],
  outputs: [{name: 'y', dims: ['N', 1, 'H2', 'W2']}],
  nodes: [
    {
      op: 'ConvTranspose',
      name: 'double',
      inputs: ['x', 'w'],
      outputs: ['y'],
      attrs: {strides: [2, 2]},
    },
  ],
  initializers: {w: {dims: [1, 1, 2, 2], data: [1, 1, 1, 1]}},
});

/** A folder with model.onnx in it; removed after the test. */
function folderWithModel(t: ExecutionContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'untangle-cli-'));
  t.teardown(() => rmSync(folder, {recursive: true}));
  writeFileSync(path.join(folder, 'model.onnx'), DOUBLING);
  return folder;
}

test('help and version exit with 0, no command at all with 1', async t => {
  for (const args of [['--help'], ['run', '--help'], ['--version'], ['help', 'verify']]) {
    const result = await untangle('.', ...args);
    t.is(result.code, 0, args.join(' '));
    t.is(result.stderr, '');
    t.not(result.stdout, '');
  }
  t.is((await untangle('.')).code, 1);
});

test('mistakes are one line on stderr with a code, and an object with --json', async t => {
  const folder = folderWithModel(t);
  const mistakes: readonly (readonly [readonly string[], string])[] = [
    [['run', 'absent.onnx'], 'ERR_FILE_NOT_FOUND'],
    [['run', '.'], 'ERR_FILE_READ'],
    [['explain', 'model.onnx'], 'ERR_SHAPE_UNBOUND'],
    [['explain', 'model.onnx', '--shape', 'z=1,1,2,2'], 'ERR_INPUT_NAME'],
    [['explain', 'model.onnx', '--shape', 'x=1,1,2'], 'ERR_INPUT_SHAPE'],
    [['explain', 'model.onnx', '--shape', 'x=1,1,2,0'], 'ERR_OPTION'],
    [['explain', 'model.onnx', '--shape', 'x=1,1,2,2', '--memory', '64'], 'ERR_BUDGET_EXCEEDED'],
    [['explain', 'model.onnx', '--schedule', 'best'], 'ERR_OPTION'],
    [['run', 'model.onnx', '--memory', 'NaN'], 'ERR_OPTION'],
    [['run', 'model.onnx', '--threads', '-1'], 'ERR_OPTION'],
    [['run', 'model.onnx', '--input', 'x=a.jpg'], 'ERR_OPTION'],
    [['run', 'model.onnx', '--input', 'x=absent.npy'], 'ERR_FILE_NOT_FOUND'],
    [['run', 'model.onnx', '--unknown'], 'ERR_OPTION'],
    [['run', 'model.onnx', '--constant', 'x=much'], 'ERR_OPTION'],
    [['run', 'model.onnx', '--constant', 'z=1'], 'ERR_INPUT_NAME'],
    [['run', 'model.onnx', '--constant', 'x=absent.npy'], 'ERR_FILE_NOT_FOUND'],
    [['run'], 'ERR_OPTION'],
    [['compile', 'model.onnx', '--shape', 'x=1,1,2,2', '-o', 'no/such/folder'], 'ERR_FILE_WRITE'],
    [['explain', 'model.onnx', '--shape', 'x=1,1,2,2', '--html', 'no/page.html'], 'ERR_FILE_WRITE'],
    [['explain', 'model.onnx', '--shape', 'x=1,1,2,2', '--html', '.'], 'ERR_FILE_WRITE'],
    [
      ['bench', 'model.onnx', '--shape', 'x=1,1,2,2', '--runs', '1', '--trace', 'no/run.json'],
      'ERR_FILE_WRITE',
    ],
    [['fly'], 'ERR_OPTION'],
  ];
  for (const [args, code] of mistakes) {
    const result = await untangle(folder, ...args, '--json');
    t.is(result.code, 1, args.join(' '));
    t.regex(result.stderr, new RegExp(`^(note: .*\n)*error: .+ \\(${code}\\)\n$`), args.join(' '));
    t.is((JSON.parse(result.stdout) as {error: {code: string}}).error.code, code);
  }
  t.deepEqual(readdirSync(folder), ['model.onnx']);
});

test('explain lists commands, totals and baselines; --json is the explanation', async t => {
  const folder = folderWithModel(t);
  const text = await untangle(folder, 'explain', 'model.onnx', '--shape', 'x=1,1,8,8');
  t.is(text.code, 0, text.stderr);
  t.regex(text.stdout, /gemmTaps +double +1x16x16x1/);
  t.regex(text.stdout, /zero insertion \+ im2col .* less traffic/);
  const json = await untangle(
    folder,
    'explain',
    'model.onnx',
    '--shape',
    'x=1,1,8,8',
    '--schedule',
    'huge2',
    '--json',
  );
  const explanation = JSON.parse(json.stdout) as {
    model: string;
    commands: {schedule: string}[];
    totals: {macs: number};
  };
  t.is(explanation.model, 'model.onnx');
  t.is(explanation.totals.macs, 256);
  t.is(explanation.commands[0]?.schedule, 'huge2');
});

test('explain --why lists the schedules of a convolution, --board the levels of memory', async t => {
  const folder = folderWithModel(t);
  const shape = ['--shape', 'x=1,1,8,8'];
  const why = await untangle(folder, 'explain', 'model.onnx', ...shape, '--why', 'double');
  t.is(why.code, 0, why.stderr);
  t.regex(why.stdout, /schedule +steps +regions +macs +read +written +cost/);
  t.regex(why.stdout, /^\* {2}\S+ /m);
  t.regex(why.stdout, /winograd +– no phase has two or three taps along an axis/);
  const named = ['--why', '0', '--board', 'jetson-nano', '--json'];
  const json = await untangle(folder, 'explain', 'model.onnx', ...shape, ...named);
  const {name, candidates} = JSON.parse(json.stdout) as {name: string; candidates: object[]};
  t.deepEqual([name, candidates.length], ['double', 8]);
  const wrong = await untangle(folder, 'explain', 'model.onnx', ...shape, '--why', 'triple');
  t.regex(wrong.stderr, /option --why: expected the name of a convolution .* such as double /);
  const levels = await untangle(
    folder,
    'explain',
    'model.onnx',
    ...shape,
    '--board',
    'jetson-nano',
  );
  t.regex(levels.stdout, /written +L2 +memory +predicted +arena offset/);
  t.regex(levels.stdout, /on jetson-nano \(datasheet, not measured\), .* predicted/);
});

test('a compiled program takes the place of the model', async t => {
  const folder = folderWithModel(t);
  const compiled = await untangle(
    folder,
    'compile',
    'model.onnx',
    '--shape',
    'x=1,1,8,8',
    '-o',
    'model.untp',
  );
  t.is(compiled.code, 0, compiled.stderr);
  t.deepEqual(readdirSync(folder), ['model.onnx', 'model.untp']);
  const fromModel = await untangle(
    folder,
    'explain',
    'model.onnx',
    '--shape',
    'x=1,1,8,8',
    '--json',
  );
  const fromProgram = await untangle(folder, 'explain', 'model.untp', '--json');
  t.deepEqual(JSON.parse(fromProgram.stdout), JSON.parse(fromModel.stdout));
  t.regex(
    (await untangle(folder, 'explain', 'model.untp', '--schedule', 'ks')).stderr,
    /compiled program.*ERR_OPTION/,
  );
  t.regex(
    (await untangle(folder, 'run', 'model.untp', '--exact')).stderr,
    /--exact.*compiled program.*ERR_OPTION/,
  );
  t.regex(
    (await untangle(folder, 'compile', 'model.untp', '-o', 'b.untp')).stderr,
    /compiled already.*ERR_OPTION/,
  );
});

test('run reads and writes npy, pb, bin and png files', async t => {
  const folder = folderWithModel(t);
  const data = Float32Array.of(0, 51 / 255, 1, 102 / 255);
  const doubled = [0, 0, 0.2, 0.2, 0, 0, 0.2, 0.2, 1, 1, 0.4, 0.4, 1, 1, 0.4, 0.4].map(Math.fround);
  writeFileSync(
    path.join(folder, 'x.npy'),
    encodeNpy({shape: [1, 1, 2, 2], dtype: 'float32', data}),
  );
  writeFileSync(path.join(folder, 'x.pb'), encodeTensor({name: 'x', dims: [1, 1, 2, 2], data}));
  writeFileSync(path.join(folder, 'x.bin'), new Uint8Array(data.buffer));
  writeFileSync(
    path.join(folder, 'x.png'),
    encodePng({width: 2, height: 2, channels: 1, data: Uint8Array.of(0, 51, 255, 102)}),
  );
  for (const input of ['x.npy', 'x.pb', 'x.bin', 'x.png', 'x.png:0..1']) {
    const shape = input === 'x.bin' ? ['--shape', 'x=1,1,2,2'] : [];
    const outputs = ['--output', 'y=y.npy', '--output', 'y=y.pb', '--output', 'y=y.png'];
    const result = await untangle(
      folder,
      'run',
      'model.onnx',
      '--input',
      `x=${input}`,
      ...shape,
      ...outputs,
    );
    t.is(result.code, 0, result.stderr);
    t.regex(result.stdout, /thread\(s\), .*arena peak/);
    const npy = decodeNpy(readFileSync(path.join(folder, 'y.npy')), 'y.npy');
    t.deepEqual(npy.shape, [1, 1, 4, 4]);
    t.deepEqual([...npy.data], doubled);
    t.deepEqual([...decodeTensor(readFileSync(path.join(folder, 'y.pb'))).data], doubled);
    const png = decodePng(readFileSync(path.join(folder, 'y.png')), 'y.png', 1);
    t.deepEqual(
      [...png.data],
      doubled.map(value => Math.round(value * 255)),
    );
  }
});

test('run says what it assumed, repeats itself and makes sheets', async t => {
  const folder = folderWithModel(t);
  const args = [
    'run',
    'model.onnx',
    '--shape',
    'x=3,1,4,4',
    '--output',
    'y=y.png',
    '--range',
    '-1,1',
    '--threads',
    '1',
    '--json',
  ];
  const first = await untangle(folder, ...args);
  t.is(first.code, 0, first.stderr);
  t.regex(first.stderr, /note: input "x" is random:0/);
  const report = JSON.parse(first.stdout) as {
    threads: number;
    outputs: {mean: number; shape: number[]}[];
  };
  t.is(report.threads, 1);
  t.deepEqual(report.outputs[0]?.shape, [3, 1, 8, 8]);
  const sheet = readFileSync(path.join(folder, 'y.png'));
  t.is(decodePng(sheet, 'y.png', 1).width, 22);
  const second = await untangle(folder, ...args, '--input', 'x=random:0');
  t.deepEqual((JSON.parse(second.stdout) as typeof report).outputs, report.outputs);
  t.deepEqual(readFileSync(path.join(folder, 'y.png')), sheet);

  const wrong = await untangle(
    folder,
    'run',
    'model.onnx',
    '--shape',
    'x=1,1,4,4',
    '--output',
    'z=z.npy',
  );
  t.regex(wrong.stderr, /ERR_OUTPUT_NAME/);
  t.false(existsSync(path.join(folder, 'z.npy')));
});

test('verify passes, fails and goes on', async t => {
  const folder = mkdtempSync(path.join(tmpdir(), 'untangle-cli-'));
  t.teardown(() => rmSync(folder, {recursive: true}));
  const write = (name: string, set: string, expected: readonly number[]): void => {
    mkdirSync(path.join(folder, name, set), {recursive: true});
    writeFileSync(path.join(folder, name, 'model.onnx'), DOUBLING);
    writeFileSync(
      path.join(folder, name, set, 'input_0.pb'),
      encodeTensor({dims: [1, 1, 1, 2], data: [1, -3]}),
    );
    writeFileSync(
      path.join(folder, name, set, 'output_0.pb'),
      encodeTensor({name: 'y', dims: [1, 1, 2, 4], data: expected}),
    );
  };
  const right = [1, 1, -3, -3, 1, 1, -3, -3];
  write('good', '', right);
  write('sets', 'test_data_set_0', right);
  write('sets', 'test_data_set_1', right);
  write('wrong', '', [1, 1, -3, -3, 1, 1, -3, -2]);
  mkdirSync(path.join(folder, 'empty'));

  const passing = await untangle(folder, 'verify', 'good', 'sets');
  t.is(passing.code, 0, passing.stdout);
  t.is(passing.stdout, 'PASS good 0\nPASS sets 0\n2 passed, 0 failed\n');
  const failing = await untangle(folder, 'verify', 'wrong', 'absent', 'empty', 'good');
  t.is(failing.code, 1);
  const lines = failing.stdout.split('\n');
  t.regex(lines[0]!, /^FAIL wrong 2.5e-1 output "y" differs/);
  t.regex(lines[1]!, /^FAIL absent .*ERR_FILE_NOT_FOUND/);
  t.regex(lines[2]!, /^FAIL empty /);
  t.is(lines[3], 'PASS good 0');
  t.is((await untangle(folder, 'verify', 'wrong', '--tolerance', '0.3')).code, 0);
});

test('bench and doctor measure', async t => {
  const folder = folderWithModel(t);
  const bench = await untangle(
    folder,
    'bench',
    'model.onnx',
    '--shape',
    'x=1,1,8,8',
    '--runs',
    '3',
    '--per-op',
    '--trace',
    'run.json',
    '--json',
  );
  t.is(bench.code, 0, bench.stderr);
  const result = JSON.parse(bench.stdout) as {medianMs: number; p90Ms: number; commands: object[]};
  t.true(result.medianMs > 0 && result.p90Ms >= result.medianMs);
  t.true(result.commands.length > 0);
  const trace = JSON.parse(readFileSync(path.join(folder, 'run.json'), 'utf8')) as {
    traceEvents: readonly {ph: string; args: {predictedMs?: number}}[];
  };
  const predicted = trace.traceEvents.filter(({args}) => args.predictedMs !== undefined);
  t.is(predicted.length, 2 * result.commands.length);
  const doctor = await untangle(folder, 'doctor', '--json');
  t.is(doctor.code, 0, doctor.stderr);
  const machine = JSON.parse(doctor.stdout) as {
    gpu: {sentence: string; info: object};
    node: string;
  };
  t.is(machine.node, process.version);
  t.is(typeof machine.gpu.sentence, 'string');
  t.true('reason' in machine.gpu.info || 'compute' in machine.gpu.info);
});
