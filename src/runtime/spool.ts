// A compiled program whose weights are to be streamed, put into a file of its own.

import {randomUUID} from 'node:crypto';
import {closeSync, openSync, unlinkSync, writeSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {UntangleError} from '../errors.js';
import type {Program} from '../program/program.js';
import {residentBytes} from '../program/read-header.js';
import {allocateNative, loadAddon} from './native.js';
import {openPlan, type PlanOptions} from './open-plan.js';
import type {Plan} from './plan.js';

/**
 * Opens a program that was compiled here; streamed weights go to a temporary file, which has no name and vanishes with the session.
 *
 * @throws what `openPlan` throws, and ERR_FILE_WRITE when the folder for temporary files (TMPDIR) has no room
 */
export function openCompiled(program: Program, options: PlanOptions): Plan {
  const held = residentBytes(program.bytes, program.bytes.length);
  if (held === program.bytes.length) return openPlan(program, options);
  const file = writeRest(program.bytes, held);
  try {
    const bytes = allocateNative(held);
    bytes.set(program.bytes.subarray(0, held));
    loadAddon().release(program.bytes);
    return openPlan({bytes, explanation: program.explanation}, {...options, file});
  } finally {
    closeSync(file);
  }
}

/** A file with what lies behind the first bytes of a program, in its place. */
function writeRest(bytes: Uint8Array, held: number): number {
  const name = path.join(tmpdir(), `untangle-${randomUUID()}.untp`);
  let file: number | null = null;
  try {
    file = openSync(name, 'wx+', 0o600);
    unlinkSync(name);
    for (let at = held; at < bytes.length; )
      at += writeSync(file, bytes, at, bytes.length - at, at);
    return file;
  } catch (error) {
    if (file !== null) closeSync(file);
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new UntangleError('ERR_FILE_WRITE', [name, reason]);
  }
}
