// Schedules whose constants are written out, so that they can be compared.

import type {Schedule} from '../../src/schedule/schedule.js';
import type {Buffer} from '../../src/schedule/steps.js';

export function written(schedule: Schedule): Schedule {
  return {...schedule, buffers: schedule.buffers.map(writtenBuffer)};
}

function writtenBuffer(buffer: Buffer): Buffer {
  const {data, elements} = buffer;
  if (data === undefined || data instanceof Float32Array) return buffer;
  const contents = new Float32Array(elements);
  data.write(contents);
  return {...buffer, data: contents};
}
