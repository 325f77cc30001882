// Choosing how to run a convolution: the candidates that apply, and the cheapest or the one asked for.

import type {WinogradForm} from '../untangle/winograd.js';
import type {Candidate, DirectCandidate, ScheduleName} from './candidates/candidate.js';
import {
  cks,
  fusedPhases,
  fusedPhasesRefusal,
  fusedTaps,
  huge2,
  ks,
  planar,
  planarRefusal,
  uks,
} from './candidates/methods.js';
import {predictCandidate} from './candidates/predicted.js';
import type {ConvProblem} from './candidates/problem.js';
import {winograd, winogradRefusal, winogradVariants} from './candidates/tiled.js';
import {COST, clearlyCheapest} from './cost.js';

export {
  type Candidate,
  type CandidateStep,
  type DirectCandidate,
  SCHEDULES,
  type ScheduleName,
  type TapsStep,
} from './candidates/candidate.js';
export {type ConvProblem, convProblem} from './candidates/problem.js';

/**
 * The candidate of a schedule, or the cheapest one for 'auto'.
 *
 * A schedule that does not apply to this convolution gives way to the cheapest direct one. Winograd rounds more: to be
 * taken by 'auto' it has to win by more than a little. `forms` says how 'winograd' tiles what (see `ConvChoice`).
 */
export function chooseCandidate(
  problem: ConvProblem,
  schedule: ScheduleName,
  forms?: ReadonlyMap<string, WinogradForm>,
): Candidate {
  const isForced = schedule === 'winograd';
  const fast = schedule === 'auto' || isForced ? winograd(problem, forms) : null;
  if (isForced && fast !== null) return fast;
  const direct = chooseDirect(problem, schedule);
  if (fast === null) return direct;
  const isTaken = priceOf(problem, fast) < priceOf(problem, direct) * winogradShare(problem);
  return isTaken ? fast : direct;
}

/**
 * The candidate of a schedule that multiplies by the weights as they are, the cheapest one for all others.
 *
 * Depthwise convolutions have no GEMM whose phases could be fused or swept: they differ in padding only.
 */
export function chooseDirect(problem: ConvProblem, schedule: ScheduleName): DirectCandidate {
  if (problem.isDepthwise) return depthwiseCandidate(problem, schedule);
  switch (schedule) {
    case 'auto':
    case 'winograd':
      return cheapestDirect(problem);
    case 'fused-taps':
      return fusedTaps(problem);
    case 'fused-phases':
      return fusedPhases(problem) ?? cheapestDirect(problem);
    case 'planar':
      return planar(problem) ?? cheapestDirect(problem);
    case 'huge2':
      return huge2(problem);
    case 'ks':
      return ks(problem);
    case 'uks':
      return uks(problem);
    case 'cks':
      return cks(problem);
  }
}

/**
 * The cheapest direct candidate; near ties go to the one that moves the fewest bytes.
 *
 * 'fused-taps' already holds the best of 'uks' and 'cks', and 'ks' never beats 'uks'.
 */
function cheapestDirect(problem: ConvProblem): DirectCandidate {
  const options = [fusedTaps(problem), fusedPhases(problem), planar(problem), huge2(problem)]
    .filter(one => one !== null)
    .map(candidate => ({candidate, cost: priceOf(problem, candidate)}));
  return clearlyCheapest(options).candidate;
}

function winogradShare({target}: ConvProblem): number {
  return target === null ? COST.winogradShare : COST.predictedWinogradShare;
}

/** What candidates are compared by: nanoseconds on the board where there is one, else vector multiply-adds. */
export function priceOf(problem: ConvProblem, candidate: Candidate): number {
  const {target, device} = problem;
  return target === null || device !== 'cpu'
    ? candidate.cost
    : predictCandidate(problem, candidate, target).ns;
}

/** A schedule's candidate, or why it has none. */
export interface ScheduleOption {
  readonly schedule: ScheduleName;
  readonly candidate: Candidate | null;
  readonly refusal: string | null;
  /** With Winograd's tiles of one size: outputs of a tile along an axis. Null: of whatever sizes are cheapest. */
  readonly tile: number | null;
}

/** What every schedule would do. */
export function scheduleOptions(problem: ConvProblem): ScheduleOption[] {
  const option = (
    schedule: ScheduleName,
    candidate: Candidate | null,
    refusal: string | null = null,
    tile: number | null = null,
  ): ScheduleOption => ({schedule, candidate, refusal, tile});
  const isSwept = !problem.isDepthwise;
  return [
    option('fused-taps', fusedTaps(problem)),
    option('fused-phases', fusedPhases(problem), fusedPhasesRefusal(problem)),
    option('planar', isSwept ? planar(problem) : null, planarRefusal(problem)),
    option('winograd', winograd(problem), winogradRefusal(problem)),
    ...winogradVariants(problem).map(({tile, candidate}) =>
      option('winograd', candidate, null, tile),
    ),
    isSwept
      ? option('huge2', huge2(problem))
      : option('huge2', null, 'a depthwise convolution has no GEMM to sweep'),
    isSwept ? option('ks', ks(problem)) : option('ks', null, 'depthwise, it is the same as uks'),
    option('uks', uks(problem)),
    option('cks', cks(problem)),
  ];
}

function depthwiseCandidate(problem: ConvProblem, schedule: ScheduleName): DirectCandidate {
  if (schedule === 'cks') return cks(problem);
  return schedule === 'uks' || schedule === 'ks' ? uks(problem) : fusedTaps(problem);
}
