// Buffers while a schedule is being made: every block of memory that steps will name.

import {crc32} from 'node:zlib';
import type {Weights} from '../graph/weights.js';
import {type StoredWeights, storedElements} from '../untangle/stored-weights.js';
import type {Buffer, View} from './steps.js';
import {denseView, elementCount, identityOrder, type Order} from './view-math.js';

/** What lowering may ask for beyond the views of its operands. */
export interface StepBuilder {
  /** A flat view of a constant; equal contents share one buffer. */
  constant(data: Float32Array): View;
  /** A flat view of weights; the same weights packed alike share one buffer. */
  packed(weights: PackedConstant): View;
  /** A flat view of arena memory that one step uses while it runs. */
  scratch(elements: number): View;
}

/** Weights that are packed when the program is written. */
export interface PackedConstant {
  readonly weights: Weights;
  /** Says how they are packed. */
  readonly form: string;
  readonly stored: StoredWeights;
  readonly write: (target: Float32Array) => void;
}

/** The growing list of buffers of a schedule. */
export interface BufferList extends StepBuilder {
  readonly all: readonly Buffer[];
  /** A new arena buffer that holds `shape` densely in the memory order `order`. */
  arena(shape: readonly number[], order?: Order): View;
  /** A new arena buffer for a map [N, H, W, C] whose pixels lie apart where they would share cache sets (see `pixelPitch`). */
  map(shape: readonly number[]): View;
  /** The memory of input `index`, dense in logical order; never written. */
  input(index: number, shape: readonly number[]): View;
  /** The memory of output `index`, dense in logical order. */
  output(index: number, shape: readonly number[]): View;
}

export function createBuffers(): BufferList {
  const all: Buffer[] = [];
  const constantsByHash = new Map<string, Buffer[]>();
  const packedByValues = new Map<
    Weights['values'],
    {weights: Weights; form: string; view: View}[]
  >();

  const add = (buffer: Omit<Buffer, 'id'>): Buffer => {
    const added = {id: all.length, ...buffer};
    all.push(added);
    return added;
  };

  const arena = (shape: readonly number[], order: Order = identityOrder(shape.length)) =>
    denseView(add({storage: {kind: 'arena'}, elements: elementCount(shape)}).id, shape, order);

  return {
    all,
    arena,
    map(shape) {
      const pitched = shape.with(3, pixelPitch(shape[3]!));
      return {...arena(pitched), shape};
    },
    scratch: elements => arena([elements]),
    input: (index, shape) =>
      denseView(add({storage: {kind: 'input', index}, elements: elementCount(shape)}).id, shape),
    output: (index, shape) =>
      denseView(add({storage: {kind: 'output', index}, elements: elementCount(shape)}).id, shape),
    constant(data) {
      const hash = `${data.length}:${crc32(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))}`;
      const sameHash = constantsByHash.get(hash) ?? [];
      constantsByHash.set(hash, sameHash);
      let buffer = sameHash.find(known => sameBits(known.data as Float32Array, data));
      if (buffer === undefined) {
        buffer = add({storage: {kind: 'constant'}, elements: data.length, data});
        if (sameHash.length < MAX_SAME_HASH) sameHash.push(buffer);
      }
      return denseView(buffer.id, [data.length]);
    },
    packed({weights, form: packing, stored, write}) {
      const {type} = stored;
      const form = `${type} ${packing}`;
      const sameValues = packedByValues.get(weights.values) ?? [];
      packedByValues.set(weights.values, sameValues);
      const known = sameValues.find(
        other => other.form === form && isSameScale(other.weights.scale, weights.scale),
      );
      if (known !== undefined) return known.view;
      const elements = storedElements(type, stored);
      const {id} = add({storage: {kind: 'constant'}, elements, type, data: {write, stored}});
      const view = denseView(id, [elements]);
      sameValues.push({weights, form, view});
      return view;
    },
  };
}

/** Lines of a first-level cache that are this many bytes apart share a set, on x86 and most ARM cores. */
const CACHE_WAY_BYTES = 4096;
const CACHE_LINE_FLOATS = 16;

/**
 * Elements from a pixel of `channels` to the next: a line more where the rows of a register tile, a pixel each, would
 * all meet in one set of the cache and push one another out (2048 channels at rate 12: 6 % of the whole layer).
 */
function pixelPitch(channels: number): number {
  return (channels * 4) % CACHE_WAY_BYTES === 0 ? channels + CACHE_LINE_FLOATS : channels;
}

/** Constants compared before one is stored again: a file may be made of collisions. */
const MAX_SAME_HASH = 8;

function isSameScale(a: Weights['scale'], b: Weights['scale']): boolean {
  return a.input === b.input && a.output === b.output;
}

/** Bit equality, so that -0 and NaN keep their meaning. */
function sameBits(a: Float32Array, b: Float32Array): boolean {
  const words = (data: Float32Array) => new Uint32Array(data.buffer, data.byteOffset, data.length);
  const other = words(b);
  return words(a).every((word, index) => word === other[index]);
}
