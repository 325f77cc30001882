// Where a session runs, for whoever reads its times.

import {cpuInfo, gpuInfo} from '../index.js';
import type {Session} from '../runtime/session.js';

export interface Place {
  /** Such as "2 thread(s), avx2", or the GPU's name. */
  readonly text: string;
  readonly fields: Readonly<Record<string, string | number>>;
}

export function placeOf({device, threads}: Session): Place {
  if (device === 'cuda') {
    const info = gpuInfo();
    // The session runs, so there is one.
    const name = info.reason === undefined ? info.name : 'a GPU';
    return {text: name, fields: {device, gpu: name}};
  }
  const {isa} = cpuInfo();
  return {text: `${threads} thread(s), ${isa}`, fields: {device, threads, isa}};
}
