// Numbers as people write them on a command line, and as they read them.

import {UntangleError} from '../errors.js';

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};

/**
 * Bytes from '64MiB', '64MB', '1.5GiB' or plain '67108864'.
 *
 * @throws ERR_OPTION
 */
export function parseSize(option: string, text: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?) *([A-Za-z]*)$/.exec(text.trim());
  const unit = UNITS[(match?.[2] ?? '?').toLowerCase()];
  const bytes = unit === undefined ? Number.NaN : Math.floor(Number(match?.[1]) * unit);
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new UntangleError('ERR_OPTION', [
    option,
    'a size such as 64MiB, 64MB, 1GiB or a number of bytes',
    `"${text}"`,
  ]);
}

/**
 * A positive integer.
 *
 * @throws ERR_OPTION
 */
export function parseCount(option: string, text: string): number {
  const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 1) return value;
  throw new UntangleError('ERR_OPTION', [option, 'a positive integer', `"${text}"`]);
}

/**
 * A finite number, not negative.
 *
 * @throws ERR_OPTION
 */
export function parseTolerance(option: string, text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new UntangleError('ERR_OPTION', [option, 'a number that is not negative', `"${text}"`]);
}

/** Bytes for people: 1.4 MiB. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${formatNumber(value)} ${units[unit]}`;
}

/** Counts for people: 30.8 M. */
export function formatCount(count: number): string {
  const units = ['', ' k', ' M', ' G', ' T'];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${formatNumber(value)}${units[unit]}`;
}

/** Three significant digits, no exponent. */
export function formatNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1000) return String(value);
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.max(Math.abs(value), 1e-9))));
  return value.toFixed(Math.min(digits, 6));
}

/** Milliseconds for people. */
export function formatMs(ms: number): string {
  return ms >= 1000 ? `${formatNumber(ms / 1000)} s` : `${formatNumber(ms)} ms`;
}

/** Nanoseconds for people. */
export function formatNs(ns: number): string {
  return ns >= 1e6 ? formatMs(ns / 1e6) : `${formatNumber(ns / 1e3)} µs`;
}

/** [1, 3, 64, 64] as 1x3x64x64. */
export function formatShape(shape: readonly (number | string)[]): string {
  return shape.length === 0 ? 'scalar' : shape.join('x');
}
