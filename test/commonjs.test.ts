// The package from the outside: require and import, code and types.

import {execFile} from 'node:child_process';
import {mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';
import test from 'ava';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const require = createRequire(import.meta.url);
const TSC = path.join(path.dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
const FOLDER = mkdtempSync(path.join(tmpdir(), 'untangle-package-'));

const node = async (...args: string[]) => {
  const {stdout} = await promisify(execFile)(process.execPath, args, {cwd: FOLDER});
  return stdout.trim();
};

test.before(async () => {
  await node(path.join(ROOT, 'scripts', 'build-cjs.mjs'));
  mkdirSync(path.join(FOLDER, 'node_modules'));
  symlinkSync(ROOT, path.join(FOLDER, 'node_modules', 'untangle-edge'));
  symlinkSync(
    path.join(ROOT, 'node_modules', '@types'),
    path.join(FOLDER, 'node_modules', '@types'),
  );
});
test.after.always(() => rmSync(FOLDER, {recursive: true}));

const MODEL = path.join(ROOT, 'models', 'dcgan-faces.onnx');
const PROGRAM = `
  const {readFileSync} = require('node:fs');
  const bytes = new Uint8Array(readFileSync(${JSON.stringify(MODEL)}));
  const program = untangle.compile(bytes, {threads: 1});
  let code = '';
  try {
    untangle.compile(bytes.subarray(0, 9));
  } catch (error) {
    code = error instanceof untangle.UntangleError ? error.code : String(error);
  }
  untangle.open(program, {threads: 1}).then(async session => {
    const {image} = await session.run({z: new Float32Array(32).fill(0.5)});
    await session.dispose();
    const sum = image.data.reduce((total, value) => total + value, 0);
    console.log(JSON.stringify([Object.keys(untangle).sort(), code, image.shape, sum]));
  });`;

test('require gives what import gives, and it works', async t => {
  writeFileSync(
    path.join(FOLDER, 'required.cjs'),
    `const untangle = require('untangle-edge');${PROGRAM}`,
  );
  writeFileSync(
    path.join(FOLDER, 'imported.mjs'),
    `import * as untangle from 'untangle-edge';
     import {createRequire} from 'node:module';
     const require = createRequire(import.meta.url);${PROGRAM}`,
  );
  const required = JSON.parse(await node('required.cjs')) as [string[], string, number[], number];
  t.deepEqual(required, JSON.parse(await node('imported.mjs')));
  t.true(required[0].includes('load'));
  t.deepEqual(required.slice(1, 3), ['ERR_ONNX_FORMAT', [1, 3, 64, 64]]);
});

const TYPED = `
  const session: Session = await load('model.onnx', {threads: 1, constants: {scale: 2}});
  const {image} = await session.run({z: [1, 2, 3]});
  const data: Float32Array = image!.data;
  const {ids} = await session.run<{ids: TensorOutput<'int64'>}>({z: new BigInt64Array(3)});
  const long: BigInt64Array = ids.data;
  // @ts-expect-error: not a feed
  await session.run({z: 'text'});
  return [data, long];`;

test('the types work for both', async t => {
  const head = `import {load, type Session, type TensorOutput} from 'untangle-edge';`;
  const text = `${head}\nexport async function main(): Promise<unknown[]> {${TYPED}}\n`;
  writeFileSync(path.join(FOLDER, 'typed.cts'), text);
  writeFileSync(path.join(FOLDER, 'typed.mts'), text);
  const flags = ['--module', 'nodenext', '--target', 'es2022', '--strict', '--noEmit'];
  await t.notThrowsAsync(node(TSC, ...flags, 'typed.cts', 'typed.mts'));
});
