// What was decided for a convolution, found again for the next that is like it: bands of one map, plans of one graph.

import type {ConvGeometry} from '../../graph/graph.js';
import type {WinogradForm} from '../../untangle/winograd.js';
import {type Candidate, chooseCandidate, type ScheduleName} from '../candidates.js';
import type {ConvOperands} from '../counts.js';
import type {View} from '../steps.js';
import {type ConvProblem, convProblem, type ProblemOptions} from './problem.js';

export interface Decision {
  readonly problem: ConvProblem;
  readonly candidate: Candidate;
}

/** Decisions for one board, by all else that they depend on. */
export type Decisions = Map<string, Decision>;

/** A convolution and what may be done about it. */
export interface Question {
  readonly geometry: ConvGeometry;
  readonly operands: ConvOperands;
  readonly options: ProblemOptions;
  readonly schedule: ScheduleName;
  readonly forms?: ReadonlyMap<string, WinogradForm> | undefined;
}

/** The decision of `chooseCandidate`, made once for convolutions that differ in nothing but their buffers. */
export function decide(known: Decisions, question: Question): Decision {
  const key = keyOf(question);
  const found = known.get(key);
  if (found !== undefined) return found;
  const problem = convProblem(question.geometry, question.operands, question.options);
  const candidate = chooseCandidate(problem, question.schedule, question.forms);
  const decision = {problem, candidate};
  known.set(key, decision);
  return decision;
}

function keyOf({geometry, operands, options, schedule, forms}: Question): string {
  const {x, y, residual, ...flags} = operands;
  const {target: _, ...how} = options;
  // Where a residual lies matters beside what it shares elements with.
  const isShared = residual !== null && residual.buffer === x.buffer;
  const places = [steps(x), steps(y), residual && steps(residual)];
  const offsets = isShared ? [x.offset, residual.offset] : [];
  return JSON.stringify([geometry, places, offsets, flags, how, schedule, [...(forms ?? [])]]);
}

function steps({shape, strides}: View) {
  return [shape, strides];
}
