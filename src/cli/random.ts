// Repeatable random numbers: the same seed gives the same numbers on every machine.

import type {Port} from '../program/program.js';

/** Uniform numbers in [0, 1) (mulberry32). */
export function uniformSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `count` numbers from the standard normal distribution (Box-Muller). */
export function gaussian(count: number, seed: number): Float32Array {
  const uniform = uniformSource(seed);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    values[i] = radius * Math.cos(angle);
    if (i + 1 < count) values[i + 1] = radius * Math.sin(angle);
  }
  return values;
}

/**
 * Values for an input that nobody gave: normal, or for integers what is valid for most uses (indices, flags): 0 and 1, and
 * for uint8 any byte.
 */
export function randomValues({dtype, shape}: Port, seed: number): Float32Array {
  const count = shape.reduce((product, size) => product * size, 1);
  if (dtype === 'float32') return gaussian(count, seed);
  const uniform = uniformSource(seed);
  const choices = dtype === 'uint8' ? 256 : 2;
  return Float32Array.from({length: count}, () => Math.floor(uniform() * choices));
}

/**
 * The point at `t` in [0, 1] on the great circle from `from` to `to`, lengths interpolated linearly.
 *
 * Gaussian latents lie near a sphere; a straight line between two would leave it and give blurred pictures.
 */
export function slerp(from: Float32Array, to: Float32Array, t: number): Float32Array {
  const fromLength = Math.hypot(...from);
  const toLength = Math.hypot(...to);
  const dot = from.reduce((sum, value, i) => sum + value * to[i]!, 0);
  const angle = Math.acos(Math.min(1, Math.max(-1, dot / (fromLength * toLength || 1))));
  const sine = Math.sin(angle);
  if (sine < 1e-6 || fromLength * toLength === 0)
    return from.map((value, i) => value + (to[i]! - value) * t);

  const length = fromLength + (toLength - fromLength) * t;
  const fromWeight = (Math.sin((1 - t) * angle) / sine / fromLength) * length;
  const toWeight = (Math.sin(t * angle) / sine / toLength) * length;
  return from.map((value, i) => value * fromWeight + to[i]! * toWeight);
}
