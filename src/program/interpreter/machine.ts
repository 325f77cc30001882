// The interpreter's machine: memory slots as plain Float32Arrays, and views resolved onto them.

import {NONE, SLOT} from '../commands.js';
import type {DecodedProgram} from '../program.js';
import {AccessCounter} from './counter.js';

/** A view on a slot's memory: element i lies at data[offset + sum(i[d] * strides[d])]. */
export interface Operand {
  readonly slot: number;
  readonly data: Float32Array;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** What a command sees while it runs. */
export interface Machine {
  readonly program: DecodedProgram;
  /** Indexed by slot: arena, constants, then one per output, then one per input. */
  readonly slots: readonly Float32Array[];
  readonly counter: AccessCounter;
  /** Rows whose moments are being made, by the offset of their scratch. */
  readonly moments: Map<number, Float32Array[]>;
}

/** Allocates arena and outputs; `inputs` (one per input binding) are read where they are. */
export function createMachine(
  program: DecodedProgram,
  inputs: readonly Float32Array[],
  count: boolean,
): Machine {
  const slots: Float32Array[] = [];
  slots[SLOT.arena] = new Float32Array(program.arenaBytes / 4);
  slots[SLOT.constants] = program.constants;
  program.outputs.forEach((output, index) => {
    slots[SLOT.firstOutput + index] = new Float32Array(output.elements);
  });

  program.inputs.forEach((binding, index) => {
    const input = inputs[index];
    if (input?.length !== binding.elements) {
      throw new RangeError(
        `input ${index}: expected ${binding.elements} elements but received ${input?.length}`,
      );
    }
    slots[SLOT.firstOutput + program.outputs.length + index] = input;
  });

  return {
    program,
    slots,
    moments: new Map(),
    counter: new AccessCounter(
      slots.map(slot => slot.length),
      count,
    ),
  };
}

/** Resolves a view index that must not be NONE. */
export function resolve(machine: Machine, index: number): Operand {
  const view = machine.program.views[index];
  if (view === undefined) throw new RangeError(`view ${index} does not exist`);
  return {
    slot: view.slot,
    data: machine.slots[view.slot]!,
    offset: view.offsetBytes / 4,
    shape: view.shape,
    strides: view.strides,
  };
}

/** Resolves a view index; null for NONE. */
export function resolveOptional(machine: Machine, index: number): Operand | null {
  return index === NONE ? null : resolve(machine, index);
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The index into `data` of every element of `view`, in row-major order. */
export function elementOffsets(view: Operand): Int32Array {
  let offsets: Int32Array = Int32Array.of(view.offset);
  view.shape.forEach((size, axis) => {
    const stride = view.strides[axis]!;
    const inner = new Int32Array(offsets.length * size);
    for (let outer = 0, at = 0; outer < offsets.length; outer++) {
      for (let i = 0; i < size; i++) inner[at++] = offsets[outer]! + i * stride;
    }
    offsets = inner;
  });
  return offsets;
}

/** Counts a read of every listed element. */
export function countReads(counter: AccessCounter, view: Operand, offsets: Int32Array): void {
  if (!counter.enabled) return;
  for (const offset of offsets) counter.read(view.slot, offset, 1);
}

/** Counts a write of every listed element. */
export function countWrites(counter: AccessCounter, view: Operand, offsets: Int32Array): void {
  if (!counter.enabled) return;
  for (const offset of offsets) counter.write(view.slot, offset, 1);
}

/** Counts a read of all of a view; nothing for null. */
export function countReadAll(counter: AccessCounter, view: Operand | null): void {
  if (view !== null && counter.enabled) countReads(counter, view, elementOffsets(view));
}

/** The index into `data` of channel 0 of pixel (y, x) of a map [N, H, W, C]. */
export function pixelOffset(map: Operand, n: number, y: number, x: number): number {
  return map.offset + n * map.strides[0]! + y * map.strides[1]! + x * map.strides[2]!;
}
