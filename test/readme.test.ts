// Every untangle command the README shows is run as it stands; its npm commands are run by CI.

import {execFile} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, symlinkSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';
import test from 'ava';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const MAIN = path.join(ROOT, 'dist/src/cli/main.js');

const commands = [
  ...readFileSync(path.join(ROOT, 'README.md'), 'utf8').matchAll(/```sh\n(.*?)```/gs),
]
  .flatMap(([, block]) => block!.split('\n'))
  .map(line => line.replace(/\s#.*$/, '').trim())
  .filter(line => line.startsWith('npx untangle'));

test('the README shows commands', t => {
  t.true(commands.length >= 6);
});

for (const command of commands) {
  test(`README: ${command}`, async t => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'untangle-readme-'));
    t.teardown(() => rmSync(folder, {recursive: true}));
    symlinkSync(path.join(ROOT, 'models'), path.join(folder, 'models'));
    const line = command.replaceAll('npx untangle', `'${process.execPath}' '${MAIN}'`);
    const {stdout} = await promisify(execFile)('sh', ['-c', line], {
      cwd: folder,
      maxBuffer: 2 ** 26,
    });
    t.true(stdout.length > 0);
  });
}
