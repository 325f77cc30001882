// Where taps meet the border of the input: tap ranges and border classes, one axis at a time.
//
// Trimming taps that would read padding is the ConvV2 half of C-K-S (arXiv:2306.15951): the MACs it saves are
// those of the "in-bounds" columns of the layer tables, exactly.

import type {Phase} from './phases.js';

/** A half-open interval of indices; empty when end <= start. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * The q in [0, count) for which 0 <= q * step + start < size.
 *
 * HUGE2 and C-K-S write it from the kernel index: lo = max(0, ceil((P - kD) / S)), and so on.
 */
export function tapRange(tap: {start: number; step: number; count: number; size: number}): Range {
  const start = Math.max(0, Math.ceil(-tap.start / tap.step));
  const end = Math.min(tap.count, Math.floor((tap.size - 1 - tap.start) / tap.step) + 1);
  return end > start ? {start, end} : {start: 0, end: 0};
}

/** A run of a phase's outputs with the run of its taps that all of them use. */
export interface Piece {
  readonly first: number;
  readonly count: number;
  /** The taps are phase.taps[tapFirst .. tapFirst + tapCount). */
  readonly tapFirst: number;
  readonly tapCount: number;
  /** No output of the piece reads outside the input. */
  readonly isInside: boolean;
}

/** The whole phase as one piece; taps that fall outside read zeros. Empty for a phase without outputs. */
export function wholePhase(phase: Phase, inputSize: number): Piece[] {
  const isInside = phase.taps.every(tap => {
    const {start, end} = rangeOf(phase, tap.inStart, inputSize);
    return end - start === phase.outCount;
  });
  if (phase.outCount === 0) return [];
  return [{first: 0, count: phase.outCount, tapFirst: 0, tapCount: phase.taps.length, isInside}];
}

/**
 * Splits a phase into its border classes: maximal runs of outputs with the same valid taps.
 *
 * Taps ascend, so the valid ones of an output are a run too. Adjacent pieces differ in their taps.
 */
export function borderClasses(phase: Phase, inputSize: number): Piece[] {
  const ranges = phase.taps.map(tap => rangeOf(phase, tap.inStart, inputSize));
  const cuts = new Set([0, phase.outCount, ...ranges.flatMap(range => [range.start, range.end])]);
  const sorted = [...cuts].sort((a, b) => a - b);

  return sorted.slice(0, -1).map((first, i) => {
    const valid = (range: Range): boolean => range.start <= first && first < range.end;
    const tapCount = ranges.filter(valid).length;
    const tapFirst = tapCount === 0 ? 0 : ranges.findIndex(valid);
    return {first, count: sorted[i + 1]! - first, tapFirst, tapCount, isInside: true};
  });
}

function rangeOf(phase: Phase, inStart: number, inputSize: number): Range {
  return tapRange({start: inStart, step: phase.inStep, count: phase.outCount, size: inputSize});
}
