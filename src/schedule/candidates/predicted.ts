// A candidate's bytes at every level and its time on a board.

import {WEIGHT_BYTES} from '../../untangle/stored-weights.js';
import {readType} from '../counts.js';
import {predictConvNs} from '../predict.js';
import type {ConvWork} from '../traffic/conv-work.js';
import {trafficMachine} from '../traffic/machine.js';
import {convLoop, type LevelTraffic, levelTraffic, loopCrossings} from '../traffic/step-traffic.js';
import type {Candidate, CandidateStep} from './candidate.js';
import type {ConvProblem, Target} from './problem.js';

export interface PredictedCandidate {
  readonly ns: number;
  /** Of all steps, when the caches hold nothing before. */
  readonly levels: readonly LevelTraffic[];
}

/** Sums up the steps of a candidate. */
export function predictCandidate(
  problem: ConvProblem,
  candidate: Candidate,
  {board, threads}: Target,
): PredictedCandidate {
  const machine = trafficMachine(board, threads);
  const steps = candidate.steps.map(step => {
    const work = workOf(problem, step);
    const levels = levelTraffic(loopCrossings(convLoop(work, machine), machine));
    return {levels, ns: predictConvNs(work, board, machine, levels)};
  });
  return {
    ns: steps.reduce((sum, {ns}) => sum + ns, 0),
    levels: machine.boundaries.map(({from}, index) => ({
      from,
      readBytes: steps.reduce((sum, {levels}) => sum + levels[index]!.readBytes, 0),
      writtenBytes: steps.reduce((sum, {levels}) => sum + levels[index]!.writtenBytes, 0),
    })),
  };
}

function workOf({operands}: ConvProblem, step: CandidateStep): ConvWork {
  const {x, y, residual, hasActivation, weightType} = operands;
  const added = residual !== null && residual.buffer !== y.buffer ? residual : null;
  const {regions} = step;
  const weightBytes = WEIGHT_BYTES[readType(step.op, weightType)];
  const hasEpilogue = added !== null || hasActivation;
  const maps = {x, y, regions, residual: added, weightBytes, hasEpilogue};
  if (step.op === 'winograd') {
    const {form, scratchElements} = step;
    return {op: step.op, ...maps, form, scratchElements};
  }
  const {op, groups, fusedY, fusedX} = step;
  return {op, ...maps, groups, fusedY, fusedX};
}
