// What executors have room for.

import {PLANAR_ROWS} from '../untangle/pack.js';

/**
 * Limits of planarTaps: output channels of a panel and in all, pixels of a row that the executor packs at a time, and
 * packed floats of one channel over the rows that the taps of one output row span.
 */
export const PLANAR = {rows: PLANAR_ROWS, channels: 256, tile: 64, window: 32768} as const;

/** Scratch of one thread of the executor, which nothing counts: it stays in the cache. */
export const WORKSPACE_BYTES = 256 * 1024;

/** What else a session holds beside arena, constants and outputs: its own fields. */
export const SESSION_BYTES = 512;

/** Bytes of a session on the CPU beside arena, constants and outputs. */
export function workspaceBytesOf(threads: number): number {
  return SESSION_BYTES + threads * WORKSPACE_BYTES;
}

/** Most input channels of a winograd step: pixels outside x are read from a block of as many zeros. */
export const WINOGRAD_CHANNELS = 2048;

/** Fixed split of a map for normalisation, so that sums do not depend on the thread count. */
export const NORMALIZE_CHUNKS = 16;

/** Most pixels of an image that is normalised: chunks are found with 32 bits. */
export const NORMALIZE_PIXELS = 2 ** 31 - 1;
