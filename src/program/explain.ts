// The explanation as it lies in the file: JSON in the metadata section, parsed with limits.

import * as v from 'valibot';
import {MEMORY_LEVELS} from '../boards/board.js';
import {RUN_TIME_TYPES} from '../graph/types.js';
import {formatError} from './format-error.js';
import {ARENA_BLOCK_KINDS, type ArenaBlock, type CommandInfo, type Explanation} from './program.js';

/** More than any real model needs; keeps a hostile file from costing memory. */
const LIMITS = {bytes: 64 * 2 ** 20, nameLength: 4096, rank: 8, ports: 4096, commands: 2 ** 20};

type Check = (value: unknown) => boolean;

const isName: Check = value => typeof value === 'string' && value.length <= LIMITS.nameLength;
const isSize: Check = value => Number.isSafeInteger(value) && (value as number) >= 0;
/** Sums may pass 2^53 for absurd shapes and are then rounded, so they are no safe integers. */
const isAmount: Check = value => Number.isFinite(value) && (value as number) >= 0;
/** The index of a command, or -1 for what comes before the first; an offset in the arena, or -1 for what has none. */
const isPlace: Check = value => value === -1 || isSize(value);
const isShape: Check = value =>
  Array.isArray(value) && value.length <= LIMITS.rank && value.every(isSize);
const isMissingOr =
  (check: Check): Check =>
  value =>
    value === undefined || check(value);

const name = v.custom<string>(isName, `expected a text of at most ${LIMITS.nameLength} characters`);
const size = v.custom<number>(isSize, 'expected a whole number from 0 on');
const amount = v.custom<number>(isAmount, 'expected a number from 0 on');
const shape = v.custom<number[]>(isShape, `expected at most ${LIMITS.rank} sizes`);
const counts = {macs: amount, readBytes: amount, writtenBytes: amount};

const port = v.object({name, dtype: v.picklist(RUN_TIME_TYPES), shape});
const ports = v.pipe(v.array(port), v.maxLength(LIMITS.ports));
const level = v.object({
  from: v.picklist(MEMORY_LEVELS),
  readBytes: amount,
  writtenBytes: amount,
  streamedBytes: v.optional(amount),
});
const levels = v.optional(v.pipe(v.array(level), v.maxLength(MEMORY_LEVELS.length)));
const totals = v.object({
  ...counts,
  arenaPeakBytes: amount,
  weightsBytes: amount,
  streamedBytes: v.optional(amount),
  totalBytes: amount,
});
const convolution = v.object({
  command: size,
  weightsBytes: amount,
  own: v.object(counts),
  upsampledBytes: v.optional(amount),
  zeroInsertIm2col: v.object(counts),
  zeroInsertDirect: v.object(counts),
  gemmCol2im: v.object(counts),
});

const COMMAND: Readonly<Record<keyof CommandInfo, Check>> = {
  op: isName,
  name: isName,
  shape: isShape,
  schedule: isName,
  macs: isAmount,
  readBytes: isAmount,
  writtenBytes: isAmount,
  arenaOffset: isPlace,
  levels: value => v.is(levels, value),
  predictedNs: isMissingOr(isAmount),
};

const BLOCK: Readonly<Record<keyof ArenaBlock, Check>> = {
  name: isName,
  kind: value => ARENA_BLOCK_KINDS.some(kind => kind === value),
  offsetBytes: isSize,
  bytes: isSize,
  firstCommand: isPlace,
  lastCommand: isPlace,
};

/**
 * A list with an entry for each command, checked in place.
 *
 * What a schema makes of thousands of entries (copies, and objects for every field) takes more memory than the entries.
 */
function listOf<Entry>(fields: Readonly<Record<keyof Entry & string, Check>>) {
  const names = Object.keys(fields) as (keyof Entry & string)[];
  const wrongField = (entry: Readonly<Record<string, unknown>> | null): string | null => {
    for (let at = 0; at < names.length; at++)
      if (!fields[names[at]!](entry?.[names[at]!])) return names[at]!;
    return null;
  };
  return v.pipe(
    v.custom<Entry[]>(Array.isArray, 'expected an array'),
    v.maxLength(LIMITS.commands),
    v.rawCheck(({dataset, addIssue}) => {
      if (!dataset.typed) return;
      for (let index = 0; index < dataset.value.length; index++) {
        const field = wrongField(dataset.value[index] as Record<string, unknown> | null);
        if (field === null) continue;
        addIssue({message: `${field} of entry ${index} is not as expected`});
        return;
      }
    }),
  );
}

const explanation = v.object({
  model: name,
  inputs: ports,
  outputs: ports,
  commands: listOf<CommandInfo>(COMMAND),
  blocks: listOf<ArenaBlock>(BLOCK),
  totals,
  baselines: v.object({zeroInsertIm2col: totals, zeroInsertDirect: totals, gemmCol2im: totals}),
  board: v.optional(v.object({name, source: name, threads: size, freeBytes: v.nullable(size)})),
  memory: v.optional(
    v.object({
      arenaLowerBoundBytes: amount,
      measures: v.pipe(v.array(v.string()), v.maxLength(LIMITS.commands)),
    }),
  ),
  notes: v.optional(v.pipe(v.array(name), v.maxLength(LIMITS.commands))),
  convolutions: v.pipe(v.array(convolution), v.maxLength(LIMITS.commands)),
}) satisfies v.GenericSchema<unknown, Explanation>;

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
  const result = v.safeParse(explanation, parseJson(bytes), {abortEarly: true});
  if (!result.success) {
    const [issue] = result.issues;
    const path = issue.path?.map(({key}) => String(key)) ?? [];
    throw formatError(`metadata.${path.join('.')}: ${issue.message}`);
  }
  return result.output;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', {fatal: true}).decode(bytes));
  } catch {
    throw formatError('the metadata is not JSON in UTF-8');
  }
}
