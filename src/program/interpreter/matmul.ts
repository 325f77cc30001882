// matmul: a [B, M, K] x b [B, K, N] -> y [B, M, N], neither constant.

import type {Command} from '../commands.js';
import {countReadAll, countWrites, elementOffsets, type Machine, resolve} from './machine.js';

export function runMatmul(command: Extract<Command, {op: 'matmul'}>, machine: Machine): void {
  const a = resolve(machine, command.a);
  const b = resolve(machine, command.b);
  const y = resolve(machine, command.y);
  const [batch, rows, depth] = a.shape as [number, number, number];
  const columns = b.shape[2]!;
  const aOffsets = elementOffsets(a);
  const bOffsets = elementOffsets(b);
  const yOffsets = elementOffsets(y);
  machine.counter.beginPass();
  countReadAll(machine.counter, a);
  countReadAll(machine.counter, b);
  countWrites(machine.counter, y, yOffsets);
  machine.counter.addMacs(batch * rows * columns * depth);

  for (let i = 0; i < batch * rows; i++) {
    const bFirst = Math.floor(i / rows) * depth * columns;
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let k = 0; k < depth; k++) {
        sum += a.data[aOffsets[i * depth + k]!]! * b.data[bOffsets[bFirst + k * columns + j]!]!;
      }
      y.data[yOffsets[i * columns + j]!] = sum;
    }
  }
}
