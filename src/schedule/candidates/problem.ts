// A convolution as the scheduler sees it: phases over views, without weights.

import type {Board} from '../../boards/board.js';
import type {ConvGeometry} from '../../graph/graph.js';
import {type PlaneConv, type PlanePhase, planeConv, untangleConv} from '../../untangle/conv.js';
import {WEIGHT_BYTES} from '../../untangle/stored-weights.js';
import {COST, type CostShape, planarCost, regionCost} from '../cost.js';
import {gpuStepCost} from '../cost-gpu.js';
import {type ConvOperands, readType} from '../counts.js';
import type {Device} from '../device.js';
import type {Fold} from '../map-view.js';
import {PANEL, type Region, type View} from '../steps.js';

export interface ConvProblem {
  readonly plane: PlaneConv;
  readonly phases: readonly PlanePhase[];
  /** Rows from one plane of x, and of y, to the next. */
  readonly pitch: {readonly input: number; readonly output: number};
  readonly groups: number;
  /** Channels per group. */
  readonly inChannels: number;
  readonly outChannels: number;
  /** One input and one output channel per group: lowered to depthwise steps. */
  readonly isDepthwise: boolean;
  /** Only methods that sum the products of the convolution itself; Winograd's sums others. */
  readonly isExact: boolean;
  readonly device: Device;
  /** Floats of scratch that Winograd's form should not exceed. */
  readonly scratchLimit: number;
  /** The board that candidates are priced for, and its threads; null: by the constants of `cost.ts`. */
  readonly target: Target | null;
  readonly operands: ConvOperands;
}

export interface Target {
  readonly board: Board;
  readonly threads: number;
}

/** The geometry of a matrix product x [1, 1, M, K] * w [K, N]. */
export const POINTWISE: ConvGeometry = {
  transposed: true,
  groups: 1,
  kernel: [1],
  strides: [1],
  dilations: [1],
  padBegin: [0],
};

/** How the rows of x and y are divided into planes. */
export interface Folds {
  readonly input: Fold;
  readonly output: Fold;
}

export interface ProblemOptions {
  readonly folds?: Folds | null | undefined;
  readonly isExact?: boolean | undefined;
  readonly device?: Device | undefined;
  readonly scratchLimit?: number | undefined;
  readonly target?: Target | null | undefined;
}

/** Untangles a convolution over views x [N, H, W, Cin] and y [N, OH, OW, Cout]; with three axes, rows are those of `folds`. */
export function convProblem(
  geometry: ConvGeometry,
  operands: ConvOperands,
  {
    folds = null,
    isExact = false,
    device = 'cpu',
    scratchLimit = Infinity,
    target = null,
  }: ProblemOptions = {},
): ConvProblem {
  const {groups} = geometry;
  const rank = geometry.kernel.length;
  const input = folds?.input ?? onePlane(operands.x);
  const output = folds?.output ?? onePlane(operands.y);
  const sizes = (fold: Fold, map: View) => [fold.depth, fold.height, map.shape[2]!].slice(-rank);
  const plane = planeConv(geometry, sizes(input, operands.x), sizes(output, operands.y));
  const inChannels = operands.x.shape[3]! / groups;
  const outChannels = operands.y.shape[3]! / groups;
  const isDepthwise = groups > 1 && inChannels === 1 && outChannels === 1;
  return {
    plane,
    phases: untangleConv(plane),
    pitch: {input: input.pitch, output: output.pitch},
    groups,
    inChannels,
    outChannels,
    isDepthwise,
    isExact,
    device,
    scratchLimit,
    target,
    operands,
  };
}

function onePlane(map: View): Fold {
  const height = map.shape[1]!;
  return {depth: 1, height, pitch: height};
}

/** Rows of packed weights per tap. */
export function rowsPerTap(problem: ConvProblem): number {
  return problem.isDepthwise ? 1 : problem.inChannels;
}

/** The cost of a step that runs `regions` with `fused` phases side by side. */
export function stepCost(problem: ConvProblem, regions: readonly Region[], fused: number): number {
  if (problem.device === 'cuda') return gpuStepCost(problem, regions, fused);
  return COST.stepOverhead + regionsCost(problem, regions, fused);
}

/** The cost of a planar step. */
export function planarStepCost(problem: ConvProblem, regions: readonly Region[]): number {
  return COST.stepOverhead + planarCost(regions, problem.operands);
}

/** The cost of regions inside a step. */
export function regionsCost(
  problem: ConvProblem,
  regions: readonly Region[],
  fused: number,
): number {
  const {groups, outChannels, isDepthwise, operands, device} = problem;
  if (device === 'cuda') return gpuStepCost(problem, regions, fused);
  const panels = isDepthwise
    ? Math.ceil(groups / PANEL)
    : groups * Math.ceil((fused * outChannels) / PANEL);
  const shape: CostShape = {
    batch: operands.y.shape[0]!,
    inputHeight: operands.x.shape[1]!,
    inputWidth: operands.x.shape[2]!,
    panels,
    weightBytes:
      WEIGHT_BYTES[readType(isDepthwise ? 'depthwise' : 'gemmTaps', operands.weightType)],
  };
  const outputs = regions.reduce((sum, {countY, countX}) => sum + countY * countX, 0);
  const storing = fused > 1 ? shape.batch * outputs * fused * COST.fusedStoring : 0;
  return regions.reduce((sum, region) => sum + regionCost(region, shape), storing);
}
