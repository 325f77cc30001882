// The stress scripts, with few repetitions and wide limits of time: the long versions are run by hand.

import {execFile} from 'node:child_process';
import {readdirSync} from 'node:fs';
import path from 'node:path';
import {promisify} from 'node:util';
import test from 'ava';

const FOLDER = path.resolve(import.meta.dirname, '..', 'scripts', 'stress');
const SCRIPTS = readdirSync(FOLDER).filter(name => name.endsWith('.js') && name !== 'support.js');

for (const script of SCRIPTS) {
  test.serial(`stress, in short: ${script}`, async t => {
    t.timeout(300_000);
    const args = [path.join(FOLDER, script), '--short'];
    const {stdout} = await promisify(execFile)(process.execPath, args);
    t.regex(stdout, /^PASS /m);
    t.log(stdout.trim());
  });
}
