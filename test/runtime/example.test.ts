// The example in load's docstring runs as it stands.

import {existsSync, mkdtempSync, readFileSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {pathToFileURL} from 'node:url';
import test from 'ava';

const ROOT = path.resolve(import.meta.dirname, '..', '..', '..');
const MODEL = path.join(ROOT, 'models', 'dcgan-faces.onnx');

/** The lines of the example, without comment markers. */
function example(): string {
  const source = readFileSync(path.join(ROOT, 'src', 'runtime', 'load.ts'), 'utf8');
  const lines = /@example\n([\s\S]*?)\n \*\//.exec(source)![1]!;
  return lines.replace(/^ \* ?/gm, '');
}

test('load has an example that imports the package by its name', t => {
  t.regex(example(), /^import \{load\} from 'untangle-edge';/);
});

(existsSync(MODEL) ? test : test.skip)(
  'the example of load prints what its comment says',
  async t => {
    const index = pathToFileURL(path.join(ROOT, 'dist', 'src', 'index.js')).href;
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'untangle-example-')), 'example.mjs');
    const script = example()
      .replace("'untangle-edge'", `'${index}'`)
      .replace("'models/", `'${ROOT}/models/`);
    writeFileSync(
      file,
      script.replace('console.log', 'globalThis.exampleOutput = (value => JSON.stringify(value))'),
    );
    await import(pathToFileURL(file).href);
    const printed = /\/\/ (\[.*\])/.exec(script)![1]!.replaceAll(' ', '');
    t.is((globalThis as {exampleOutput?: string}).exampleOutput, printed);
  },
);
