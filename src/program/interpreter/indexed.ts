// gatherIndexed and scatterIndexed: elements found by indices that are values of the run.
//
// Which elements that are is not known before, so every output element (every update) counts one access of the table.

import {UntangleError} from '../../errors.js';
import {SCATTER} from '../../graph/functions.js';
import type {Command} from '../commands.js';
import type {DecodedProgram} from '../program.js';
import {
  countReadAll,
  countWrites,
  elementOffsets,
  type Machine,
  type Operand,
  resolve,
} from './machine.js';

type IndexedCommand = Extract<Command, {op: 'gatherIndexed' | 'scatterIndexed'}>;

export function runGatherIndexed(
  command: Extract<Command, {op: 'gatherIndexed'}>,
  machine: Machine,
): void {
  const x = resolve(machine, command.x);
  const y = resolve(machine, command.y);
  const yOffsets = elementOffsets(y);
  const found = tableOffsets(command, machine, {table: x, loops: y});
  machine.counter.beginPass();
  countReadAll(machine.counter, resolve(machine, command.indices));
  machine.counter.readUnseen(found.length);
  countWrites(machine.counter, y, yOffsets);
  found.forEach((from, i) => {
    y.data[yOffsets[i]!] = x.data[from]!;
  });
}

export function runScatterIndexed(
  command: Extract<Command, {op: 'scatterIndexed'}>,
  machine: Machine,
): void {
  const x = resolve(machine, command.x);
  const y = resolve(machine, command.y);
  const xOffsets = elementOffsets(x);
  const found = tableOffsets(command, machine, {table: y, loops: x});
  machine.counter.beginPass();
  countReadAll(machine.counter, x);
  countReadAll(machine.counter, resolve(machine, command.indices));
  if (command.fn !== SCATTER.set) machine.counter.readUnseen(found.length);
  machine.counter.writeUnseen(found.length);
  found.forEach((to, i) => {
    y.data[to] = joined(command.fn, y.data[to]!, x.data[xOffsets[i]!]!);
  });
}

function joined(fn: number, old: number, update: number): number {
  switch (fn) {
    case SCATTER.add:
      return old + update;
    case SCATTER.mul:
      return old * update;
    case SCATTER.min:
      return Math.min(old, update);
    case SCATTER.max:
      return Math.max(old, update);
    default:
      return update;
  }
}

/** Where in the table's data each element of the loops leads, in row-major order. */
function tableOffsets(
  command: IndexedCommand,
  machine: Machine,
  {table, loops}: {table: Operand; loops: Operand},
): number[] {
  const indices = resolve(machine, command.indices);
  const rank = loops.shape.length;
  const [sizes, strides] = [table.shape.slice(rank), table.strides.slice(rank)];
  const starts = elementOffsets({
    ...table,
    shape: loops.shape,
    strides: table.strides.slice(0, rank),
  });
  const entries = elementOffsets(indices);
  return Array.from(starts, (start, i) =>
    sizes.reduce((offset, size, k) => {
      const value = indices.data[entries[i * sizes.length + k]!]!;
      if (!Number.isInteger(value) || value < -size || value >= size)
        throw indexError(machine.program, {command, value, size});
      return offset + (value < 0 ? value + size : value) * strides[k]!;
    }, start),
  );
}

function indexError(
  {commands, explanation}: DecodedProgram,
  {command, value, size}: {command: Command; value: number; size: number},
): UntangleError {
  const at = commands.indexOf(command);
  const name = explanation.commands[at]?.name ?? `command ${at}`;
  return new UntangleError('ERR_INDEX_RANGE', [name, -size, size - 1, value], {
    node: name,
    index: value,
    size,
  });
}
