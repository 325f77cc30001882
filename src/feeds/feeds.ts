// What a caller may give for an input: the types, and nothing else.

import type {DataType} from '../onnx/model.js';

/** A Float16Array, which not every engine and TypeScript library has yet. */
export interface HalfArray extends ArrayLike<number> {
  readonly [Symbol.toStringTag]: 'Float16Array';
}

/** Arrays of numbers, one element per value. A Buffer is a Uint8Array: bytes from 0 to 255. */
export type Values =
  | Float32Array
  | Float64Array
  | HalfArray
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | readonly (number | bigint | boolean)[];

/** A dense tensor, row-major in `shape`. */
export interface TensorInput {
  readonly data: Values;
  readonly shape?: readonly number[] | undefined;
  /**
   * What the elements of `data` are; only needed where the array does not say: `float16` and `bfloat16` for their bits in a
   * Uint16Array, `bool` for a Uint8Array of zeros and ones.
   */
  readonly dtype?: DataType | undefined;
}

/**
 * A picture in RGBA bytes, row by row: an ImageData of a canvas, or the like.
 *
 * For inputs [1, C, H, W] and [1, H, W, C] (or without the 1) with 3 channels (alpha is dropped) or 4.
 */
export interface PictureInput {
  readonly data: Uint8ClampedArray | Uint8Array;
  readonly width: number;
  readonly height: number;
  /** The values that bytes 0 and 255 become; 0 and 1 unless given, and 0 and 255 for inputs of integers. */
  readonly range?: readonly [number, number] | undefined;
}

/** What an input may be given as. */
export type Feed = Values | TensorInput | PictureInput;

/** One entry per input name; a bare array must have exactly the input's number of values. */
export type Feeds = Readonly<Record<string, Feed>>;

/** What a constant may be given as; a number alone is a tensor of one element. */
export type ConstantFeed = number | Values | TensorInput;

/** What a feed is checked against. */
export interface Target {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
}
