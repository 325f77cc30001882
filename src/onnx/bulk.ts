// Where the weights of a model lie in its file, found without reading them.
//
// Only the headers of fields are looked at, on the way ModelProto.graph > GraphProto.initializer > TensorProto.raw_data; what
// is not understood ends the search. The decoder judges the file.

import {BinaryReader, WireType} from '@bufbuild/protobuf/wire';

/** A run of bytes of a file. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Shorter tensors are read with the rest. */
export const BULK_BYTES = 2 ** 16;

/** Field numbers from the model down to the bytes of an initializer. */
const PATH = [7, 5, 9];

/** Headers looked at before the search ends: it is meant to be short beside reading the file. */
const MOST_HEADERS = 1_000_000;

/** A tag and a length, 10 bytes each at most. */
const HEADER_BYTES = 20;
const WINDOW_BYTES = 512;

/**
 * The raw data of large initializers, in file order.
 *
 * @param read fills an array from an offset on and says with how many bytes: fewer at the end of the file
 */
export function findBulk(
  read: (offset: number, target: Uint8Array) => number,
  fileBytes: number,
): readonly ByteRange[] {
  const found: ByteRange[] = [];
  let headers = 0;
  // Headers of small fields follow one another: most are in the window already.
  const window = new Uint8Array(WINDOW_BYTES);
  let known: ByteRange = {start: 0, end: 0};
  const peek = (offset: number): Uint8Array => {
    if (offset < known.start || offset + HEADER_BYTES > known.end)
      known = {start: offset, end: offset + read(offset, window)};
    return window.subarray(offset - known.start, known.end - known.start);
  };

  /** Looks at the fields of a message; false when the search has to end. */
  const search = ({start, end}: ByteRange, depth: number): boolean => {
    for (let at = start; at < end; ) {
      if (++headers > MOST_HEADERS) return false;
      const field = readHeader(peek(at), at, end);
      if (field === null) return false;
      if (field.isBlock && field.number === PATH[depth]) {
        const isLeaf = depth === PATH.length - 1;
        const block = {start: field.start, end: field.end};
        if (!isLeaf && !search(block, depth + 1)) return false;
        if (isLeaf && block.end - block.start >= BULK_BYTES) found.push(block);
      }
      at = field.end;
    }
    return true;
  };

  search({start: 0, end: fileBytes}, 0);
  return found;
}

interface Field extends ByteRange {
  readonly number: number;
  readonly isBlock: boolean;
}

/** The field that begins at `at`, its content from `start` to `end`; null when it does not end before `limit`. */
function readHeader(bytes: Uint8Array, at: number, limit: number): Field | null {
  const reader = new BinaryReader(bytes);
  try {
    const [number, type] = reader.tag();
    const isBlock = type === WireType.LengthDelimited;
    if (type === WireType.StartGroup || type === WireType.EndGroup) return null;
    const length = isBlock ? reader.uint32() : 0;
    const start = at + reader.pos;
    if (!isBlock) reader.skip(type);
    const end = at + reader.pos + length;
    return end <= limit ? {number, isBlock, start, end} : null;
  } catch {
    return null;
  }
}
