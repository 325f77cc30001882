// The bytes of a step that cross each cache.

import {WEIGHT_BYTES} from '../../untangle/stored-weights.js';
import {weightRows} from '../counts.js';
import {isConvStep} from '../step-views.js';
import {type ConvStep, PANEL, type Step, type View} from '../steps.js';
import {elementCount} from '../view-math.js';
import {type ConvWork, F32_BYTES, type Runner, type TapsWork} from './conv-work.js';
import {gemmRegionLoop} from './gemm.js';
import {LINE_BYTES, pixelBytes} from './lines.js';
import {addBytes, type Bytes, type Crossing, crossing, type Loop, nameParts} from './loops.js';
import type {CacheBoundary, TrafficMachine} from './machine.js';
import {planarLoop} from './planar.js';
import {depthwiseLoop, sweepLoop, sweptViews} from './sweeps.js';
import {winogradLoops} from './winograd.js';

/** Operands that all threads read. */
const SHARED: ReadonlySet<string> = new Set(['weights', 'kernel']);

/** Bytes that cross a cache, in whole lines. */
export interface LevelTraffic {
  /** Where they come from and go to. */
  readonly from: CacheBoundary['from'];
  /** Fetched; lines that are going to be written too. */
  readonly readBytes: number;
  readonly writtenBytes: number;
  /** Those of them that are written past the caches without being fetched first. */
  readonly streamedBytes?: number | undefined;
}

/** What crosses one cache, operand by operand, when it holds nothing before. */
export interface StepCrossing extends Crossing {
  /** Distinct bytes of the operands. */
  readonly whole: Bytes;
  readonly from: CacheBoundary['from'];
}

/** The loop over a whole convolution step. */
export function convLoop(work: ConvWork, runner: Runner): Loop {
  if (work.op === 'planarTaps') return planarLoop(work, runner);
  const parts = convParts(work, runner);
  return {trips: 1, whole: wholeOf(work, parts), writes: ['y'], body: parts};
}

/** The parts of a step, one after the other. */
function convParts(work: Exclude<ConvWork, {op: 'planarTaps'}>, runner: Runner): Loop[] {
  if (work.op === 'winograd')
    return winogradLoops(work, runner).map((loop, kernel) =>
      nameParts(loop, {weights: `weights ${kernel}`, y: `y ${kernel}`}),
    );
  // Narrow pixels of several phases share lines of y.
  const isNarrow = work.y.shape[3]! * F32_BYTES < LINE_BYTES;
  return work.regions.map((region, index) => {
    const loop =
      work.op === 'depthwise' ? depthwiseLoop(work, region) : gemmRegionLoop(work, region, runner);
    const {outY, outX, outStepY, outStepX} = region;
    const phase = `weights ${mod(outY, outStepY)},${mod(outX, outStepX)}`;
    return nameParts(loop, {weights: phase, ...(isNarrow ? {} : {y: `y ${index}`})});
  });
}

function mod(value: number, by: number): number {
  return ((value % by) + by) % by;
}

/** The operands of parts that follow one another: maps are the same ones, weights are each part's own. */
function wholeOf(work: ConvWork, parts: readonly Loop[]): Bytes {
  const {x, y} = work;
  const sum = new Map(addBytes(parts.map(({whole}) => whole)));
  const largest = (operand: string) =>
    Math.max(0, ...parts.map(({whole}) => whole.get(operand) ?? 0));
  for (const operand of ['factors', 'sums', 'kernel', 'workspace']) {
    if (sum.has(operand)) sum.set(operand, largest(operand));
  }
  const weights = work.op === 'winograd' ? Infinity : allWeightBytes(work);
  const most = {x: mapBytes(x), y: mapBytes(y), residual: mapBytes(y), weights};
  for (const [operand, bytes] of Object.entries(most)) {
    if (sum.has(operand)) sum.set(operand, Math.min(sum.get(operand)!, bytes));
  }
  return sum;
}

function allWeightBytes(work: TapsWork): number {
  const {op, y, regions, groups, fusedY, fusedX} = work;
  const channels = y.shape[3]!;
  const columns = (channels / groups) * fusedY * fusedX;
  const width = op === 'depthwise' ? channels : groups * Math.ceil(columns / PANEL) * PANEL;
  return weightRows(regions) * width * work.weightBytes;
}

function mapBytes(map: View): number {
  const [batch, rows, columns, channels] = map.shape as [number, number, number, number];
  return batch * pixelBytes(map, {rows, columns, channels});
}

/** What crosses each cache of the machine. */
export function loopCrossings(loop: Loop, {boundaries}: TrafficMachine): StepCrossing[] {
  return boundaries.map(({from, cache}) => {
    const {bytes, dirty, fits} = crossing(loop, cache, SHARED);
    return {from, bytes: addBytes([bytes]), dirty: addBytes([dirty]), fits, whole: loop.whole};
  });
}

/** The bytes of crossings; `kept` has, for each, the part of an operand that the cache holds already. */
export function levelTraffic(
  crossings: readonly StepCrossing[],
  {streams = false, kept}: {streams?: boolean; kept?: readonly Bytes[]} = {},
): LevelTraffic[] {
  return crossings.map(({from, bytes, dirty}, index) => {
    let readBytes = 0;
    let writtenBytes = 0;
    const streamedBytes = streams ? (bytes.get('y') ?? 0) : 0;
    for (const [operand, all] of bytes) {
      const count = Math.max(0, all - (kept?.[index]?.get(operand) ?? 0));
      if (streams && operand === 'y') continue;
      readBytes += count;
      // What is fetched no more need not go back either.
      writtenBytes += Math.min(count, dirty.get(operand) ?? 0);
    }
    return {
      from,
      readBytes: Math.round(readBytes),
      writtenBytes: Math.round(writtenBytes + streamedBytes),
      ...(streamedBytes > 0 ? {streamedBytes: Math.round(streamedBytes)} : {}),
    };
  });
}

/** The loop over a step. */
export function stepLoop(step: Step, runner: Runner): Loop {
  return isConvStep(step) ? convLoop(convWork(step), runner) : sweepLoop(step);
}

/** What crosses each cache when none holds anything before. */
export function stepTraffic(step: Step, machine: TrafficMachine): LevelTraffic[] {
  return levelTraffic(loopCrossings(stepLoop(step, machine), machine));
}

/** The views behind the operands of a step. */
export function operandViews(step: Step): {readonly operand: string; readonly view: View}[] {
  if (!isConvStep(step)) return sweptViews(step);
  const {residual} = step.epilogue;
  return [
    {operand: 'x', view: step.x},
    {operand: 'weights', view: step.weights},
    ...(residual === null || residual.buffer === step.y.buffer
      ? []
      : [{operand: 'residual', view: residual}]),
    {operand: 'y', view: step.y},
  ];
}

export function convWork(step: ConvStep): ConvWork {
  const {x, y, regions, epilogue} = step;
  const {residual, activation} = epilogue;
  const isAdded = residual !== null && residual.buffer !== y.buffer;
  const weightBytes = 'weightType' in step ? WEIGHT_BYTES[step.weightType] : F32_BYTES;
  const maps = {x, y, weightBytes, regions, residual: isAdded ? residual : null};
  const hasEpilogue = isAdded || activation.fn !== 'identity';
  if (step.op === 'winograd')
    return {
      op: 'winograd',
      ...maps,
      hasEpilogue,
      form: step.form,
      scratchElements: elementCount(step.scratch.shape),
    };
  const fused =
    step.op === 'gemmTaps'
      ? {groups: step.groups, fusedY: step.fusedY, fusedX: step.fusedX}
      : {groups: 1, fusedY: 1, fusedX: 1};
  return {op: step.op, ...maps, hasEpilogue, ...fused} satisfies TapsWork;
}
