// Steps in order, offsets of their buffers out.

import {placeBuffers} from './arena.js';
import {bufferUses} from './in-place.js';
import type {Touch} from './lifetimes.js';
import {stepViews} from './step-views.js';
import {type Buffer, bufferBytes, type Step} from './steps.js';
import {elementCount, elementRange} from './view-math.js';

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
  const touches = touchesOf(steps, arena);
  const placement = placeBuffers(
    arena.map(buffer => ({
      bytes: bufferBytes(buffer),
      firstUse: uses.first.get(buffer.id)!,
      lastUse: uses.last.get(buffer.id)!,
      touches: touches.get(buffer.id),
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

const F32_BYTES = 4;

/** What every step touches of each buffer of floats. */
function touchesOf(
  steps: readonly Step[],
  buffers: readonly Buffer[],
): ReadonlyMap<number, readonly Touch[]> {
  const floats = buffers.filter(({type}) => type === undefined || type === 'fp32');
  const touches = new Map(floats.map(({id}): [number, Touch[]] => [id, []]));
  steps.forEach((step, index) => {
    for (const view of stepViews(step)) {
      const known = touches.get(view.buffer);
      if (known === undefined || elementCount(view.shape) === 0) continue;
      const {first, last} = elementRange(view);
      const [start, end] = [first * F32_BYTES, (last + 1) * F32_BYTES];
      const before = known.at(-1);
      if (before?.step !== index) known.push({step: index, start, end});
      else
        known[known.length - 1] = {
          step: index,
          start: Math.min(start, before.start),
          end: Math.max(end, before.end),
        };
    }
  });
  return touches;
}
