// A model whose large weights stay in its file until the program's copy of them is written.
//
// A file read as a whole is held beside the program that is made of it, and that is the most memory a session ever takes.

import {UntangleError} from '../errors.js';
import type {ByteRange} from './bulk.js';
import {MOST_READ, readFully} from './read-fully.js';

/** What is used of a FileHandle. */
export interface OpenFile {
  readonly fd: number;
  read(
    target: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{readonly bytesRead: number}>;
}

/** The bytes of a model's file; those in the ranges are not there yet, and zero. */
export class DeferredBytes {
  readonly bytes: Uint8Array;
  readonly #file: OpenFile;
  readonly #path: string;
  #ranges: readonly ByteRange[];

  constructor(
    bytes: Uint8Array,
    ranges: readonly ByteRange[],
    from: {readonly file: OpenFile; readonly path: string},
  ) {
    this.bytes = bytes;
    this.#ranges = ranges;
    this.#file = from.file;
    this.#path = from.path;
  }

  /** Whether a part of the bytes is still to be read. */
  covers(part: Uint8Array): boolean {
    if (part.buffer !== this.bytes.buffer) return false;
    const {start, end} = this.#rangeOf(part);
    return this.#ranges.some(range => start < range.end && end > range.start);
  }

  /**
   * Reads bytes [first, first + target.length) of a part of the bytes.
   *
   * @throws ERR_FILE_READ
   */
  read(part: Uint8Array, first: number, target: Uint8Array): void {
    const position = this.#rangeOf(part).start + first;
    if (!this.#readFully(target, position))
      throw this.#error('it became shorter while it was read');
  }

  #readFully(target: Uint8Array, position: number): boolean {
    try {
      return readFully(this.#file.fd, target, position);
    } catch (error) {
      throw this.#typed(error);
    }
  }

  /**
   * Reads all that is missing, for a model that is kept.
   *
   * @throws ERR_FILE_READ
   */
  async settle(): Promise<void> {
    try {
      for (const {start, end} of this.#ranges)
        await readRange(this.#file, this.#path, this.bytes.subarray(start, end), start);
    } catch (error) {
      throw this.#typed(error);
    }
    this.#ranges = [];
  }

  #typed(error: unknown): UntangleError {
    if (error instanceof UntangleError) return error;
    return this.#error((error as NodeJS.ErrnoException).code ?? String(error));
  }

  #rangeOf(part: Uint8Array): ByteRange {
    const start = part.byteOffset - this.bytes.byteOffset;
    return {start, end: start + part.length};
  }

  #error(reason: string): UntangleError {
    return new UntangleError('ERR_FILE_READ', [this.#path, reason]);
  }
}

/** Fills `target` from `position` on. */
export async function readRange(
  file: OpenFile,
  path: string,
  target: Uint8Array,
  position: number,
): Promise<void> {
  for (let done = 0; done < target.length; ) {
    const length = Math.min(target.length - done, MOST_READ);
    const {bytesRead} = await file.read(target, done, length, position + done);
    if (bytesRead === 0)
      throw new UntangleError('ERR_FILE_READ', [path, 'it became shorter while it was read']);
    done += bytesRead;
  }
}
