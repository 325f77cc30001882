// Runs of f32 that are read where they lie: an array, or bytes of a file at any alignment.

import type {DeferredBytes} from './deferred.js';
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
  if (tensor instanceof RawTensor && dtype === 'float32') return tensor.withDims(dims);
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
  readonly #deferred: DeferredBytes | null;
  #data: Float32Array | null = null;

  /** @param deferred where the bytes come from when they are not there yet */
  constructor(dims: readonly number[], raw: Uint8Array, deferred: DeferredBytes | null = null) {
    this.dims = dims;
    this.#raw = raw;
    this.#deferred = deferred;
    Object.defineProperty(this, 'data', {enumerable: true, get: () => this.#align()});
  }

  get raw(): Uint8Array {
    return this.#raw;
  }

  get length(): number {
    return this.#raw.length / 4;
  }

  withDims(dims: readonly number[]): RawTensor {
    return new RawTensor(dims, this.#raw, this.#deferred);
  }

  #align(): Float32Array {
    if (this.#data !== null) return this.#data;
    if (this.#raw.byteOffset % 4 === 0 && !this.#isMissing()) {
      this.#data = new Float32Array(this.#raw.buffer, this.#raw.byteOffset, this.length);
    } else {
      this.#data = new Float32Array(this.length);
      this.read(0, this.#data);
    }
    return this.#data;
  }

  #isMissing(): boolean {
    return this.#deferred?.covers(this.#raw) === true;
  }

  read(first: number, target: Float32Array): void {
    const bytes = new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
    if (this.#isMissing()) this.#deferred!.read(this.#raw, first * 4, bytes);
    else bytes.set(this.#raw.subarray(first * 4, first * 4 + bytes.length));
  }
}
