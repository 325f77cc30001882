// The command line with inputs and outputs of integers, and with constants.

import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {decodeNpy, encodeNpy} from '../../src/cli/npy.js';
import {decodeTensor, encodeTensor} from '../../src/onnx/tensor-file.js';
import {untangle} from '../helpers/command-line.js';
import {model} from '../helpers/onnx-builder.js';

/** y = ids turned around, of shape [3, 2] and int64; z = x * scale. */
const MODEL = model({
  inputs: [
    {name: 'ids', dims: [2, 3], dtype: 'int64'},
    {name: 'x', dims: ['N', 2]},
    {name: 'scale', dims: ['N', 1]},
  ],
  outputs: [
    {name: 'y', dims: [3, 2], dtype: 'int64'},
    {name: 'z', dims: ['N', 2]},
  ],
  nodes: [
    {op: 'Transpose', inputs: ['ids'], outputs: ['y'], attrs: {perm: [1, 0]}},
    {op: 'Mul', inputs: ['x', 'scale'], outputs: ['z']},
  ],
});

function folderWithModel(t: ExecutionContext): (name: string) => string {
  const folder = mkdtempSync(path.join(tmpdir(), 'untangle-cli-'));
  t.teardown(() => rmSync(folder, {recursive: true}));
  writeFileSync(path.join(folder, 'model.onnx'), MODEL);
  return name => path.join(folder, name);
}

test('integers go in and out as integers', async t => {
  const file = folderWithModel(t);
  const ids = {
    shape: [2, 3],
    dtype: 'int64',
    data: BigInt64Array.of(0n, 1n, 2n, -3n, 4n, 5n),
  } as const;
  writeFileSync(file('ids.npy'), encodeNpy(ids));
  const {dtype, shape: dims, data} = ids;
  writeFileSync(file('ids.pb'), encodeTensor({dtype, dims, data}));
  writeFileSync(file('ids.bin'), new Uint8Array(data.buffer));
  const values = [0, -3, 1, 4, 2, 5];
  for (const input of ['ids.npy', 'ids.pb', 'ids.bin']) {
    const inputs = ['--input', `ids=${input}`, '--output', 'y=y.npy', '--output', 'y=y.pb'];
    const result = await untangle(file('.'), 'run', 'model.onnx', ...inputs);
    t.is(result.code, 0, result.stderr);
    t.deepEqual(decodeNpy(new Uint8Array(readFileSync(file('y.npy'))), 'y.npy'), {
      shape: [3, 2],
      dtype: 'int64',
      data: Float64Array.from(values),
    });
    const written = decodeTensor(new Uint8Array(readFileSync(file('y.pb'))));
    t.deepEqual([written.dtype, [...written.data]], ['int64', values]);
  }
  const random = await untangle(file('.'), 'run', 'model.onnx', '--json');
  t.is(random.code, 0, random.stderr);
  t.like(JSON.parse(random.stdout).outputs[0], {name: 'y', min: 0, max: 1});
});

test('a constant is numbers or a file, and binds what its shape says', async t => {
  const file = folderWithModel(t);
  const data = Float32Array.of(2, 3, 4);
  writeFileSync(file('scale.npy'), encodeNpy({shape: [3, 1], dtype: 'float32', data}));
  for (const constant of ['scale=scale.npy', 'scale=2,3,4']) {
    const shape = constant.endsWith('npy') ? [] : ['--shape', 'x=3,2'];
    const options = ['--constant', constant, ...shape, '--json'];
    const explained = await untangle(file('.'), 'explain', 'model.onnx', ...options);
    t.is(explained.code, 0, explained.stderr);
    t.deepEqual(
      JSON.parse(explained.stdout).inputs.map((port: {shape: object}) => port.shape),
      [
        [2, 3],
        [3, 2],
      ],
    );
    const program = await untangle(
      file('.'),
      'compile',
      'model.onnx',
      ...options,
      '-o',
      'model.untp',
    );
    t.is(program.code, 0, program.stderr);
    const run = await untangle(file('.'), 'run', 'model.untp', '--output', 'z=z.npy');
    t.is(run.code, 0, run.stderr);
    const bench = await untangle(file('.'), 'bench', 'model.onnx', '--runs', '1', ...options);
    t.is(bench.code, 0, bench.stderr);
  }
  const late = await untangle(file('.'), 'run', 'model.untp', '--constant', 'x=1');
  t.regex(late.stderr, /--constant.*compiled program/);
});

test('verify wants integers to be equal, whatever the tolerance', async t => {
  const file = folderWithModel(t);
  const write = (name: string, expected: readonly number[]): void => {
    mkdirSync(file(name));
    writeFileSync(path.join(file(name), 'model.onnx'), MODEL);
    const ids = [10, 20, 30, 40, 50, 60];
    const tensors = {
      input_0: {name: 'ids', dims: [2, 3], data: ids, dtype: 'int64'},
      input_1: {name: 'x', dims: [1, 2], data: [1, 2]},
      input_2: {name: 'scale', dims: [1, 1], data: [2]},
      output_0: {name: 'y', dims: [3, 2], data: expected, dtype: 'int64'},
    } as const;
    for (const [tensor, contents] of Object.entries(tensors))
      writeFileSync(path.join(file(name), `${tensor}.pb`), encodeTensor(contents));
  };
  write('good', [10, 40, 20, 50, 30, 60]);
  write('wrong', [10, 40, 20, 50, 30, 61]);
  const result = await untangle(file('.'), 'verify', 'good', 'wrong', '--tolerance', '5');
  t.is(result.code, 1);
  t.regex(result.stdout, /^PASS good 0\nFAIL wrong 1\.0e\+0 output "y" differs by more than 0\n/);
});
