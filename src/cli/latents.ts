// Latent vectors for the demo: a sheet of samples, and walks between them.

import {gaussian, slerp} from './random.js';

/** `count` independent latents of `size` numbers. */
export function sampleLatents(count: number, size: number, seed: number): Float32Array[] {
  const values = gaussian(count * size, seed);
  return Array.from({length: count}, (_, index) => values.slice(index * size, (index + 1) * size));
}

/**
 * A closed walk through `stops` random latents with `frames` frames from each to the next.
 *
 * Frame 0 of each stretch is the stop itself, so the last stretch ends where the first began.
 */
export function walkLatents(
  stops: number,
  frames: number,
  size: number,
  seed: number,
): Float32Array[] {
  const points = sampleLatents(stops, size, seed);
  return points.flatMap((from, index) => {
    const to = points[(index + 1) % stops]!;
    return Array.from({length: frames}, (_, frame) => slerp(from, to, frame / frames));
  });
}

/** A one-hot label. */
export function oneHot(size: number, index: number): Float32Array {
  const label = new Float32Array(size);
  label[index % size] = 1;
  return label;
}
