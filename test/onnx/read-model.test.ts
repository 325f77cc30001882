import {existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import {readFileLimited, readModelFile} from '../../src/onnx/read-model.js';
import {decodeTensor} from '../../src/onnx/tensor-file.js';

test('a file that is not there, a folder and a file too large have their own errors', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'untangle-'));
  t.teardown(() => rmSync(folder, {recursive: true}));
  const path = join(folder, 'model.onnx');
  await t.throwsAsync(readModelFile(path), {code: 'ERR_FILE_NOT_FOUND'});
  await t.throwsAsync(readModelFile(join(folder, 'no', 'model.onnx')), {
    code: 'ERR_FILE_NOT_FOUND',
  });
  await t.throwsAsync(readModelFile(folder), {code: 'ERR_FILE_READ', message: /directory/});
  await t.throwsAsync(readModelFile('/dev/zero'), {code: 'ERR_FILE_READ', message: /regular/});
  await t.throwsAsync(readModelFile('a\0b'), {code: 'ERR_FILE_READ'});
  writeFileSync(path, 'not a model');
  await t.throwsAsync(readModelFile(path), {
    code: 'ERR_ONNX_FORMAT',
    message: new RegExp(`text.*${path}`),
  });
  await t.throwsAsync(readModelFile(path, {limits: {fileBytes: 10}}), {code: 'ERR_ONNX_LIMIT'});
  t.is((await readFileLimited(path, {fileBytes: 11})).length, 11);
});

const MODELS = ['../shared/models', '../../shared/models'].find(path => existsSync(path)) ?? null;

test('the development models decode', async t => {
  if (MODELS === null) {
    t.log('skipped: no folder ../shared/models');
    t.pass();
    return;
  }
  const names = readdirSync(MODELS, {withFileTypes: true})
    .filter(entry => entry.isDirectory())
    .map(entry => entry.name);
  for (const name of names) {
    const folder = join(MODELS, name);
    const model = await readModelFile(join(folder, 'model.onnx'));
    for (const [index, input] of model.inputs.entries()) {
      const tensor = decodeTensor(await readFileLimited(join(folder, `input_${index}.pb`)));
      t.is(tensor.name, input.name);
      t.is(tensor.dims.length, input.dims?.length ?? -1);
    }
    t.true(model.nodes.length > 0);
  }
  t.is(names.length, 10);
});
