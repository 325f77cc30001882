// What the numbers were measured on.

import {spawnSync} from 'node:child_process';
import {describeMachine} from '../src/cli/machine.js';
import {cpuInfo, measure} from '../src/index.js';
import {ROOT} from './folders.js';
import type {Circumstances} from './results.js';

/** Limits of the machine on so many threads. */
export interface Peak {
  readonly threads: number;
  /** Of fused multiply-adds in registers. */
  readonly gflops: number;
  /** Of reads that no cache holds. */
  readonly readGbs: number;
}

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly isa: string;
  readonly peaks: readonly Peak[];
}

/** Others on the machine only make it look slower. */
const MEASUREMENTS = 3;

/** Measures the machine, about 0.6 s for each number of threads, and names it and this code. */
export function describeCircumstances(threads: readonly number[]): Circumstances {
  const {processor, cores, node} = describeMachine();
  const machine = {processor, cores, isa: cpuInfo().isa, peaks: threads.map(measurePeak)};
  return {machine, node, commit: describeCommit()};
}

function measurePeak(threads: number): Peak {
  const all = Array.from({length: MEASUREMENTS}, () => measure(threads));
  return {
    threads,
    gflops: Math.max(...all.map(({gflops}) => gflops)),
    readGbs: Math.max(...all.map(({readGbs}) => readGbs)),
  };
}

function describeCommit(): string {
  const git = (...args: string[]): string =>
    spawnSync('git', args, {cwd: ROOT, encoding: 'utf8'}).stdout?.trim() ?? '';
  const commit = git('rev-parse', '--short', 'HEAD');
  if (commit === '') return 'unknown';
  return git('status', '--porcelain', '--untracked-files=no') === '' ? commit : `${commit}+`;
}
