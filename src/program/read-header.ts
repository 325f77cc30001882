// The header of a program file: nothing after it is touched before it makes sense.

import {UntangleError} from '../errors.js';
import {checksum} from './checksum.js';
import {HEADER, MAGIC} from './commands.js';
import {type FileLayout, HEADER_BYTES, type Header, layOutFile} from './file-layout.js';
import {check} from './format-error.js';
import {formatHash, formatHashHex} from './format-hash.js';
import {readRecord} from './words.js';

/**
 * Reads the header and places the sections.
 *
 * The sizes it states add up to the length of the file, so what is read later stays inside it. Streamed weights may be left out.
 *
 * @throws ERR_PROGRAM_FORMAT, or ERR_PROGRAM_VERSION when other tables wrote the file.
 */
export function readHeader(bytes: Uint8Array): {header: Header; layout: FileLayout} {
  check(
    bytes.length >= HEADER_BYTES,
    () => `expected at least ${HEADER_BYTES} bytes but there are ${bytes.length}`,
  );
  const header = parseHeader(bytes);
  check(header.magic === MAGIC, () => 'the file does not start with UNTP');
  if (header.formatHash !== formatHash()) {
    throw new UntangleError('ERR_PROGRAM_VERSION', [
      formatHashHex(header.formatHash),
      formatHashHex(),
    ]);
  }

  const layout = layOutFile(header);
  const fileBytes = header.fileBytesHigh * 2 ** 32 + header.fileBytesLow;
  check(
    fileBytes === bytes.length || layout.residentBytes === bytes.length,
    () => `the header says ${fileBytes} bytes but there are ${bytes.length}`,
  );
  check(
    layout.fileBytes === fileBytes,
    () => `the sections need ${layout.fileBytes} bytes but the file has ${fileBytes}`,
  );
  check(header.constantBytes % 4 === 0, () => 'constantBytes is not a multiple of 4');
  checkSum(bytes.subarray(0, layout.residentBytes), header);
  return {header, layout};
}

/**
 * How many bytes of a program file to hold, by its beginning: all but streamed weights.
 *
 * All of them where the beginning is none of a program; `decodeProgram` says what is wrong with it.
 */
export function residentBytes(beginning: Uint8Array, fileBytes: number): number {
  if (beginning.length < HEADER_BYTES) return fileBytes;
  const header = parseHeader(beginning);
  if (header.magic !== MAGIC || header.formatHash !== formatHash()) return fileBytes;
  return Math.min(fileBytes, layOutFile(header).residentBytes);
}

function parseHeader(bytes: Uint8Array): Header {
  const words = new Uint32Array(bytes.slice(0, HEADER_BYTES).buffer);
  return readRecord(HEADER, words, 0);
}

function checkSum(bytes: Uint8Array, header: Header): void {
  const sum = checksum(bytes.subarray(HEADER_BYTES));
  check(
    sum === header.checksum,
    () => `the checksum is ${sum} but the header says ${header.checksum}: the file is damaged`,
  );
}
