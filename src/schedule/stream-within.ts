// Which weights to stream: as few as a budget asks for.

import type {Schedule} from './schedule.js';
import {bufferBytes} from './steps.js';
import {streamable, streamWeights} from './stream.js';

/** What is read at once, in the order tried: two of them are held. */
const CHUNK_BYTES = [22, 21, 20, 19, 18, 17, 16].map(power => 2 ** power);

/** All that can be streamed is, in the largest chunks. */
export function streamAll(planned: Schedule, checkTime?: () => void): Schedule {
  const streamed = new Set(streamable(planned).map(({id}) => id));
  return streamWeights(planned, {streamed, chunkBytes: CHUNK_BYTES[0]!}, checkTime);
}

/**
 * Streams the largest constants, as few of them and in as large chunks as fit; the schedule that comes closest when none fits.
 *
 * @param exceeds whether a schedule takes too much memory
 */
export function streamWithin(
  planned: Schedule,
  exceeds: (planned: Schedule) => boolean,
  checkTime?: () => void,
): Schedule {
  const candidates = streamable(planned);
  let closest = planned;
  for (const chunkBytes of CHUNK_BYTES) {
    const first = (count: number) =>
      streamWeights(
        planned,
        {streamed: new Set(candidates.slice(0, count).map(({id}) => id)), chunkBytes},
        checkTime,
      );
    let best = first(candidates.length);
    if (heldBytes(best) < heldBytes(closest)) closest = best;
    if (exceeds(best)) continue;
    for (let least = 1, most = candidates.length; least < most; ) {
      const middle = Math.floor((least + most) / 2);
      const fewer = first(middle);
      if (exceeds(fewer)) {
        least = middle + 1;
      } else {
        most = middle;
        best = fewer;
      }
    }
    return best;
  }
  return closest;
}

/** What differs between schedules that stream differently. */
function heldBytes({buffers, arenaPeakBytes}: Schedule): number {
  return buffers
    .filter(({storage}) => storage.kind === 'constant')
    .reduce((sum, buffer) => sum + bufferBytes(buffer), arenaPeakBytes);
}
