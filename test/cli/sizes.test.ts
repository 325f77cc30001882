import test from 'ava';
import {
  formatBytes,
  formatCount,
  formatMs,
  formatNumber,
  parseCount,
  parseSize,
  parseTolerance,
} from '../../src/cli/sizes.js';

test('sizes are read with binary, decimal and no units', t => {
  t.is(parseSize('--memory', '64MiB'), 64 * 2 ** 20);
  t.is(parseSize('--memory', '64MB'), 64e6);
  t.is(parseSize('--memory', '1GiB'), 2 ** 30);
  t.is(parseSize('--memory', '1.5 kib'), 1536);
  t.is(parseSize('--memory', '4096'), 4096);
});

test('what is no size is refused', t => {
  for (const text of [
    '',
    '-1',
    '0',
    'NaN',
    '64M',
    'MiB',
    '1e9',
    'Infinity',
    '64 MiB x',
    '0.1',
    '9999999GiB',
    '0x10',
  ]) {
    t.throws(() => parseSize('--memory', text), {code: 'ERR_OPTION', message: /--memory/}, text);
  }
});

test('counts are positive integers', t => {
  t.is(parseCount('--threads', '4'), 4);
  for (const text of ['0', '-1', '1.5', 'NaN', '', ' 1', '1e3', '99999999999']) {
    t.throws(() => parseCount('--threads', text), {code: 'ERR_OPTION'}, text);
  }
});

test('tolerances are finite and not negative', t => {
  t.is(parseTolerance('--tolerance', '1e-4'), 1e-4);
  t.is(parseTolerance('--tolerance', '0'), 0);
  for (const text of ['-1', 'NaN', '', 'Infinity', 'x'])
    t.throws(() => parseTolerance('--tolerance', text), {code: 'ERR_OPTION'}, text);
});

test('numbers are shown with three digits', t => {
  t.is(formatBytes(0), '0 B');
  t.is(formatBytes(1023), '1023 B');
  t.is(formatBytes(1536), '1.50 KiB');
  t.is(formatBytes(64 * 2 ** 20), '64 MiB');
  t.is(formatCount(30_773_248), '30.8 M');
  t.is(formatMs(0.1234), '0.123 ms');
  t.is(formatMs(12_345), '12.3 s');
  t.is(formatNumber(0), '0');
  t.is(formatNumber(-12.345), '-12.3');
  t.is(formatNumber(1234.5), '1235');
});
