// The candidate in Winograd's form: each kind of phases in a step of its own, what cannot be tiled beside them.

import type {PlanePhase} from '../../untangle/conv.js';
import type {WinogradForm} from '../../untangle/winograd.js';
import {COST} from '../cost.js';
import {addCounts} from '../counts.js';
import type {Candidate} from './candidate.js';
import {fusedTaps} from './methods.js';
import type {ConvProblem} from './problem.js';
import {planWinograd, tiledTaps, type WinogradCandidateStep} from './winograd.js';

/** Phases with as many taps along each axis. */
interface Kind {
  readonly taps: WinogradForm['taps'];
  readonly phases: readonly PlanePhase[];
}

/**
 * Tiles wherever it pays, or wherever it can be done when `isForced`; null when it is nowhere, or the sums have to be exact.
 */
export function winograd(problem: ConvProblem, isForced: boolean): Candidate | null {
  if (problem.isExact) return null;
  const tiled: WinogradCandidateStep[] = [];
  const taken = new Set<PlanePhase>();
  for (const {taps, phases} of kindsOf(problem)) {
    const step = planWinograd(problem, phases, taps);
    const pays = step.cost < fusedTaps({...problem, phases}).cost * COST.winogradShare;
    if (!pays && !isForced) continue;
    tiled.push(step);
    for (const phase of phases) taken.add(phase);
  }
  if (tiled.length === 0) return null;

  const rest = problem.phases.filter(phase => !taken.has(phase));
  const direct = rest.length > 0 ? fusedTaps({...problem, phases: rest}) : null;
  const steps = [...tiled, ...(direct?.steps ?? [])];
  return {
    name: 'winograd',
    steps,
    get counts() {
      return addCounts(steps.map(step => step.counts));
    },
    cost: tiled.reduce((sum, {cost}) => sum + cost, direct?.cost ?? 0),
  };
}

function kindsOf(problem: ConvProblem): Kind[] {
  const kinds = new Map<string, {taps: WinogradForm['taps']; phases: PlanePhase[]}>();
  for (const phase of problem.phases) {
    const taps = tiledTaps(problem, phase);
    if (taps === null) continue;
    const kind = kinds.get(taps.join()) ?? {taps, phases: []};
    kinds.set(taps.join(), kind);
    kind.phases.push(phase);
  }
  return [...kinds.values()];
}
