// What a run returns: typed arrays by the type of the output, of the session's making or the caller's.

import {UntangleError} from '../errors.js';
import {describeType} from '../feeds/describe.js';
import type {Port} from '../program/program.js';

type OutputType = Port['dtype'];

/** The array that holds each type; bool is 0 or 1. */
export interface OutputArrays {
  readonly float32: Float32Array;
  readonly int8: Int8Array;
  readonly uint8: Uint8Array;
  readonly int16: Int16Array;
  readonly uint16: Uint16Array;
  readonly int32: Int32Array;
  readonly uint32: Uint32Array;
  readonly int64: BigInt64Array;
  readonly uint64: BigUint64Array;
  readonly bool: Uint8Array;
}
export type OutputArray = OutputArrays[OutputType];

export const OUTPUT_ARRAYS = {
  float32: Float32Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const satisfies {
  readonly [Type in OutputType]: new (
    count: number,
  ) => OutputArrays[Type];
};

/** A dense result, row-major in `shape` (ONNX order); the caller owns `data`. Every floating type is float32. */
export interface TensorOutput<Type extends OutputType = 'float32'> {
  readonly data: OutputArrays[Type];
  readonly shape: readonly number[];
  readonly dtype: Type;
}

export type TensorOutputs = Readonly<
  Record<string, {[Type in OutputType]: TensorOutput<Type>}[OutputType]>
>;

/** A new array for `count` values of `dtype`. */
export function createOutput(dtype: OutputType, count: number): OutputArray {
  return new OUTPUT_ARRAYS[dtype](count);
}

/**
 * Writes `values` into `target`, which has the same length. Integers are whole numbers, so nothing is rounded.
 */
export function storeValues(values: Float32Array, target: OutputArray): void {
  if (target instanceof BigInt64Array || target instanceof BigUint64Array) {
    storeLong(values, target);
  } else {
    target.set(values);
  }
}

/** 64-bit integers by their halves: a BigInt for each value would cost more than computing most of them. */
function storeLong(values: Float32Array, target: BigInt64Array | BigUint64Array): void {
  const halves = new Int32Array(target.buffer, target.byteOffset, target.length * 2);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    halves[2 * i] = value;
    halves[2 * i + 1] = Math.floor(value / 2 ** 32);
  }
}

/** Arrays that a caller wants outputs written to, by output name. */
export type OutputBuffers = Readonly<Record<string, OutputArray>>;

/**
 * The array given for each port, in order; undefined where none was. Lengths are not looked at.
 *
 * @throws ERR_OPTION, ERR_OUTPUT_NAME
 */
export function checkOutputBuffers(
  ports: readonly Port[],
  given: unknown,
): readonly (OutputArray | undefined)[] {
  if (given === undefined) return ports.map(() => undefined);
  if (typeof given !== 'object' || given === null)
    throw optionError('outputs', 'an object of output name to typed array', describeType(given));
  for (const name of Object.keys(given)) {
    if (ports.some(port => port.name === name)) continue;
    const known = ports.map(port => `"${port.name}"`).join(', ');
    throw new UntangleError('ERR_OUTPUT_NAME', [name, known]);
  }
  return ports.map(port => {
    if (!Object.hasOwn(given, port.name)) return undefined;
    return checkBuffer(port, (given as Readonly<Record<string, unknown>>)[port.name]);
  });
}

function checkBuffer({name, dtype}: Port, array: unknown): OutputArray {
  const ArrayType = OUTPUT_ARRAYS[dtype];
  if (array instanceof ArrayType) return array;
  throw optionError(`outputs.${name}`, `a ${ArrayType.name}`, describeType(array));
}

/** @throws ERR_OPTION when `array` has not the length of the output */
export function checkLength({name}: Port, array: OutputArray, count: number): void {
  if (array.length === count) return;
  const expected = `a ${array.constructor.name} of ${count} values`;
  throw optionError(`outputs.${name}`, expected, `one of ${array.length}`);
}

interface MemoryRange {
  readonly buffer: ArrayBufferLike;
  readonly start: number;
  readonly end: number;
}

/** Memory that runs of this thread have not finished writing. */
const claimed = new Set<MemoryRange>();

/**
 * Reserves the memory of `arrays` for one run; returns the function that frees it.
 *
 * @throws ERR_OPTION when two of them overlap, or one with that of a run in flight
 */
export function claimBuffers(
  ports: readonly Port[],
  arrays: readonly (OutputArray | undefined)[],
): () => void {
  const own: MemoryRange[] = [];
  const release = () => {
    for (const range of own) claimed.delete(range);
  };
  for (const [index, array] of arrays.entries()) {
    if (array === undefined) continue;
    const {buffer, byteOffset: start, byteLength} = array;
    const range = {buffer, start, end: start + byteLength};
    for (const other of claimed) {
      if (other.buffer !== buffer || other.end <= range.start || range.end <= other.start) continue;
      release();
      const received = 'memory that another output of a run in flight is written to';
      throw optionError(`outputs.${ports[index]!.name}`, 'memory of its own', received);
    }
    claimed.add(range);
    own.push(range);
  }
  return release;
}

/**
 * Copies `values` to an array of the caller's.
 *
 * @throws ERR_OPTION when its memory was transferred or resized meanwhile
 */
export function deliver(values: Float32Array, {name}: Port, target: OutputArray): void {
  if (target.length !== values.length) {
    const expected = `an array that keeps its ${values.length} values during the run`;
    throw optionError(`outputs.${name}`, expected, `one that has ${target.length} now`);
  }
  storeValues(values, target);
}

/** Whether the executor may write straight into `array`: memory that nobody can take away during a run. */
export function isPinned(array: OutputArray): array is Float32Array {
  return array instanceof Float32Array && array.buffer instanceof SharedArrayBuffer;
}

function optionError(name: string, expected: string, received: string): UntangleError {
  return new UntangleError('ERR_OPTION', [name, expected, received]);
}
