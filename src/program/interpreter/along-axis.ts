// Commands that walk one axis, the last dim of their views: argReduce and cumulative.

import {CUMULATE, EXTREME} from '../../graph/functions.js';
import type {Command} from '../commands.js';
import {countReads, countWrites, elementOffsets, type Machine, resolve} from './machine.js';

/** The index of the largest or smallest element; one that is not a number is never it, unless it comes first. */
export function runArgReduce(command: Extract<Command, {op: 'argReduce'}>, machine: Machine): void {
  const x = resolve(machine, command.x);
  const y = resolve(machine, command.y);
  const xOffsets = elementOffsets(x);
  const yOffsets = elementOffsets(y);
  machine.counter.beginPass();
  countReads(machine.counter, x, xOffsets);
  countWrites(machine.counter, y, yOffsets);

  const sign = command.fn === EXTREME.max ? 1 : -1;
  const size = x.shape.at(-1)!;
  yOffsets.forEach((offset, row) => {
    const value = (i: number) => sign * x.data[xOffsets[row * size + i]!]!;
    let best = 0;
    for (let i = 1; i < size; i++) {
      if (value(i) > value(best) || (command.last === 1 && value(i) === value(best))) best = i;
    }
    y.data[offset] = best;
  });
}

/** Running sums or products; y may be x. */
export function runCumulative(
  command: Extract<Command, {op: 'cumulative'}>,
  machine: Machine,
): void {
  const x = resolve(machine, command.x);
  const y = resolve(machine, command.y);
  const xOffsets = elementOffsets(x);
  const yOffsets = elementOffsets(y);
  machine.counter.beginPass();
  countReads(machine.counter, x, xOffsets);
  countWrites(machine.counter, y, yOffsets);

  const isSum = command.fn === CUMULATE.sum;
  const size = x.shape.at(-1)!;
  let total = 0;
  xOffsets.forEach((offset, at) => {
    if (at % size === 0) total = isSum ? 0 : 1;
    const value = x.data[offset]!;
    const next = isSum ? total + value : total * value;
    y.data[yOffsets[at]!] = command.exclusive === 1 ? total : next;
    total = next;
  });
}
