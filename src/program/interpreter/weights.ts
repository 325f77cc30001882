// Packed weights of any type, widened before they are used, and counted as they are stored.

import {type PanelLayout, SCALE_BYTES, WEIGHT_BYTES} from '../../untangle/stored-weights.js';
import type {Command} from '../commands.js';
import {countWrites, elementCount, elementOffsets, type Machine, resolve} from './machine.js';

/** Packed weights [panels][rows][width] as f32, `data` from `offset` on. */
export interface Weights {
  readonly data: Float32Array;
  readonly offset: number;
  /** Counts elements [first, first + count) of [panels][rows][width] as read, and the scales of all columns. */
  readonly countRead: (first: number, count: number) => void;
}

/** Resolves the weights of a command. */
export function resolveWeights(machine: Machine, index: number, layout: PanelLayout): Weights {
  const view = machine.program.views[index]!;
  const {counter} = machine;
  if (view.type === 'fp32') {
    const {data, offset, slot} = resolve(machine, index);
    return {data, offset, countRead: (at, count) => counter.read(slot, offset + at, count)};
  }
  const {panels, rows, width} = layout;
  const {buffer, byteOffset} = machine.slots[view.slot]!;
  const start = byteOffset + view.offsetBytes;
  const panelBytes = (elementCount(view.shape) / panels) * WEIGHT_BYTES[view.type];
  const data = new Float32Array(panels * rows * width);
  const widen = view.type === 'fp16' ? widenHalves : widenBytes;
  for (let panel = 0; panel < panels; panel++) {
    const target = data.subarray(panel * rows * width, (panel + 1) * rows * width);
    widen(buffer, start + panel * panelBytes, target, width);
  }
  const weights = counter.addSlot(data.length, WEIGHT_BYTES[view.type]);
  const scales = counter.addSlot(panels * width, SCALE_BYTES[view.type]);
  const countRead = (first: number, count: number) => {
    counter.read(weights, first, count);
    counter.read(scales, 0, panels * width);
  };
  return {data, offset: 0, countRead};
}

export function runWiden(command: Extract<Command, {op: 'widen'}>, machine: Machine): void {
  const y = resolve(machine, command.y);
  const [panels, rows, width] = y.shape as [number, number, number];
  machine.counter.beginPass();
  const {data, offset, countRead} = resolveWeights(machine, command.x, {panels, rows, width});
  const elements = panels * rows * width;
  countRead(0, elements);
  countWrites(machine.counter, y, elementOffsets(y));
  y.data.set(data.subarray(offset, offset + elements), y.offset);
}

/** IEEE half precision: sign, 5 bits of exponent, 10 of the fraction. */
function widenHalves(buffer: ArrayBufferLike, start: number, target: Float32Array): void {
  const halves = new Uint16Array(buffer, start, target.length);
  for (const [at, half] of halves.entries()) {
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    const magnitude =
      exponent === 0
        ? fraction * 2 ** -24
        : exponent === 31
          ? fraction === 0
            ? Infinity
            : NaN
          : (1024 + fraction) * 2 ** (exponent - 25);
    target[at] = half >> 15 === 1 ? -magnitude : magnitude;
  }
}

/** The scales of the columns, then rows of bytes. */
function widenBytes(
  buffer: ArrayBufferLike,
  start: number,
  target: Float32Array,
  width: number,
): void {
  const scales = new Float32Array(buffer, start, width);
  const bytes = new Int8Array(buffer, start + scales.byteLength, target.length);
  for (const [at, byte] of bytes.entries()) target[at] = byte * scales[at % width]!;
}
