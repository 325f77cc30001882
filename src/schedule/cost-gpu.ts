// What a step costs on a GPU, in nanoseconds of a board of the Orin class: launches, and the larger of arithmetic and traffic.

import type {BoardGpu} from '../boards/board.js';
import type {ConvProblem} from './candidates/problem.js';
import type {Counts, Region, View} from './steps.js';
import {elementCount} from './view-math.js';

/** The constants of the model, from public data of the Orin NX 16GB; others have the same order of preferences. */
export const GPU_COST = {
  /** From one launch to the next on the device. */
  launchNs: 4000,
  /** Fused multiply-adds of all cores: 1024 at 0.92 GHz. */
  macsPerNs: 940,
  /** Memory bandwidth, both directions together. */
  bytesPerNs: 102,
  /** Rows and columns of the smallest tiles: what is less is computed all the same. */
  tileRows: 16,
  tileColumns: 16,
} as const;

const BYTES = 4;

/**
 * The cost of a step that runs `regions` with `fused` phases side by side: one launch, or for swept regions one per tap, or
 * one per phase between two others where its patches are gathered.
 */
export function gpuStepCost(
  problem: ConvProblem,
  regions: readonly Region[],
  fused: number,
): number {
  const {launchNs} = GPU_COST;
  const {macsPerNs, bytesPerNs} = gpuRates(problem.target?.board.gpu);
  const launches = gathersPatches(problem, regions)
    ? 2 + regions.length
    : regions.reduce((sum, {perTap, taps}) => sum + (perTap ? taps.length : 0), 1);
  const macs = regions.reduce((sum, region) => sum + regionMacs(problem, region, fused), 0);
  return (
    launches * launchNs +
    Math.max(macs / macsPerNs, stepBytes(problem, regions, fused) / bytesPerNs)
  );
}

/** What a GPU reaches: its profile's figures, as far as they are known. */
function gpuRates(gpu: BoardGpu | null | undefined): {macsPerNs: number; bytesPerNs: number} {
  const fp32 = gpu?.gflops.fp32 ?? null;
  return {
    macsPerNs: fp32 === null ? GPU_COST.macsPerNs : fp32 / 2,
    bytesPerNs: gpu?.gbs ?? GPU_COST.bytesPerNs,
  };
}

/** The time of a step with these counts on a board's GPU. */
export function predictGpuNs({macs, readBytes, writtenBytes}: Counts, gpu: BoardGpu): number {
  const {macsPerNs, bytesPerNs} = gpuRates(gpu);
  const moving = (readBytes + writtenBytes) / bytesPerNs;
  return GPU_COST.launchNs + Math.max(macs / macsPerNs, moving);
}

/** With the rows and columns that fill up the last tiles. */
function regionMacs(problem: ConvProblem, region: Region, fused: number): number {
  const {tileRows, tileColumns} = GPU_COST;
  const pixels = problem.operands.y.shape[0]! * region.countY * region.countX;
  if (problem.isDepthwise) return pixels * region.taps.length * problem.groups;
  const rows = Math.ceil(pixels / tileRows) * tileRows;
  const columns = Math.ceil((problem.outChannels * fused) / tileColumns) * tileColumns;
  return rows * columns * problem.groups * region.taps.length * region.kc;
}

/** Floats of the matrices of what the taps of every region read. */
function patchElements({groups, operands}: ConvProblem, regions: readonly Region[]): number {
  return regions.reduce(
    (sum, {countY, countX, taps, kc}) =>
      sum + operands.y.shape[0]! * countY * countX * taps.length * kc * groups,
    0,
  );
}

/** Whether swept regions are a product per phase, of gathered patches (native/gpu/plan_patches.cc): no more than their weights. */
function gathersPatches(problem: ConvProblem, regions: readonly Region[]): boolean {
  const {groups, outChannels, isDepthwise} = problem;
  if (isDepthwise || !regions.some(({perTap}) => perTap)) return false;
  const rows = regions.reduce((sum, {taps, kc}) => sum + taps.length * kc, 0);
  return patchElements(problem, regions) <= rows * outChannels * groups;
}

/** Maps and weights once; for every tap of a swept region the sums there and back, or patches and sums once each way. */
function stepBytes(problem: ConvProblem, regions: readonly Region[], fused: number): number {
  const {groups, outChannels, isDepthwise, operands} = problem;
  const columns = isDepthwise ? 1 : outChannels * fused;
  const gathers = gathersPatches(problem, regions);
  const swept = regions.reduce(
    (sum, {perTap, taps, countY, countX}) => {
      const outputs = operands.y.shape[0]! * countY * countX * groups * outChannels;
      return sum + (perTap ? 2 * (gathers ? 1 : taps.length - 1) * outputs : 0);
    },
    gathers ? 2 * patchElements(problem, regions) : 0,
  );
  const weights = regions.reduce((sum, {taps, kc}) => sum + taps.length * kc, 0) * columns * groups;
  return BYTES * (mapElements(operands.x) + mapElements(operands.y) + weights + swept);
}

function mapElements(map: View): number {
  return elementCount(map.shape);
}
