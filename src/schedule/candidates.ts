// Choosing how to run a convolution: the candidates that apply, and the cheapest or the one asked for.

import type {Candidate, ScheduleName} from './candidates/candidate.js';
import {cks, fusedPhases, fusedTaps, huge2, ks, planar, uks} from './candidates/methods.js';
import type {ConvProblem} from './candidates/problem.js';
import {clearlyCheapest} from './cost.js';

export {
  type Candidate,
  type CandidateStep,
  SCHEDULES,
  type ScheduleName,
} from './candidates/candidate.js';
export {type ConvProblem, convProblem} from './candidates/problem.js';

/**
 * The candidate of a schedule, or the cheapest one for 'auto'.
 *
 * A schedule that does not apply to this convolution gives way to the cheapest. Depthwise convolutions have no GEMM
 * whose phases could be fused or swept: they differ in padding only.
 */
export function chooseCandidate(problem: ConvProblem, schedule: ScheduleName): Candidate {
  if (problem.isDepthwise) return depthwiseCandidate(problem, schedule);
  switch (schedule) {
    case 'auto':
      return cheapestCandidate(problem);
    case 'fused-taps':
      return fusedTaps(problem);
    case 'fused-phases':
      return fusedPhases(problem) ?? cheapestCandidate(problem);
    case 'planar':
      return planar(problem) ?? cheapestCandidate(problem);
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
 * The cheapest candidate; near ties go to the one that moves the fewest bytes.
 *
 * 'fused-taps' already holds the best of 'uks' and 'cks', and 'ks' never beats 'uks'.
 */
function cheapestCandidate(problem: ConvProblem): Candidate {
  return clearlyCheapest(
    [fusedTaps(problem), fusedPhases(problem), planar(problem), huge2(problem)].filter(
      one => one !== null,
    ),
  );
}

function depthwiseCandidate(problem: ConvProblem, schedule: ScheduleName): Candidate {
  if (schedule === 'cks') return cks(problem);
  return schedule === 'uks' || schedule === 'ks' ? uks(problem) : fusedTaps(problem);
}
