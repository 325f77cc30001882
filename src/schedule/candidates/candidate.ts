// A candidate: one way to run a convolution, as data; priced, counted, and ready to be packed.

import type {PackedTaps} from '../../untangle/pack.js';
import {addCounts, type ConvWork, countConv, once} from '../counts.js';
import type {Counts, Region} from '../steps.js';
import {type ConvProblem, planarStepCost, rowsPerTap, stepCost} from './problem.js';
import type {WinogradCandidateStep} from './winograd.js';

/** The published methods and the project's own; 'auto' lets the cost model choose for each layer. */
export const SCHEDULES = [
  'auto',
  'fused-taps',
  'fused-phases',
  'planar',
  'winograd',
  'huge2',
  'ks',
  'uks',
  'cks',
] as const;

export type ScheduleName = (typeof SCHEDULES)[number];

/** A step that runs regions over taps; its weights are packed from `packedTaps`. */
export interface TapsStep extends ConvWork {
  readonly packedTaps: PackedTaps;
  /** How many of them belong to each phase, one after the other. */
  readonly phaseTaps: readonly number[];
  readonly kTotal: number;
  readonly counts: Counts;
}

export type CandidateStep = TapsStep | WinogradCandidateStep;

export interface Candidate<AnyStep extends CandidateStep = CandidateStep> {
  readonly name: ScheduleName;
  readonly steps: readonly AnyStep[];
  readonly counts: Counts;
  /** In the units of `cost.ts`; comparable between candidates of one convolution. */
  readonly cost: number;
}

/** A candidate that sums the products of the convolution itself. */
export type DirectCandidate = Candidate<TapsStep>;

/** Regions over weights packed in the order of `packedTaps`. */
export interface StepPlan {
  readonly regions: readonly Region[];
  readonly packedTaps: PackedTaps;
  /** How many of them belong to each phase. */
  readonly phaseTaps: readonly number[];
  /** 1 and 1 unless phases are fused. */
  readonly fusedY: number;
  readonly fusedX: number;
}

/** Prices and counts the steps of a candidate. */
export function candidate(
  name: ScheduleName,
  problem: ConvProblem,
  plans: readonly StepPlan[],
): DirectCandidate {
  const steps = plans.map((plan): TapsStep => {
    const work: ConvWork = {
      op: problem.isDepthwise ? 'depthwise' : name === 'planar' ? 'planarTaps' : 'gemmTaps',
      regions: plan.regions,
      groups: problem.groups,
      fusedY: plan.fusedY,
      fusedX: plan.fusedX,
    };
    // A step whose taps all lie in padding keeps one of zeros: weights are never empty.
    const isEmpty = plan.packedTaps.length === 0;
    const none = [Array<number>(plan.fusedY * plan.fusedX).fill(-1)];
    const packedTaps = isEmpty ? none : plan.packedTaps;
    const phaseTaps = isEmpty ? [1] : plan.phaseTaps;
    const kTotal = packedTaps.length * rowsPerTap(problem);
    const counts = once(() => countConv(work, problem.operands));
    return {
      ...work,
      packedTaps,
      phaseTaps,
      kTotal,
      get counts() {
        return counts();
      },
    };
  });

  return {
    name,
    steps,
    get counts() {
      return addCounts(steps.map(step => step.counts));
    },
    cost: plans.reduce((sum, plan) => sum + planCost(name, problem, plan), 0),
  };
}

function planCost(name: ScheduleName, problem: ConvProblem, plan: StepPlan): number {
  return name === 'planar'
    ? planarStepCost(problem, plan.regions)
    : stepCost(problem, plan.regions, plan.fusedY * plan.fusedX);
}
