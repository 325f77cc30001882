// Runs of f32 that are read where they lie: an array, or bytes of a file at any alignment.

import type {Tensor} from './model.js';

/** Floats to be read a part at a time, so that large weights are never copied as a whole. */
export interface FloatSource {
  readonly length: number;
  /** Copies elements [first, first + target.length) to `target`. */
  read(first: number, target: Float32Array): void;
}

/** The elements of an array. */
export function arraySource(data: Float32Array): FloatSource {
  return {
    length: data.length,
    read: (first, target) => target.set(data.subarray(first, first + target.length)),
  };
}

/** The same elements with another type or other dims. */
export function retype(
  tensor: Tensor,
  {dtype = tensor.dtype, dims = tensor.dims}: Partial<Pick<Tensor, 'dtype' | 'dims'>>,
): Tensor {
  if (tensor instanceof RawTensor && dtype === 'float32') return new RawTensor(dims, tensor.raw);
  return {dtype, dims, data: tensor.data};
}

/**
 * A float32 tensor in little-endian bytes, as raw_data has them.
 *
 * `data` copies them, once, when their alignment asks for it. It is a property of the object, so that a spread tensor has it too.
 */
export class RawTensor implements Tensor, FloatSource {
  readonly dtype = 'float32';
  readonly dims: readonly number[];
  declare readonly data: Float32Array;
  readonly #raw: Uint8Array;
  #data: Float32Array | null = null;

  constructor(dims: readonly number[], raw: Uint8Array) {
    this.dims = dims;
    this.#raw = raw;
    Object.defineProperty(this, 'data', {enumerable: true, get: () => this.#align()});
  }

  get raw(): Uint8Array {
    return this.#raw;
  }

  get length(): number {
    return this.#raw.length / 4;
  }

  #align(): Float32Array {
    if (this.#data === null) {
      const {buffer, byteOffset} = this.#raw.byteOffset % 4 === 0 ? this.#raw : this.#raw.slice();
      this.#data = new Float32Array(buffer, byteOffset, this.length);
    }
    return this.#data;
  }

  read(first: number, target: Float32Array): void {
    const bytes = this.#raw.subarray(first * 4, (first + target.length) * 4);
    new Uint8Array(target.buffer, target.byteOffset, target.byteLength).set(bytes);
  }
}
