// Steps in order, offsets of their buffers out.

import {placeBuffers} from './arena.js';
import {bufferUses} from './in-place.js';
import {type Buffer, bufferBytes, type Step} from './steps.js';

/** Buffers and their places in the arena. */
export interface PlacedBuffers {
  /** The buffers in use, by id. */
  readonly buffers: readonly Buffer[];
  /** Byte offset of every arena buffer. */
  readonly offsetsBytes: ReadonlyMap<number, number>;
  readonly arenaPeakBytes: number;
  readonly arenaLowerBoundBytes: number;
  /** The step in which most arena bytes are alive. */
  readonly busiestStep: number;
}

/** Places what `steps` use of `buffers`; `inputs` are there before the first step. */
export function placeSteps(
  steps: readonly Step[],
  buffers: readonly Buffer[],
  inputs: readonly number[],
  checkTime?: () => void,
): PlacedBuffers {
  const uses = bufferUses(steps, inputs);
  const used = buffers.filter(buffer => uses.first.has(buffer.id));
  const arena = used.filter(({storage}) => storage.kind === 'arena' || storage.kind === 'input');
  const placement = placeBuffers(
    arena.map(buffer => ({
      bytes: bufferBytes(buffer),
      firstUse: uses.first.get(buffer.id)!,
      lastUse: uses.last.get(buffer.id)!,
    })),
    checkTime,
  );
  return {
    buffers: used,
    offsetsBytes: new Map(arena.map(({id}, index) => [id, placement.offsetsBytes[index]!])),
    arenaPeakBytes: placement.peakBytes,
    arenaLowerBoundBytes: placement.lowerBoundBytes,
    busiestStep: placement.busiestStep,
  };
}
