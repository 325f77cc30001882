import {execFileSync} from 'node:child_process';
import {linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {decodeModel} from '../../src/onnx/decode.js';
import {MODEL} from '../../src/onnx/proto.js';
import {readModelFile} from '../../src/onnx/read-model.js';
import {writeMessage} from '../../src/onnx/wire.js';
import {modelMessage} from '../helpers/onnx-builder.js';

const WEIGHTS = new Uint8Array(Float32Array.of(9, 1.5, -2).buffer);

function modelWith(entries: Readonly<Record<string, string>>, extra: object = {}): Uint8Array {
  const message = modelMessage({
    inputs: [{name: 'x', dims: [2]}],
    outputs: [{name: 'y', dims: [2]}],
    nodes: [{op: 'Add', inputs: ['x', 'b'], outputs: ['y']}],
  });
  const externalData = Object.entries(entries).map(([key, value]) => ({key, value}));
  message.graph.initializer = [
    {name: 'b', dims: [2], dataType: 1, dataLocation: 1, externalData, ...extra},
  ];
  return writeMessage(message, MODEL);
}

/** A folder with w.bin in it; removed after the test. */
function folderWithWeights(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'untangle-'));
  t.teardown(() => rmSync(folder, {recursive: true}));
  mkdirSync(join(folder, 'model'));
  writeFileSync(join(folder, 'secret.bin'), WEIGHTS);
  writeFileSync(join(folder, 'model', 'w.bin'), WEIGHTS);
  return join(folder, 'model');
}

async function refused(
  t: ExecutionContext,
  folder: string,
  entries: Readonly<Record<string, string>>,
  extra: object = {},
): Promise<string> {
  const path = join(folder, 'model.onnx');
  writeFileSync(path, modelWith(entries, extra));
  const error = await t.throwsAsync(
    readModelFile(path),
    {code: 'ERR_ONNX_EXTERNAL_DATA'},
    JSON.stringify(entries),
  );
  t.regex(error?.message ?? '', /tensor "b"/);
  return error?.message ?? '';
}

test('weights beside the model are read at their offset', async t => {
  const folder = folderWithWeights(t);
  const path = join(folder, 'model.onnx');
  writeFileSync(path, modelWith({location: 'w.bin', offset: '4', length: '8'}));
  t.deepEqual([...(await readModelFile(path)).initializers.get('b')!.data], [1.5, -2]);
  writeFileSync(path, modelWith({location: 'w.bin'}));
  t.deepEqual([...(await readModelFile(path)).initializers.get('b')!.data], [9, 1.5]);
});

test('no location outside the folder is opened', async t => {
  const folder = folderWithWeights(t);
  for (const location of [
    '../secret.bin',
    '/etc/passwd',
    'sub/w.bin',
    './w.bin',
    '..',
    '.',
    '',
    '..\\secret.bin',
    'C:w.bin',
    'w.bin\0',
    join(folder, 'w.bin'),
  ]) {
    t.regex(await refused(t, folder, {location}), /not a plain file name/);
  }
});

test('links, folders and pipes are refused', async t => {
  const folder = folderWithWeights(t);
  symlinkSync(join(folder, '..', 'secret.bin'), join(folder, 'link.bin'));
  linkSync(join(folder, '..', 'secret.bin'), join(folder, 'hard.bin'));
  mkdirSync(join(folder, 'folder.bin'));
  execFileSync('mkfifo', [join(folder, 'pipe.bin')]);
  t.regex(await refused(t, folder, {location: 'link.bin'}), /symbolic link/);
  t.regex(await refused(t, folder, {location: 'hard.bin'}), /2 hard links/);
  t.regex(await refused(t, folder, {location: 'folder.bin'}), /not a regular file/);
  t.regex(await refused(t, folder, {location: 'pipe.bin'}), /not a regular file/);
  t.regex(await refused(t, folder, {location: 'absent.bin'}), /not in the folder/);
});

test('offset and length are checked against the file and the shape', async t => {
  const folder = folderWithWeights(t);
  t.regex(await refused(t, folder, {location: 'w.bin', offset: '8'}), /has 12 bytes/);
  t.regex(await refused(t, folder, {location: 'w.bin', length: '4'}), /shape needs 8 bytes/);
  for (const offset of ['-4', '1e3', '0x4', ' 4', '99999999999999999999', '']) {
    t.regex(await refused(t, folder, {location: 'w.bin', offset}), /plain number/);
  }
  t.regex(await refused(t, folder, {}), /names no location/);
});

test('data in the model and in a file at once is refused', async t => {
  const folder = folderWithWeights(t);
  writeFileSync(
    join(folder, 'model.onnx'),
    modelWith({location: 'w.bin'}, {rawData: new Uint8Array(8)}),
  );
  await t.throwsAsync(readModelFile(join(folder, 'model.onnx')), {
    code: 'ERR_ONNX_FORMAT',
    message: /twice/,
  });
});

test('a model given as bytes says how to load its weights', t => {
  t.throws(() => decodeModel(modelWith({location: 'w.bin'})), {
    code: 'ERR_ONNX_EXTERNAL_DATA',
    message: /load it by its path/,
  });
});

test('a reader of the caller is asked for exactly the bytes of the tensor', t => {
  const asked: unknown[] = [];
  const model = decodeModel(modelWith({location: 'w.bin', offset: '4'}), {
    externalData: (...range) => {
      asked.push(range);
      return WEIGHTS.subarray(4);
    },
  });
  t.deepEqual(asked, [['w.bin', 4, 8]]);
  t.deepEqual([...model.initializers.get('b')!.data], [1.5, -2]);
});
