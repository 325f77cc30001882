// The arena over time: which block holds what, from which command to which.

import {bufferUses} from '../schedule/in-place.js';
import type {Schedule} from '../schedule/schedule.js';
import type {ArenaBlock} from './program.js';

/** Every block of the arena, in the order of first use. */
export function arenaBlocks({steps, buffers, inputs, offsetsBytes}: Schedule): ArenaBlock[] {
  const uses = bufferUses(
    steps,
    inputs.map(({buffer}) => buffer),
  );
  const blocks = buffers.flatMap(({id, storage, elements}): ArenaBlock[] => {
    const offsetBytes = offsetsBytes.get(id);
    if (offsetBytes === undefined) return [];
    const [firstCommand, lastCommand] = [uses.first.get(id)!, uses.last.get(id)!];
    const place = {offsetBytes, bytes: elements * 4, firstCommand, lastCommand};
    if (storage.kind === 'input')
      return [{name: inputs[storage.index]!.name, kind: 'input', ...place}];
    const {name, y} = steps[firstCommand]!;
    const isScratch = firstCommand === lastCommand && y.buffer !== id;
    return [{name, kind: isScratch ? 'scratch' : 'value', ...place}];
  });
  return blocks.sort((a, b) => a.firstCommand - b.firstCommand || a.offsetBytes - b.offsetBytes);
}
