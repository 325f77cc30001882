// Damage that knows nothing of the format.

import type {Random} from './random.js';

/** One to four random changes of `bytes`; pieces of `other` may be spliced in. */
export function mutateBytes(random: Random, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  let result = bytes;
  for (let left = 1 + random.below(4); left > 0; left--) {
    if (result.length === 0) return result;
    result = random.pick(MUTATIONS)(random, result, other);
  }
  return result;
}

type Mutation = (random: Random, bytes: Uint8Array, other: Uint8Array) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
  flipBit,
  setByte,
  truncate,
  splice,
  removeRun,
  repeatRun,
  inflateVarint,
  flipBit,
];

function flipBit(random: Random, bytes: Uint8Array): Uint8Array {
  return changed(bytes, random.below(bytes.length), byte => byte ^ (1 << random.below(8)));
}

function setByte(random: Random, bytes: Uint8Array): Uint8Array {
  const value = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
  return changed(bytes, random.below(bytes.length), () => value);
}

function truncate(random: Random, bytes: Uint8Array): Uint8Array {
  return bytes.slice(0, random.below(bytes.length));
}

function splice(random: Random, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  const start = random.below(other.length + 1);
  const piece = other.subarray(start, start + 1 + random.below(200));
  const at = random.below(bytes.length + 1);
  const end = random.oneIn(2) ? at : Math.min(bytes.length, at + piece.length);
  return concat([bytes.subarray(0, at), piece, bytes.subarray(end)]);
}

function removeRun(random: Random, bytes: Uint8Array): Uint8Array {
  const at = random.below(bytes.length);
  return concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(16))]);
}

function repeatRun(random: Random, bytes: Uint8Array): Uint8Array {
  const at = random.below(bytes.length);
  const end = Math.min(bytes.length, at + 1 + random.below(64));
  return concat([bytes.subarray(0, end), bytes.subarray(at)]);
}

/** A length or number of one byte becomes a long one: lies about sizes, and overlong encodings. */
function inflateVarint(random: Random, bytes: Uint8Array): Uint8Array {
  const at = random.below(bytes.length);
  const length = 1 + random.below(10);
  const varint = new Uint8Array(length).fill(0xff);
  varint[length - 1] = random.pick([0, 1, 0x7f]);
  return concat([bytes.subarray(0, at), varint, bytes.subarray(at + 1)]);
}

function changed(bytes: Uint8Array, at: number, change: (byte: number) => number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = change(copy[at]!);
  return copy;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let end = 0;
  for (const part of parts) {
    result.set(part, end);
    end += part.length;
  }
  return result;
}
