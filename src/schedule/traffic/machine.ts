// A board as the traffic model sees it: its caches, from one to the next, and the tiles of its kernels.

import type {Board, BoardCache, MemoryLevel} from '../../boards/board.js';
import {REGISTER_TILES, type RegisterTile} from './executor.js';
import type {ReuseCache} from './loops.js';

export interface CacheBoundary {
  /** What bytes come from, and go to, when they cross this cache. */
  readonly from: MemoryLevel;
  readonly cache: ReuseCache;
}

export interface TrafficMachine {
  readonly tile: RegisterTile;
  readonly threads: number;
  /** From the core outwards. */
  readonly boundaries: readonly CacheBoundary[];
}

/** `threads` threads on a board. */
export function trafficMachine(board: Board, threads: number): TrafficMachine {
  const isa = board.instructionSets.find(name => REGISTER_TILES[name] !== undefined) ?? 'scalar';
  const {caches} = board;
  return {
    tile: REGISTER_TILES[isa]!,
    threads,
    boundaries: caches.map((cache, index) => ({
      from: nameOf(caches[index + 1]),
      cache: {
        bytes: cache.bytes,
        ways: cache.ways,
        sharers: Math.min(threads, cache.sharedBy),
        copies: Math.max(1, Math.ceil(threads / cache.sharedBy)),
      },
    })),
  };
}

function nameOf(cache: BoardCache | undefined): MemoryLevel {
  return cache === undefined ? 'memory' : (`L${cache.level}` as MemoryLevel);
}
