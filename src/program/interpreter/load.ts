// load: streamed weights copied to the arena; here at once, by the executor while other commands run.

import type {Command} from '../commands.js';
import {SLOT} from '../commands.js';
import type {Machine} from './machine.js';

/** @throws RangeError when the program was decoded without its streamed weights */
export function runLoad(command: Extract<Command, {op: 'load'}>, machine: Machine): void {
  const {data} = machine.program.streamed;
  if (data === null) throw new RangeError('the streamed weights are not there');
  const {offsetBytes, bytes, firstWord} = command;
  const arena = machine.slots[SLOT.arena]!;
  const start = firstWord * 4;
  new Uint8Array(arena.buffer, offsetBytes, bytes).set(data.subarray(start, start + bytes));
  machine.counter.beginPass();
  machine.counter.readUnseen(bytes / 4);
  machine.counter.writeUnseen(bytes / 4);
}
