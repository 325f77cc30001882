// Board profiles as JSON text.

import * as v from 'valibot';
import {UntangleError} from '../errors.js';
import {describeValue} from '../feeds/describe.js';
import {type Board, boardSchema} from './board.js';

/** Real profiles have some KiB. */
const MOST_BYTES = 2 ** 20;

/**
 * Reads a profile; `file` is its name in messages.
 *
 * @throws ERR_FILE_FORMAT with the first thing that is wrong
 */
export function parseBoard(bytes: Uint8Array, file: string): Board {
  const wrong = (expected: string, found: string) =>
    new UntangleError('ERR_FILE_FORMAT', [file, expected, found]);
  if (bytes.length > MOST_BYTES)
    throw wrong(`a board profile of at most ${MOST_BYTES} bytes`, `${bytes.length} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', {fatal: true}).decode(bytes));
  } catch {
    throw wrong('a board profile', 'what is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong('a board profile', describeValue(value));
  const issue = v.safeParse(boardSchema, value, {abortEarly: true}).issues?.[0];
  if (issue === undefined) return value as Board;
  const path = issue.path?.map(({key}) => String(key)).join('.') ?? '';
  if (issue.type === 'strict_object' && issue.expected === 'never')
    throw wrong('the fields of docs/board-profile.md', `the field "${path}"`);
  const received = issue.path?.at(-1)?.value;
  if (issue.type === 'strict_object' && received === undefined)
    throw wrong(`the field "${path}"`, 'none (see docs/board-profile.md)');
  throw wrong(`"${path}" to be ${issue.message}`, describeValue(received));
}

/** The text of a profile's file. */
export function encodeBoard(board: Board): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(board, null, 2)}\n`);
}
