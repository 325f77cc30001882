// What is worked out from results.

import type {Peak} from '../machine.js';
import type {ResultLine} from '../results.js';
import type {Results} from './collect.js';

export const OURS = 'ours';
export const ONNXRUNTIME = 'onnxruntime';

/** NaN when there are none. */
export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** Our time divided by that of `contender`; null where one of them is missing. */
export function ratioTo(
  results: Results,
  row: string,
  {contender, threads}: {readonly contender: string; readonly threads: number},
): number | null {
  const ours = results.find(row, OURS, threads);
  const other = results.find(row, contender, threads);
  return ours === undefined || other === undefined ? null : ours.msP50 / other.msP50;
}

/** Our time divided by that of the fastest peer of the row; null without one. */
export function ratioToBestPeer(results: Results, row: string, threads: number): number | null {
  const ratios = results.peers.flatMap(
    contender => ratioTo(results, row, {contender, threads}) ?? [],
  );
  return ratios.length === 0 ? null : Math.max(...ratios);
}

/** How near a result comes to what the machine can do. */
export interface Utilization {
  /** Of MACs that have to be computed, two operations each. */
  readonly gflops: number;
  readonly bound: 'compute' | 'memory';
  /** Of the measured peak or of the measured bandwidth, whichever bounds. Above 1: Winograd, or bytes from caches. */
  readonly share: number;
}

/**
 * Holds a result of ours against the machine's peaks (roofline, Williams et al. 2009).
 *
 * Compute bounds a row whose MACs take more than twice as long at the peak as its counted bytes at the bandwidth of reads: some of
 * those are written, which is slower.
 */
export function utilization(result: ResultLine, peaks: readonly Peak[]): Utilization | null {
  const peak = peaks.find(({threads}) => threads === result.threads);
  if (peak === undefined || result.counted === null) return null;
  const flops = 2 * result.macsInBounds;
  const bytes = result.counted.readBytes + result.counted.writtenBytes;
  const computeMs = flops / peak.gflops / 1e6;
  const memoryMs = bytes / peak.readGbs / 1e6;
  const bound = computeMs > 2 * memoryMs ? 'compute' : 'memory';
  return {
    gflops: flops / result.msP50 / 1e6,
    bound,
    share: (bound === 'compute' ? computeMs : memoryMs) / result.msP50,
  };
}
