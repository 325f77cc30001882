// The roof of the machine this runs on, measured.

import {cpuInfo, measure} from '../index.js';
import {describeMachine} from './machine.js';
import type {Roof} from './roof.js';

/** About 200 ms. @throws ERR_ADDON_MISSING */
export function measuredRoof(threads: number): Roof {
  const {gflops, readGbs} = measure(threads);
  return {
    board: `${describeMachine().processor} (${cpuInfo().isa}), measured`,
    threads,
    gflops,
    levels: [{name: 'memory', gbs: readGbs}],
  };
}
