// Choosing how to run a convolution: the candidates that apply, and the cheapest or the one asked for.

import type {WinogradForm} from '../untangle/winograd.js';
import type {Candidate, DirectCandidate, ScheduleName} from './candidates/candidate.js';
import {cks, fusedPhases, fusedTaps, huge2, ks, planar, uks} from './candidates/methods.js';
import type {ConvProblem} from './candidates/problem.js';
import {winograd} from './candidates/tiled.js';
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
  const direct = chooseDirect(problem, schedule);
  const isForced = schedule === 'winograd';
  const fast = schedule === 'auto' || isForced ? winograd(problem, isForced, forms) : null;
  if (fast === null) return direct;
  const isTaken = isForced || fast.cost < direct.cost * COST.winogradShare;
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
  return clearlyCheapest(
    [fusedTaps(problem), fusedPhases(problem), planar(problem), huge2(problem)].filter(
      one => one !== null,
    ),
  );
}

function depthwiseCandidate(problem: ConvProblem, schedule: ScheduleName): DirectCandidate {
  if (schedule === 'cks') return cks(problem);
  return schedule === 'uks' || schedule === 'ks' ? uks(problem) : fusedTaps(problem);
}
