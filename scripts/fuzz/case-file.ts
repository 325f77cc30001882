// The case a worker is at, in a file, where its parent finds it when the worker hangs or dies.

import {closeSync, openSync, readSync, writeSync} from 'node:fs';
import {SCHEDULES} from '../../src/schedule/candidates.js';
import type {FuzzCase} from './oracle.js';

/** Words: cases begun, bytes of the case, its schedule and its budget. */
const HEADER_BYTES = 16;
export const MAX_CASE_BYTES = 256 * 1024;

/** Writes each case over the one before. */
export class CaseWriter {
  readonly #file: number;
  readonly #bytes = new Uint8Array(HEADER_BYTES + MAX_CASE_BYTES);
  readonly #words = new Uint32Array(this.#bytes.buffer, 0, HEADER_BYTES / 4);
  #count = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'w');
  }

  /** @param fuzzCase at most MAX_CASE_BYTES long */
  begin({bytes, schedule, memoryBudgetBytes = 0}: FuzzCase): void {
    this.#words.set([++this.#count, bytes.length, SCHEDULES.indexOf(schedule), memoryBudgetBytes]);
    this.#bytes.set(bytes, HEADER_BYTES);
    writeSync(this.#file, this.#bytes, 0, HEADER_BYTES + bytes.length, 0);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** The case in the file at `path` and how many were begun; null before the first. */
export function readCase(
  path: string,
): {readonly count: number; readonly fuzzCase: FuzzCase} | null {
  const bytes = new Uint8Array(HEADER_BYTES + MAX_CASE_BYTES);
  const file = openSync(path, 'r');
  const length = readSync(file, bytes);
  closeSync(file);
  const [count = 0, size = 0, schedule = 0, budget = 0] = new Uint32Array(bytes.buffer, 0, 4);
  if (length < HEADER_BYTES || count === 0) return null;
  const fuzzCase: FuzzCase = {
    bytes: bytes.slice(HEADER_BYTES, HEADER_BYTES + size),
    schedule: SCHEDULES[schedule] ?? 'auto',
    memoryBudgetBytes: budget === 0 ? undefined : budget,
  };
  return {count, fuzzCase};
}
