// Why a convolution runs as it does: every schedule's candidate with its counts, or why it has none.

import {predictCandidate} from '../schedule/candidates/predicted.js';
import {
  type ConvProblem,
  priceOf,
  type ScheduleName,
  type ScheduleOption,
  scheduleOptions,
} from '../schedule/candidates.js';
import {COST} from '../schedule/cost.js';
import type {Choice} from '../schedule/lower/conv.js';
import type {Counts, View} from '../schedule/steps.js';
import type {LevelTraffic} from '../schedule/traffic/step-traffic.js';
import {denseView, elementCount} from '../schedule/view-math.js';

/** A schedule of a convolution, as `explain --why` lists it. */
export interface ExplainedCandidate {
  readonly schedule: ScheduleName;
  /** Winograd's form with tiles of so many outputs an axis wherever it can be; null: of the cheapest sizes. */
  readonly tile: number | null;
  readonly isChosen: boolean;
  /** Null where the schedule does not apply; `reason` says why. */
  readonly work: CandidateWork | null;
  readonly reason: string | null;
}

export interface CandidateWork extends Counts {
  readonly steps: number;
  readonly regions: number;
  /** Vector multiply-adds, copies to and from planes included: without a board the least is taken. */
  readonly cost: number;
  /** Elements that are copied to or from planes, because this schedule wants pixels. */
  readonly copiedElements: number;
  /** With a board: bytes at every level when the caches hold nothing before, and the time, by which the choice is made. */
  readonly levels?: readonly LevelTraffic[] | undefined;
  readonly predictedNs?: number | undefined;
}

export interface ExplainedChoice {
  readonly name: string;
  readonly candidates: readonly ExplainedCandidate[];
}

/** All schedules of a choice. */
export function explainChoice({name, problem, candidate}: Choice): ExplainedChoice {
  const pixels = asPixels(problem);
  const wantsPixels = (schedule: ScheduleName) => schedule !== 'planar' && pixels !== null;
  const options = scheduleOptions(pixels?.problem ?? problem).map(option =>
    option.schedule === 'planar' && pixels !== null
      ? scheduleOptions(problem).find(({schedule}) => schedule === 'planar')!
      : option,
  );
  return {
    name,
    candidates: options.map((option): ExplainedCandidate => {
      const {schedule, refusal, tile} = option;
      const copiedElements = wantsPixels(schedule) ? pixels!.copied : 0;
      const at = wantsPixels(schedule) ? pixels!.problem : problem;
      return {
        schedule,
        tile,
        isChosen: schedule === candidate.name && tile === null,
        work: workOf(at, option, copiedElements),
        reason: option.candidate === null ? (refusal ?? 'it does not apply') : null,
      };
    }),
  };
}

function workOf(
  problem: ConvProblem,
  {candidate}: ScheduleOption,
  copiedElements: number,
): CandidateWork | null {
  if (candidate === null) return null;
  const {macs, readBytes, writtenBytes} = candidate.counts;
  const {target} = problem;
  const predicted = target === null ? null : predictCandidate(problem, candidate, target);
  return {
    steps: candidate.steps.length,
    regions: candidate.steps.reduce((sum, {regions}) => sum + regions.length, 0),
    macs,
    readBytes,
    writtenBytes,
    cost: Math.round(candidate.cost + copiedElements * COST.layoutCopy),
    copiedElements,
    ...(predicted === null
      ? {}
      : {levels: predicted.levels, predictedNs: Math.round(priceOf(problem, candidate))}),
  };
}

/** The same convolution over maps of pixels, where its maps lie in planes because it was to be planar; else null. */
function asPixels(
  problem: ConvProblem,
): {readonly problem: ConvProblem; readonly copied: number} | null {
  const {operands} = problem;
  const isPixels = ({strides, shape}: View) => strides[3] === 1 || shape[3] === 1;
  const maps = [operands.x, operands.y];
  if (maps.every(isPixels)) return null;
  const [x, y] = maps.map(map => denseView(map.buffer, map.shape)) as [View, View];
  const residual =
    operands.residual && denseView(operands.residual.buffer, operands.residual.shape);
  const copied = maps
    .filter(map => !isPixels(map))
    .reduce((sum, {shape}) => sum + elementCount(shape), 0);
  return {problem: {...problem, operands: {...operands, x, y, residual}}, copied};
}
