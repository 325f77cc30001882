// The roof of a board, from its profile or measured here.

import {type Board, MEMORY_LEVELS, peakOf} from '../boards/board.js';
import {cpuInfo, measure, readBoard} from '../index.js';
import {describeMachine} from './machine.js';
import type {Roof} from './roof.js';

/**
 * The roof of the board that is named, or of this machine, which takes 200 ms to measure.
 *
 * @throws ERR_OPTION, ERR_FILE_*, ERR_ADDON_MISSING
 */
export async function findRoof(board: string | undefined, threads: number): Promise<Roof> {
  return board === undefined ? measuredRoof(threads) : boardRoof(await readBoard(board), threads);
}

/** What the profile says of as many threads, or of the next fewer. */
export function boardRoof(board: Board, threads: number): Roof {
  const {gflops, gbs} = peakOf(board, threads);
  const levels = MEMORY_LEVELS.flatMap(name => {
    const rate = gbs[name];
    return rate === undefined ? [] : [{name, gbs: rate}];
  });
  return {board: `${board.name} (${board.source})`, threads, gflops, levels};
}

function measuredRoof(threads: number): Roof {
  const {gflops, readGbs} = measure(threads);
  return {
    board: `${describeMachine().processor} (${cpuInfo().isa}, measured)`,
    threads,
    gflops,
    levels: [{name: 'memory', gbs: readGbs}],
  };
}
