// Damage to program files whose header stays right, so that the tables behind it are judged.

import {checksum} from '../../src/program/checksum.js';
import {HEADER, SECTIONS} from '../../src/program/commands.js';
import {HEADER_BYTES, layOutFile} from '../../src/program/file-layout.js';
import {readHeader} from '../../src/program/read-header.js';
import {mutateBytes} from './mutate-bytes.js';
import type {Random} from './random.js';

const EDGES = [
  0,
  1,
  2,
  3,
  4,
  6,
  7,
  16,
  63,
  64,
  2 ** 16,
  2 ** 28,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 2,
  2 ** 32 - 1,
];

/** One to four words of the tables or bytes of the metadata changed; now and then bytes anywhere. */
export function mutateProgram(random: Random, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  if (random.oneIn(10)) return repaired(mutateBytes(random, bytes, other));
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  const {layout} = readHeader(bytes);
  for (let left = 1 + random.below(4); left > 0; left--) {
    const section = layout.sections[random.pick(SECTIONS)];
    if (section.bytes < 4) continue;
    const at = section.start + random.below(Math.floor(section.bytes / 4)) * 4;
    view.setUint32(at, changedWord(random, view.getUint32(at, true)), true);
  }
  if (random.oneIn(20)) changeHeader(random, view);
  return repaired(copy);
}

function changedWord(random: Random, word: number): number {
  switch (random.below(4)) {
    case 0:
      return random.pick(EDGES);
    case 1:
      return (word + random.below(9) - 4) >>> 0;
    case 2:
      return (word ^ (1 << random.below(32))) >>> 0;
    default:
      return random.next();
  }
}

/** A size of a section, so that the tables lie elsewhere, or of the arena. */
function changeHeader(random: Random, view: DataView): void {
  const field = 4 + random.below(HEADER.fields.length - 5);
  view.setUint32(field * 4, changedWord(random, view.getUint32(field * 4, true)), true);
}

/** Size and checksum made right: a file that is wrong only there would teach nothing. */
function repaired(bytes: Uint8Array): Uint8Array {
  if (bytes.length < HEADER_BYTES) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const set = (name: (typeof HEADER.fields)[number], value: number): void =>
    view.setUint32(HEADER.fields.indexOf(name) * 4, value, true);
  set('fileBytesLow', bytes.length);
  set('fileBytesHigh', 0);
  const streamedBytes = view.getUint32(HEADER.fields.indexOf('streamedLines') * 4, true) * 64;
  set(
    'checksum',
    checksum(bytes.subarray(HEADER_BYTES, Math.max(0, bytes.length - streamedBytes))),
  );
  return bytes;
}

/** Whether `bytes` can be mutated by words: its header places the sections. */
export function hasLayout(bytes: Uint8Array): boolean {
  try {
    return layOutFile(readHeader(bytes).header).fileBytes === bytes.length;
  } catch {
    return false;
  }
}
