// Checks of the convolution commands: every region, tap by tap, stays inside its maps.

import {PANEL, type Region, type RegionTap} from '../schedule/steps.js';
import {
  type Checker,
  ensure,
  optional,
  readable,
  requireDense,
  requireDenseChannels,
  requireMap,
  requireRank,
  requireShape,
  writable,
} from './validate-access.js';
import {type CommandOf, checkEpilogue} from './validate-commands.js';
import {checkPacked} from './validate-weights.js';

const MAX_PIXEL = 2 ** 28;

/** Extremes over a list of taps; 0 when it is empty. */
export interface TapBounds {
  readonly minDy: number;
  readonly maxDy: number;
  readonly minDx: number;
  readonly maxDx: number;
  readonly maxK: number;
}

/** The maps of a convolution, and what its regions may use of them. */
export interface Maps {
  readonly input: readonly [number, number];
  readonly output: readonly [number, number];
  readonly fused: readonly [number, number];
  /** Channels of one group of x. */
  readonly inChannels: number;
  /** Whether a row of x is contiguous, so that taps side by side may be merged. */
  readonly isRowDense: boolean;
  readonly kTotal: number;
}

/** Bounds of every distinct tap list; regions that share a list share the work. */
export function tapBounds(regions: readonly Region[]): Map<object, TapBounds> {
  const bounds = new Map<object, TapBounds>();
  for (const {taps} of regions) {
    if (!bounds.has(taps)) bounds.set(taps, boundsOf(taps));
  }
  return bounds;
}

function boundsOf(taps: readonly RegionTap[]): TapBounds {
  const [first] = taps;
  if (first === undefined) return {minDy: 0, maxDy: 0, minDx: 0, maxDx: 0, maxK: 0};
  let {dy: minDy, dy: maxDy, dx: minDx, dx: maxDx, k: maxK} = first;
  for (const {dy, dx, k} of taps) {
    minDy = Math.min(minDy, dy);
    maxDy = Math.max(maxDy, dy);
    minDx = Math.min(minDx, dx);
    maxDx = Math.max(maxDx, dx);
    maxK = Math.max(maxK, k);
  }
  return {minDy, maxDy, minDx, maxDx, maxK};
}

export function checkGemmTaps(checker: Checker, command: CommandOf<'gemmTaps'>): void {
  const {groups, fusedY, fusedX, kTotal} = command;
  const x = readable(checker, 'x', command.x);
  const y = writable(checker, 'y', command.y);
  const [xN, xH, xW, xC] = requireMap(checker, 'x', x);
  const [, yH, yW, yC] = requireMap(checker, 'y', y);
  requireShape(checker, 'y', y, [xN, yH, yW, yC]);
  checkChannels(checker, command);
  const isDivided = groups >= 1 && xC % groups === 0 && yC % groups === 0;
  ensure(checker, isDivided, () => `groups = ${groups} does not divide ${xC} and ${yC} channels`);
  ensure(checker, fusedY >= 1 && fusedX >= 1 && kTotal >= 1, () => 'fusedY, fusedX or kTotal is 0');

  const panels = Math.ceil((fusedY * fusedX * yC) / groups / PANEL);
  const columns = groups * panels * PANEL;
  const layout = {panels: groups * panels, rows: kTotal, width: PANEL};
  checkPacked(checker, command.weightsView, layout);
  checkEpilogue(checker, command, y, columns);
  checkRegions(checker, command, {
    input: [xH, xW],
    output: [yH, yW],
    fused: [fusedY, fusedX],
    inChannels: xC / groups,
    isRowDense: groups === 1 && (xW === 1 || x.strides[2] === xC),
    kTotal,
  });
}

export function checkDepthwise(checker: Checker, command: CommandOf<'depthwise'>): void {
  const x = readable(checker, 'x', command.x);
  const y = writable(checker, 'y', command.y);
  const [xN, xH, xW, channels] = requireMap(checker, 'x', x);
  const [, yH, yW] = requireMap(checker, 'y', y);
  requireShape(checker, 'y', y, [xN, yH, yW, channels]);
  checkChannels(checker, command);

  const weights = readable(checker, 'weights', command.weightsView);
  const kTotal = weights.shape.reduce((product, size) => product * size, 1) / channels;
  ensure(checker, Number.isInteger(kTotal), () => `weights are not rows of ${channels} channels`);
  requireDense(checker, 'weights', weights, kTotal * channels);
  checkEpilogue(checker, command, y, channels);
  checkRegions(checker, command, {
    input: [xH, xW],
    output: [yH, yW],
    fused: [1, 1],
    inChannels: 1,
    isRowDense: false,
    kTotal,
  });
}

/** Micro-kernels load and store whole vectors of channels. */
function checkChannels(checker: Checker, command: CommandOf<'gemmTaps' | 'depthwise'>): void {
  const {x, y, residualView} = command;
  requireDenseChannels(checker, 'x', readable(checker, 'x', x));
  requireDenseChannels(checker, 'y', readable(checker, 'y', y));
  const residual = optional(checker, 'residual', residualView);
  if (residual === null) return;
  requireRank(checker, 'residual', residual, 4);
  requireDenseChannels(checker, 'residual', residual);
}

/** Every region lies inside the maps, and no other command uses it. */
export function checkRegions(
  checker: Checker,
  command: CommandOf<'gemmTaps' | 'planarTaps' | 'depthwise' | 'winograd'>,
  maps: Maps,
): void {
  const {regionFirst, regionCount} = command;
  const {context} = checker;
  const {regions} = context.program;
  context.regionTotal += regionCount;
  ensure(
    checker,
    regionCount >= 1 &&
      regionFirst + regionCount <= regions.length &&
      context.regionTotal <= regions.length,
    () =>
      `regions ${regionFirst} to ${regionFirst + regionCount} of ${regions.length} are missing or used twice`,
  );
  for (let index = regionFirst; index < regionFirst + regionCount; index++) {
    const region = regions[index]!;
    const inner = {context, owner: `${checker.owner}, region ${index}`};
    checkOutputs(inner, region, maps);
    if (region.taps.length > 0) checkInputs(inner, region, maps);
  }
}

/** Counts and steps are positive and, unless cropped, every output pixel lies inside y. */
function checkOutputs(checker: Checker, region: Region, maps: Maps): void {
  const {outY, outX, outStepY, outStepX, countY, countX, inY, inX, inStepY, inStepX} = region;
  const isPositive = [outStepY, outStepX, countY, countX].every(value => value >= 1);
  ensure(checker, isPositive, () => 'a count or a step is 0');
  const [fusedY, fusedX] = maps.fused;
  const lastY = outY + (countY - 1) * outStepY + fusedY - 1;
  const lastX = outX + (countX - 1) * outStepX + fusedX - 1;
  requireSmall(checker, [outStepY, outStepX, countY, countX, inStepY, inStepX]);
  requireSmall(checker, [outY, outX, inY, inX, lastY, lastX]);
  // What is cropped away is computed all the same.
  const isBounded = countY <= maps.output[0] + fusedY && countX <= maps.output[1] + fusedX;
  ensure(checker, isBounded, () => `has ${countY} x ${countX} pixels for y [${maps.output}]`);
  const isInside = outY >= 0 && outX >= 0 && lastY < maps.output[0] && lastX < maps.output[1];
  ensure(
    checker,
    region.cropped || isInside,
    () => `writes y at (${outY}, ${outX}) to (${lastY}, ${lastX}), outside [${maps.output}]`,
  );
}

/** Executors compute pixels in 32 bits. */
function requireSmall(checker: Checker, values: readonly number[]): void {
  for (const value of values) {
    ensure(checker, Math.abs(value) <= MAX_PIXEL, () => `${value} is out of range for a pixel`);
  }
}

/** Weight rows exist and, unless reads are clipped, every input pixel lies inside x. */
function checkInputs(checker: Checker, region: Region, maps: Maps): void {
  const {kc} = region;
  const bounds = checker.context.tapBounds.get(region.taps)!;
  ensure(
    checker,
    bounds.maxK + kc <= maps.kTotal,
    () => `a tap reads weights past row ${maps.kTotal}`,
  );
  const merged = kc / maps.inChannels;
  const isRun = merged === 1 || (merged > 1 && Number.isInteger(merged) && maps.isRowDense);
  ensure(
    checker,
    isRun,
    () =>
      `kc = ${kc} is neither the ${maps.inChannels} channels of a group nor a run along a contiguous row`,
  );

  const firstY = region.inY + bounds.minDy;
  const lastY = region.inY + (region.countY - 1) * region.inStepY + bounds.maxDy;
  const firstX = region.inX + bounds.minDx;
  const lastX = region.inX + (region.countX - 1) * region.inStepX + bounds.maxDx + merged - 1;
  requireSmall(checker, [bounds.minDy, bounds.minDx, firstY, firstX, lastY, lastX]);
  const isInsideY = firstY >= 0 && lastY < maps.input[0];
  const isInsideX = firstX >= 0 && lastX < maps.input[1];
  // A run is read whole, so clipping cannot cut it: along x it stays inside even then.
  const isClipped = region.padded || region.perTap;
  const isInside = isClipped ? merged === 1 || isInsideX : isInsideY && isInsideX;
  ensure(
    checker,
    isInside,
    () => `reads x at (${firstY}, ${firstX}) to (${lastY}, ${lastX}), outside [${maps.input}]`,
  );
}
