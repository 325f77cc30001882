// The explanation as it lies in the file: JSON in the metadata section, parsed with limits.

import * as z from 'zod';
import {RUN_TIME_TYPES} from '../graph/types.js';
import {formatError} from './format-error.js';
import type {Explanation} from './program.js';

/** More than any real model needs; keeps a hostile file from costing memory. */
const LIMITS = {bytes: 64 * 2 ** 20, nameLength: 4096, rank: 8, ports: 4096, commands: 2 ** 20};

const name = z.string().max(LIMITS.nameLength);
const size = z.number().int().nonnegative();
/** Sums may pass 2^53 for absurd shapes and are then rounded, so not int(). */
const amount = z.number().nonnegative();
const shape = z.array(size).max(LIMITS.rank);
const counts = {macs: amount, readBytes: amount, writtenBytes: amount};

const port = z.object({name, dtype: z.enum(RUN_TIME_TYPES), shape});
const command = z.object({
  op: name,
  name,
  shape,
  schedule: name,
  arenaOffset: z.number().int().min(-1),
  ...counts,
});
const totals = z.object({
  ...counts,
  arenaPeakBytes: amount,
  weightsBytes: amount,
  totalBytes: amount,
});
const convolution = z.object({
  command: size,
  weightsBytes: amount,
  zeroInsertIm2col: z.object(counts),
  zeroInsertDirect: z.object(counts),
  gemmCol2im: z.object(counts),
});

const explanation = z.object({
  model: name,
  inputs: z.array(port).max(LIMITS.ports),
  outputs: z.array(port).max(LIMITS.ports),
  commands: z.array(command).max(LIMITS.commands),
  totals,
  baselines: z.object({zeroInsertIm2col: totals, zeroInsertDirect: totals, gemmCol2im: totals}),
  notes: z.array(name).max(LIMITS.commands).optional(),
  convolutions: z.array(convolution).max(LIMITS.commands),
}) satisfies z.ZodType<Explanation>;

/** The metadata section of an explanation. */
export function encodeExplanation(value: Explanation): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/**
 * Reads the metadata section back.
 *
 * @throws ERR_PROGRAM_FORMAT when it is too long, not JSON or not of the expected shape.
 */
export function decodeExplanation(bytes: Uint8Array): Explanation {
  if (bytes.length > LIMITS.bytes) {
    throw formatError(
      `at most ${LIMITS.bytes} bytes of metadata are accepted but there are ${bytes.length}`,
    );
  }
  const result = explanation.safeParse(parseJson(bytes));
  if (!result.success) {
    const issue = result.error.issues[0];
    throw formatError(
      `metadata.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unexpected value'}`,
    );
  }
  return result.data;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', {fatal: true}).decode(bytes));
  } catch {
    throw formatError('the metadata is not JSON in UTF-8');
  }
}
