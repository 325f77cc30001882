// Runs of a shared table, as commands and regions name them.
//
// Every distinct run of a valid program is disjoint from the others (the encoder stores equal lists
// once). Holding files to that bounds the work and memory of decoding by the size of the file.

import {formatError} from './format-error.js';

/** What has been read of one table so far, by `first:count`. */
export interface RangeReader<T> {
  readonly table: string;
  readonly size: number;
  readonly read: (first: number, count: number) => T;
  readonly done: Map<string, T>;
  total: number;
}

export function rangeReader<T>(
  table: string,
  size: number,
  read: (first: number, count: number) => T,
): RangeReader<T> {
  return {table, size, read, done: new Map(), total: 0};
}

/**
 * What `reader` makes of `count` entries from `first`; the same object for the same run.
 *
 * @throws ERR_PROGRAM_FORMAT when the run passes the end of the table or runs overlap.
 */
export function readRange<T>(
  reader: RangeReader<T>,
  first: number,
  count: number,
  owner: string,
): T {
  const known = reader.done.get(`${first}:${count}`);
  if (known !== undefined) return known;
  const {table, size} = reader;
  if (first + count > size) {
    throw formatError(`${owner} names ${table} ${first} to ${first + count} of ${size}`);
  }
  reader.total += count;
  if (reader.total > size) throw formatError(`${owner} names ${table} that overlap another list`);
  const value = reader.read(first, count);
  reader.done.set(`${first}:${count}`, value);
  return value;
}
