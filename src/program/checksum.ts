// The checksum of a program file: CRC-32 (IEEE 802.3) of every byte after the header.

import {crc32} from 'node:zlib';

/** zlib counts bytes in 32 bits, so larger files are summed piece by piece. */
const CHUNK_BYTES = 2 ** 30;

/** CRC-32 of `bytes` as a u32. */
export function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let start = 0; start < bytes.length; start += CHUNK_BYTES) {
    sum = crc32(bytes.subarray(start, start + CHUNK_BYTES), sum);
  }
  return sum;
}
