// The candidate in Winograd's form: each kind of phases in a step of its own, what cannot be tiled beside them.

import {isDeep, type PlanePhase} from '../../untangle/conv.js';
import {
  isWinogradForm,
  WINOGRAD_PAIR,
  WINOGRAD_TILES,
  type WinogradForm,
} from '../../untangle/winograd.js';
import {formKey} from '../conv-choice.js';
import {clearlyCheapest} from '../cost.js';
import {addCounts} from '../counts.js';
import {type Region, WINOGRAD_CHANNELS} from '../steps.js';
import {type Candidate, type CandidateStep, candidate, type TapsStep} from './candidate.js';
import {cks, fusedTaps} from './methods.js';
import type {ConvProblem} from './problem.js';
import {planPairs, planWinograd, tiledTaps} from './winograd.js';

/** Phases with as many taps along each axis. */
interface Kind {
  readonly taps: WinogradForm['taps'];
  readonly phases: readonly PlanePhase[];
}

/** Steps that compute all outputs of a kind. */
interface TiledKind {
  readonly steps: readonly CandidateStep[];
  readonly cost: number;
}

/** Why nothing can be tiled; null where something can. */
export function winogradRefusal(problem: ConvProblem): string | null {
  const {isExact, device, groups, inChannels, plane} = problem;
  if (device !== 'cpu') return 'only on the CPU';
  if (isExact) return "only the convolution's own products may be summed";
  if (groups > 1) return 'there are groups';
  if (isDeep(plane)) return 'only for planes';
  if (inChannels > WINOGRAD_CHANNELS) return `more than ${WINOGRAD_CHANNELS} input channels`;
  return kindsOf(problem).length > 0 ? null : 'no phase has two or three taps along an axis';
}

/**
 * Tiles wherever it can be done; null when it is nowhere, or there is a refusal. Where `forms` are given, exactly those kinds
 * are tiled, in these forms.
 */
export function winograd(
  problem: ConvProblem,
  forms?: ReadonlyMap<string, WinogradForm>,
): Candidate | null {
  if (winogradRefusal(problem) !== null) return null;
  const tiled: TiledKind[] = [];
  const taken = new Set<PlanePhase>();
  for (const kind of kindsOf(problem)) {
    const {taps, phases} = kind;
    const form = forms?.get(formKey(taps));
    if (forms !== undefined && form === undefined) continue;
    const inPairs = form === undefined || form.tile === WINOGRAD_PAIR ? pairs(problem, kind) : [];
    const tiles =
      form !== undefined && inPairs.length > 0 ? [] : [planWinograd(problem, kind, form)];
    const whole = tiles.map((step): TiledKind => ({steps: [step], cost: step.cost}));
    tiled.push(clearlyCheapest([...whole, ...inPairs]));
    for (const phase of phases) taken.add(phase);
  }
  if (tiled.length === 0) return null;

  const rest = problem.phases.filter(phase => !taken.has(phase));
  const direct = rest.length > 0 ? [fusedTaps({...problem, phases: rest})] : [];
  const parts = [...tiled, ...direct];
  const steps = parts.flatMap<CandidateStep>(part => part.steps);
  return {
    name: 'winograd',
    steps,
    get counts() {
      return addCounts(steps.map(step => step.counts));
    },
    cost: parts.reduce((sum, {cost}) => sum + cost, 0),
  };
}

/** A tile of `tile` outputs an axis, wherever there is one. */
export interface WinogradVariant {
  readonly tile: number;
  readonly candidate: Candidate;
}

/** Winograd's form with tiles of one size in all kinds of phases that have such tiles. */
export function winogradVariants(problem: ConvProblem): WinogradVariant[] {
  if (winogradRefusal(problem) !== null) return [];
  const kinds = kindsOf(problem);
  return WINOGRAD_TILES.flatMap(tile => {
    const forms = kinds.map(({taps}): WinogradForm => ({tile, taps})).filter(isWinogradForm);
    const byKind = new Map(forms.map(form => [formKey(form.taps), form]));
    const candidate = byKind.size === 0 ? null : winograd(problem, byKind);
    return candidate === null ? [] : [{tile, candidate}];
  });
}

/** Pairs in tiles and the outputs between them directly; nothing where there are no pairs. */
function pairs(problem: ConvProblem, {taps, phases}: Kind): TiledKind[] {
  const step = planPairs(problem, phases, taps);
  if (step === null) return [];
  const direct = cks({...problem, phases});
  const [{regions, packedTaps, phaseTaps}] = direct.steps as [TapsStep];
  const done = new Set(step.regions.flatMap(outputsOf));
  const parts = regions.map(region => {
    const outputs = outputsOf(region);
    const isDone = outputs.map(output => done.has(output));
    return {region, isDone: isDone.every(Boolean), isMixed: new Set(isDone).size > 1};
  });
  if (parts.some(({isMixed}) => isMixed)) return [];
  const rest = parts.filter(({isDone}) => !isDone).map(({region}) => region);
  if (rest.length === 0) return [{steps: [step], cost: step.cost}];
  const between = candidate('cks', problem, [
    {regions: rest, packedTaps, phaseTaps, fusedY: 1, fusedX: 1},
  ]);
  return [{steps: [step, ...between.steps], cost: step.cost + between.cost}];
}

/** Pixels of a region, as keys. */
function outputsOf({outY, outX, outStepY, outStepX, countY, countX}: Region): string[] {
  const rows = Array.from({length: countY}, (_, index) => outY + index * outStepY);
  const columns = Array.from({length: countX}, (_, index) => outX + index * outStepX);
  return rows.flatMap(row => columns.map(column => `${row},${column}`));
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
