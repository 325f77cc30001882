// The lines of a result file: what `run.ts` writes and `report.ts` reads.

import {readFileSync} from 'node:fs';
import type {Machine} from './machine.js';

/** Where and of what a line was measured. */
export interface Circumstances {
  readonly machine: Machine;
  readonly node: string;
  /** Of the repository; "+" when files were changed since. */
  readonly commit: string;
}

/** What our own explain() counts, per run. */
export interface Counted {
  readonly macs: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly arenaPeakBytes: number;
}

/** One contender on one row with one number of threads. */
export interface ResultLine extends Circumstances {
  readonly kind: 'result';
  readonly shape: string;
  readonly family: string;
  readonly contender: string;
  readonly isPeer: boolean;
  /** As the contender says; empty where it does not. */
  readonly version: string;
  readonly threads: number;
  readonly msP50: number;
  readonly msP90: number;
  readonly runs: number;
  /** Runs come in turns, between those of the others. */
  readonly turns: number;
  /** Turns whose threads waited for a core however often they were repeated. */
  readonly dirtyTurns: number;
  /** Whether the output was that of the first contender, to rounding. */
  readonly matches: boolean;
  /** 2 for each MAC of the usual formula. */
  readonly flops: number;
  readonly macsInBounds: number;
  /** Ours only. */
  readonly counted: Counted | null;
  /** Time divided by that of the fastest peer in the same rounds; null without peers. */
  readonly ratioToBestPeer: number | null;
}

/** A contender that did not run a row, or any row ("*"). */
export interface SkipLine {
  readonly kind: 'skip';
  readonly shape: string;
  readonly contender: string;
  readonly reason: string;
}

/** Instructions of one run of ours on one thread. */
export interface InstructionLine extends Circumstances {
  readonly kind: 'instructions';
  readonly shape: string;
  readonly family: string;
  readonly isa: string;
  /** What counted them. */
  readonly tool: string;
  readonly instructions: number;
  readonly macsInBounds: number;
}

export type Line = ResultLine | SkipLine | InstructionLine;

export function readLines(file: string): Line[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as Line);
}

/** Adds to each result its ratio to the fastest peer among those given: one row, one number of threads. */
export function withRatios(results: readonly ResultLine[]): ResultLine[] {
  const peers = results.filter(({isPeer, matches}) => isPeer && matches);
  const best = Math.min(...peers.map(({msP50}) => msP50));
  return results.map(result => ({
    ...result,
    ratioToBestPeer: peers.length === 0 ? null : result.msP50 / best,
  }));
}
