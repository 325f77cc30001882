// What a machine can do at most: the roof of the roofline (Williams, Waterman, Patterson, Communications of the ACM 52(4),
// 2009).

import type {CommandInfo} from '../program/program.js';
import type {Counts} from '../schedule/steps.js';
import {trafficBytes} from './traffic.js';

/** A memory from which operands come, and how fast. */
export interface RoofLevel {
  readonly name: string;
  /** GB/s over all threads together. */
  readonly gbs: number;
}

export interface Roof {
  /** The machine in words, for the reader. */
  readonly board: string;
  readonly threads: number;
  /** GFLOP/s of all threads together. */
  readonly gflops: number;
  /** From the nearest memory to the farthest; at least one. */
  readonly levels: readonly RoofLevel[];
}

/** The memory that arena traffic is held against: the farthest. */
export function farthest({levels}: Roof): RoofLevel {
  return levels.at(-1)!;
}

/** GFLOP/s that operands from `level` allow where every byte of them is used for `intensity` FLOP. */
export function attainable(roof: Roof, level: RoofLevel, intensity: number): number {
  return Math.min(roof.gflops, level.gbs * intensity);
}

/** FLOP per byte from which on arithmetic is what limits. */
export function ridge(roof: Roof, level: RoofLevel): number {
  return roof.gflops / level.gbs;
}

/** Milliseconds a command is expected to take: by the model of its board, or else the least that arithmetic and memory allow. */
export function predictedMs(roof: Roof, command: CommandInfo): number {
  return (command.predictedNs ?? boundNs(roof, command)) / 1e6;
}

function boundNs(roof: Roof, counts: Counts): number {
  const arithmetic = (2 * counts.macs) / roof.gflops;
  return Math.max(arithmetic, trafficBytes(counts) / farthest(roof).gbs);
}

/** What takes longest of a command: arithmetic, or the bytes of a memory, at every level where those are known. */
export function limitOf(roof: Roof, {macs, readBytes, writtenBytes, levels}: CommandInfo): string {
  const bounds = [
    ...(macs > 0 ? [{name: 'arithmetic', ns: (2 * macs) / roof.gflops}] : []),
    ...(levels ?? [{from: farthest(roof).name, readBytes, writtenBytes}]).map(level => ({
      name: level.from,
      ns:
        trafficBytes(level) / (roof.levels.find(({name}) => name === level.from)?.gbs ?? Infinity),
    })),
  ];
  return bounds.reduce((longest, one) => (one.ns > longest.ns ? one : longest)).name;
}
