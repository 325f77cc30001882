// Numbers that every contender can make for itself, in whatever language.

/** Seeds of a layer's tensors; the weights of generators count on from 101. */
export const SEEDS = {weights: 1, bias: 2, input: 3};

/**
 * `count` floats in [-0.5, 0.5), a function of `seed` and the index alone.
 *
 * The upper 24 bits of C. Wellons's 32-bit mixer "lowbias32" (nullprogram.com/blog/2018/07/31), so that each is exact in f32.
 */
export function hashValues(count: number, seed: number): Float32Array {
  const values = new Float32Array(count);
  const offset = Math.imul(seed, 0x9e3779b9);
  for (let index = 0; index < count; index++) {
    let bits = (index + offset) | 0;
    bits = Math.imul(bits ^ (bits >>> 16), 0x7feb352d);
    bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b);
    values[index] = ((bits ^ (bits >>> 16)) >>> 8) / 2 ** 24 - 0.5;
  }
  return values;
}
