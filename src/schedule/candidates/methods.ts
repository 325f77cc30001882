// The methods, each as a way to turn phases into regions. See docs/01-architecture.md for the table.

import {isDeep, isFlat, type PlanePhase, POINT_PHASE, planePhase} from '../../untangle/conv.js';
import {fuseAxis, fusedKernelIndexes, type WindowAxis} from '../../untangle/window.js';
import {clearlyCheapest} from '../cost.js';
import {PANEL, PLANAR, type Region} from '../steps.js';
import {candidate, type DirectCandidate, type ScheduleName, type StepPlan} from './candidate.js';
import {CUTS, type Cut, coverPhase, EXACT, PADDED} from './cover.js';
import {type ConvProblem, regionsCost, rowsPerTap} from './problem.js';

type Cover = (phase: PlanePhase, firstRow: number) => Region[];

/** HUGE2 (arXiv:1907.11210, section 3): one GEMM per tap, accumulating in the output. */
export function huge2(problem: ConvProblem): DirectCandidate {
  return singleStep('huge2', problem, (phase, firstRow) =>
    cover(problem, phase, firstRow, PADDED).map(region => ({
      ...region,
      perTap: region.taps.length > 0,
    })),
  );
}

/**
 * KS (arXiv:2209.03704): a launch per phase, all of the size of the largest; surplus outputs are dropped.
 *
 * Below the last row of a plane begins the next one, so planes have no surplus rows.
 */
export function ks(problem: ConvProblem): DirectCandidate {
  const {plane, phases} = problem;
  const steps = phases.map((phase): StepPlan => {
    const y = isDeep(plane)
      ? phase.y
      : {...phase.y, outCount: Math.ceil(plane.y.outputSize / phase.y.outStep)};
    const x = {...phase.x, outCount: Math.ceil(plane.x.outputSize / phase.x.outStep)};
    const regions = cover(problem, {...phase, y, x}, 0, PADDED);
    return {regions, ...tapsOf([phase]), fusedY: 1, fusedX: 1};
  });
  return candidate('ks', problem, steps);
}

/** UKS (arXiv:2502.20493): one launch, phases of their exact sizes, padding multiplied. */
export function uks(problem: ConvProblem): DirectCandidate {
  return singleStep('uks', problem, (phase, firstRow) => cover(problem, phase, firstRow, PADDED));
}

/** C-K-S (arXiv:2306.15951), ConvV2: taps trimmed at the border, no padding multiplied. */
export function cks(problem: ConvProblem): DirectCandidate {
  return singleStep('cks', problem, (phase, firstRow) => cover(problem, phase, firstRow, EXACT));
}

/**
 * Registers accumulate over all taps; each phase is cut the way that costs least.
 *
 * The longest regions come first: threads take items in order, and whoever comes last should find a short one.
 */
export function fusedTaps(problem: ConvProblem): DirectCandidate {
  const work = ({countY, countX, taps, kc}: Region) => countY * countX * taps.length * kc;
  const cut = (phase: PlanePhase, firstRow: number) =>
    cheapest(problem, 1, each => cover(problem, phase, firstRow, each));
  return singleStep('fused-taps', problem, cut, regions =>
    regions.toSorted((a, b) => work(b) - work(a)),
  );
}

/** Columns beyond this many no longer gain from fusing, and their window's zero weights only cost. */
const MOST_FUSED_COLUMNS = 512;

/** Why phases cannot be fused; null where they can. */
export function fusedPhasesRefusal({
  plane,
  groups,
  outChannels,
  isDepthwise,
}: ConvProblem): string | null {
  const fused = plane.y.stride * plane.x.stride;
  if (isDepthwise) return 'a depthwise convolution has no GEMM';
  if (!plane.transposed || fused === 1) return 'there is one phase';
  if (!isFlat(plane)) return 'only for planes';
  const columns = fused * outChannels * groups;
  if (columns <= MOST_FUSED_COLUMNS) return null;
  return `${columns} columns side by side, more than ${MOST_FUSED_COLUMNS}`;
}

/** All phases side by side in one GEMM over a window; null where there is a refusal. */
export function fusedPhases(problem: ConvProblem): DirectCandidate | null {
  if (fusedPhasesRefusal(problem) !== null) return null;
  const {plane} = problem;
  const fused = plane.y.stride * plane.x.stride;
  const axes = {y: fuseAxis(plane.y), x: fuseAxis(plane.x)};
  const phase = windowPhase(axes);
  const fusedY = plane.y.stride;
  const fusedX = plane.x.stride;
  const regions = cheapest(problem, fused, cut =>
    coverPhase(problem, phase, {cut, firstRow: 0, fusedY, fusedX, mergesTaps: true}),
  );
  const taps = phase.taps.map(({kernelIndex}) => {
    const width = axes.x.kernelIndexes.length;
    const y = axes.y.kernelIndexes[Math.floor(kernelIndex / width)]!;
    return fusedKernelIndexes(
      {y, x: axes.x.kernelIndexes[kernelIndex % width]!},
      plane.x.kernelSize,
    );
  });
  const phaseTaps = [taps.length];
  return candidate('fused-phases', problem, [
    {regions, packedTaps: taps, phaseTaps, fusedY, fusedX},
  ]);
}

/** Why pixels cannot lie in the vector lanes; null where they can. */
export function planarRefusal(problem: ConvProblem): string | null {
  const {plane, groups, outChannels, phases, device} = problem;
  if (device !== 'cpu') return 'only on the CPU';
  if (groups > 1) return 'there are groups';
  if (outChannels > PLANAR.channels) return `more than ${PLANAR.channels} output channels`;
  if (isDeep(plane)) return 'only for planes';
  if (phases.some(phase => phase.x.inStep !== 1)) return 'outputs step over columns of the input';
  const window = windowFloats(problem);
  if (window <= PLANAR.window) return null;
  return `the taps span ${window} floats a channel, more than ${PLANAR.window}`;
}

/** Pixels in the vector lanes instead of channels; null where there is a refusal. */
export function planar(problem: ConvProblem): DirectCandidate | null {
  if (planarRefusal(problem) !== null) return null;
  const whole = {cut: PADDED, fusedY: 1, fusedX: 1, mergesTaps: false};
  return singleStep('planar', problem, (phase, firstRow) =>
    coverPhase(problem, phase, {...whole, firstRow}),
  );
}

/** Packed floats of one channel over the rows and columns that the taps of all phases span. */
function windowFloats({phases}: ConvProblem): number {
  const span = (axis: 'y' | 'x'): number => {
    const starts = phases.flatMap(phase => phase[axis].taps.map(tap => tap.inStart));
    return starts.length > 0 ? Math.max(...starts) - Math.min(...starts) : 0;
  };
  return (span('y') + 1) * Math.ceil((PLANAR.tile + span('x')) / PANEL) * PANEL;
}

/** The window as a phase whose kernel indices number the window's taps. */
function windowPhase(axes: {y: WindowAxis; x: WindowAxis}): PlanePhase {
  const kernel = {
    height: axes.y.kernelIndexes.length,
    width: axes.x.kernelIndexes.length,
  };
  return planePhase({z: POINT_PHASE, y: axes.y.window, x: axes.x.window}, kernel);
}

function cover(problem: ConvProblem, phase: PlanePhase, firstRow: number, cut: Cut): Region[] {
  return coverPhase(problem, phase, {cut, firstRow, fusedY: 1, fusedX: 1, mergesTaps: true});
}

/** One step with the regions of all phases, over weights in phase-major order. */
function singleStep(
  name: ScheduleName,
  problem: ConvProblem,
  coverOf: Cover,
  order = (regions: readonly Region[]) => regions,
): DirectCandidate {
  const regions: Region[] = [];
  let firstRow = 0;
  for (const phase of problem.phases) {
    regions.push(...coverOf(phase, firstRow));
    firstRow += phase.taps.length * rowsPerTap(problem);
  }
  return candidate(name, problem, [
    {regions: order(regions), ...tapsOf(problem.phases), fusedY: 1, fusedX: 1},
  ]);
}

function tapsOf(phases: readonly PlanePhase[]): Pick<StepPlan, 'packedTaps' | 'phaseTaps'> {
  return {
    packedTaps: phases.flatMap(phase => phase.taps.map(tap => [tap.kernelIndex])),
    phaseTaps: phases.map(phase => phase.taps.length),
  };
}

/** The regions of the cheapest cut: all are alike where no tap leaves the input. */
function cheapest(
  problem: ConvProblem,
  fused: number,
  regionsOf: (cut: Cut) => Region[],
): Region[] {
  const whole = regionsOf(PADDED);
  if (!whole.some(({padded}) => padded)) return whole;
  const options = CUTS.map(cut => {
    const regions = cut === PADDED ? whole : regionsOf(cut);
    return {regions, cost: regionsCost(problem, regions, fused)};
  });
  return clearlyCheapest(options).regions;
}
