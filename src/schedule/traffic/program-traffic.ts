// What crosses each cache in every step of a program that runs again and again: what a step left there need not be fetched anew.

import type {Buffer, Step, View} from '../steps.js';
import {elementCount, elementRange} from '../view-math.js';
import {F32_BYTES} from './conv-work.js';
import {EXECUTOR} from './executor.js';
import {type Bytes, type ReuseCache, residentShare} from './loops.js';
import type {TrafficMachine} from './machine.js';
import {
  type LevelTraffic,
  levelTraffic,
  loopCrossings,
  operandViews,
  type StepCrossing,
  stepLoop,
} from './step-traffic.js';

/** The parts of a schedule that say where views lie. */
export interface PlacedSteps {
  readonly steps: readonly Step[];
  readonly buffers: readonly Buffer[];
  readonly offsetsBytes: ReadonlyMap<number, number>;
}

/** Some memory that is touched as a whole. */
interface Range {
  readonly space: string;
  readonly first: number;
  readonly last: number;
  /** Bytes of it that are touched. */
  readonly bytes: number;
}

/** A step's operands and what it keeps for itself. */
interface Touched {
  readonly step: Step;
  readonly crossings: readonly StepCrossing[];
  readonly ranges: readonly {readonly operand: string; readonly range: Range}[];
  /** Of all ranges. */
  readonly bytes: number;
  /** The same while y is swept once: phases sweep the rows of y that are theirs, one phase after the other. */
  readonly sweepBytes: number;
}

/** The levels of every step, in the steady state. */
export function programTraffic(placed: PlacedSteps, machine: TrafficMachine): LevelTraffic[][] {
  const buffers = new Map(placed.buffers.map(buffer => [buffer.id, buffer]));
  const touched = placed.steps.map(step => touchedBy(step, placed, machine, buffers));
  return touched.map((now, index) => {
    // The steps before, back to this one in the run before.
    const past = [...touched.slice(index), ...touched.slice(0, index)].reverse();
    const kept = now.crossings.map((_, level) =>
      keptBytes(now, past, machine.boundaries[level]!.cache),
    );
    const {storage} = buffers.get(now.step.y.buffer)!;
    const streams = isStreamed(now.step, storage.kind === 'output');
    return levelTraffic(now.crossings, {kept, streams});
  });
}

function touchedBy(
  step: Step,
  placed: PlacedSteps,
  machine: TrafficMachine,
  buffers: ReadonlyMap<number, Buffer>,
): Touched {
  const crossings = loopCrossings(stepLoop(step, machine), machine);
  const whole = crossings[0]?.whole ?? new Map<string, number>();
  const ranges = operandViews(step).map(({operand, view}) => ({
    operand,
    range: rangeOf(view, whole.get(operand), placed, buffers),
  }));
  const scratch = scratchOf(step, whole, placed);
  const all = scratch === null ? ranges : [...ranges, {operand: SCRATCH, range: scratch}];
  const bytes = sumBytes(all);
  const y = all.find(({operand}) => operand === 'y')?.range.bytes ?? 0;
  return {step, crossings, ranges: all, bytes, sweepBytes: bytes - y * (1 - 1 / phaseRows(step))};
}

function sumBytes(ranges: Touched['ranges']): number {
  return ranges.reduce((sum, {range}) => sum + range.bytes, 0);
}

/** Phases along y that are not computed together. */
function phaseRows(step: Step): number {
  if (step.op !== 'gemmTaps' && step.op !== 'depthwise') return 1;
  if (step.op === 'gemmTaps' && step.fusedY > 1) return 1;
  return Math.max(1, ...step.regions.map(({outStepY}) => outStepY));
}

/** What a step keeps for itself, as one range. */
const SCRATCH = 'scratch';
const SCRATCH_OPERANDS = ['workspace', 'factors', 'sums', 'kernel'] as const;

/** Arena memory of Winograd's form, or a thread's workspace. */
function scratchOf(step: Step, whole: Bytes, {offsetsBytes}: PlacedSteps): Range | null {
  const bytes = SCRATCH_OPERANDS.reduce((sum, one) => sum + (whole.get(one) ?? 0), 0);
  if (bytes === 0) return null;
  const offset = step.op === 'winograd' ? offsetsBytes.get(step.scratch.buffer) : undefined;
  const first = offset ?? 0;
  const space = offset === undefined ? 'workspace' : 'arena';
  return {space, first, last: first + bytes, bytes};
}

/** Whether y is written past the caches. */
function isStreamed({op, ...step}: Step, isOutput: boolean): boolean {
  if (!isOutput || elementCount(step.y.shape) < EXECUTOR.streamedFloats) return false;
  const strides = step.y.strides;
  return op === 'planarTaps' && strides[2] === 1;
}

function rangeOf(
  view: View,
  touched: number | undefined,
  {offsetsBytes}: PlacedSteps,
  buffers: ReadonlyMap<number, Buffer>,
): Range {
  const {first, last} = elementRange(view);
  const {storage} = buffers.get(view.buffer)!;
  const offset = offsetsBytes.get(view.buffer);
  const isArena = storage.kind === 'arena' && offset !== undefined;
  const start = isArena ? offset : 0;
  const length = (last - first + 1) * F32_BYTES;
  return {
    space: isArena ? 'arena' : `buffer ${view.buffer}`,
    first: start + first * F32_BYTES,
    last: start + (last + 1) * F32_BYTES,
    bytes: Math.min(touched ?? length, length),
  };
}

/** Of each operand of a step, what the cache still holds from the steps before, the latest first. */
function keptBytes(now: Touched, past: readonly Touched[], cache: ReuseCache): Bytes {
  const all = {bytes: cache.bytes * cache.copies, ways: cache.ways};
  const {whole} = now.crossings[0]!;
  const kept = new Map<string, number>();
  for (const {operand, range} of now.ranges) {
    const share = residentBytes({operand, range}, now, past, all) / Math.max(1, range.bytes);
    for (const one of operand === SCRATCH ? SCRATCH_OPERANDS : [operand])
      kept.set(one, share * (whole.get(one) ?? 0));
  }
  return kept;
}

type Sets = Pick<ReuseCache, 'bytes' | 'ways'>;

/**
 * Bytes of a range that are still there when a step comes to them.
 *
 * Both steps sweep it from its beginning: between the two uses of what lies a part p into it, the former step touches its
 * last 1 - p, the steps between all of theirs, and this one its first p.
 */
function residentBytes(
  {operand, range}: Touched['ranges'][number],
  now: Touched,
  past: readonly Touched[],
  cache: Sets,
): number {
  const counted = now.ranges.map(one => one.range);
  let between = 0;
  let missing = range.bytes;
  let found = 0;
  for (const before of past) {
    const common = before.ranges.reduce((sum, one) => sum + overlap(one.range, range), 0);
    const part = Math.min(missing, common * density(range));
    if (part > 0) {
      const isOutput = before.ranges.some(
        one => one.operand === 'y' && overlap(one.range, range) > 0,
      );
      const first = isOutput ? before.sweepBytes : before.bytes;
      const last = operand === 'y' ? now.sweepBytes : now.bytes;
      found += part * sweptShare(first + between, between + last, cache);
      missing -= part;
    }
    if (missing <= 0) break;
    for (const one of before.ranges) {
      const known = counted.reduce((sum, other) => sum + overlap(one.range, other), 0);
      between += one.range.bytes - Math.min(one.range.bytes, known * density(one.range));
      counted.push(one.range);
    }
    if (residentShare(between, cache) === 0) break;
  }
  return found;
}

/** The mean of what stays when the bytes between two uses go evenly from `first` to `last`. */
function sweptShare(first: number, last: number, cache: Sets): number {
  let sum = 0;
  for (let i = 0; i < SAMPLES; i++)
    sum += residentShare(first + ((last - first) * (i + 0.5)) / SAMPLES, cache);
  return sum / SAMPLES;
}

const SAMPLES = 16;

function density({first, last, bytes}: Range): number {
  return bytes / Math.max(1, last - first);
}

function overlap(one: Range, other: Range): number {
  if (one.space !== other.space) return 0;
  return Math.max(0, Math.min(one.last, other.last) - Math.max(one.first, other.first));
}
