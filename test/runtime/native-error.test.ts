// Errors of the addon, and of its absence.

import {mkdtempSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test from 'ava';
import {requireAddon} from '../../src/runtime/native.js';
import {translateNativeError} from '../../src/runtime/native-error.js';

test('a missing or damaged addon says what to do', t => {
  const folder = mkdtempSync(path.join(tmpdir(), 'untangle-addon-'));
  const damaged = path.join(folder, 'damaged.node');
  writeFileSync(damaged, 'not a library');
  for (const file of [path.join(folder, 'absent.node'), damaged]) {
    t.throws(() => requireAddon(file), {
      code: 'ERR_ADDON_MISSING',
      message: /npm run build:native/,
    });
  }
});

test('errors of the addon keep code and message', t => {
  const native = (code: string, message: string) => Object.assign(new Error(message), {code});
  const format = translateNativeError(native('ERR_PROGRAM_FORMAT', 'view 3 is outside the arena'));
  t.is(format.message, 'not a valid program: view 3 is outside the arena');
  const memory = translateNativeError(
    native('ERR_OUT_OF_MEMORY', 'the operating system refused 9 bytes for the arena'),
  );
  t.is(memory.message, 'the operating system refused 9 bytes for the arena');
  t.is(translateNativeError(native('EWHAT', 'odd')).code, 'ERR_INTERNAL');
  t.is(translateNativeError('odd').message, 'internal error: odd; please report it with the model');
  t.is(translateNativeError(format), format);
});
