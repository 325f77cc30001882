// What crosses each cache in every step of a program that runs again and again: what a step left there need not be fetched anew.

import type {Buffer, Step, View} from '../steps.js';
import {elementCount, elementRange} from '../view-math.js';
import {EXECUTOR} from './executor.js';
import type {Bytes} from './loops.js';
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

/** Ranges by the time of their last use, the latest first. */
type History = readonly Range[];

/** The levels of every step, in the steady state. */
export function programTraffic(placed: PlacedSteps, machine: TrafficMachine): LevelTraffic[][] {
  const buffers = new Map(placed.buffers.map(buffer => [buffer.id, buffer]));
  const touched = placed.steps.map(step => {
    const crossings = loopCrossings(stepLoop(step, machine), machine);
    const ranges = operandViews(step).map(({operand, view}) => ({
      operand,
      range: rangeOf(view, crossings, operand, placed, buffers),
    }));
    return {step, crossings, ranges};
  });
  let history: History = [];
  // The first pass fills the caches.
  for (const {ranges} of touched)
    history = touch(
      history,
      ranges.map(({range}) => range),
    );
  return touched.map(({step, crossings, ranges}) => {
    const kept = crossings.map((crossing, index) =>
      keptBytes(
        crossing,
        ranges,
        history,
        machine.boundaries[index]!.cache.bytes * machine.boundaries[index]!.cache.copies,
      ),
    );
    history = touch(
      history,
      ranges.map(({range}) => range),
    );
    const {storage} = buffers.get(step.y.buffer)!;
    return levelTraffic(crossings, {kept, streams: streams(step, storage.kind === 'output')});
  });
}

/** Whether y is written past the caches. */
function streams({op, ...step}: Step, isOutput: boolean): boolean {
  if (!isOutput || elementCount(step.y.shape) < EXECUTOR.streamedFloats) return false;
  const strides = step.y.strides;
  return op === 'planarTaps' && strides[2] === 1;
}

function rangeOf(
  view: View,
  crossings: readonly StepCrossing[],
  operand: string,
  {offsetsBytes}: PlacedSteps,
  buffers: ReadonlyMap<number, Buffer>,
): Range {
  const {first, last} = elementRange(view);
  const {storage} = buffers.get(view.buffer)!;
  const offset = offsetsBytes.get(view.buffer);
  const isArena = storage.kind === 'arena' && offset !== undefined;
  const start = isArena ? offset : 0;
  const length = (last - first + 1) * 4;
  const fitting = crossings.find(crossing => crossing.fits)?.bytes.get(operand);
  return {
    space: isArena ? 'arena' : `buffer ${view.buffer}`,
    first: start + first * 4,
    last: start + (last + 1) * 4,
    bytes: Math.min(fitting ?? length, length),
  };
}

/** Of each operand of a step that the cache holds as a whole, what is there before. */
function keptBytes(
  {bytes, fits}: StepCrossing,
  ranges: readonly {readonly operand: string; readonly range: Range}[],
  history: History,
  capacity: number,
): Bytes {
  const kept = new Map<string, number>();
  if (!fits) return kept;
  const own = [...bytes.values()].reduce((sum, count) => sum + count, 0);
  for (const {operand, range} of ranges) {
    const known =
      (kept.get(operand) ?? 0) + residentBytes(range, history, capacity - own + range.bytes);
    kept.set(operand, known);
  }
  // The workspace is always the same.
  for (const operand of ['workspace', 'factors', 'sums', 'kernel']) {
    if (bytes.has(operand)) kept.set(operand, bytes.get(operand)!);
  }
  return kept;
}

/** Bytes of a range whose last use lies less than `capacity` bytes back. */
function residentBytes(range: Range, history: History, capacity: number): number {
  let passed = 0;
  let found = 0;
  for (const past of history) {
    passed += past.bytes;
    if (passed > capacity) break;
    found += overlap(past, range) * density(range);
  }
  return Math.min(range.bytes, found);
}

function density({first, last, bytes}: Range): number {
  return bytes / Math.max(1, last - first);
}

function overlap(one: Range, other: Range): number {
  if (one.space !== other.space) return 0;
  return Math.max(0, Math.min(one.last, other.last) - Math.max(one.first, other.first));
}

/** Puts ranges in front and takes them away from what was used before. */
function touch(history: History, ranges: readonly Range[]): History {
  let rest = history;
  for (const range of ranges) rest = rest.flatMap(past => without(past, range));
  return [...ranges.toReversed(), ...rest];
}

function without(past: Range, range: Range): Range[] {
  if (overlap(past, range) === 0) return [past];
  const share = density(past);
  const part = (first: number, last: number): Range[] =>
    last > first ? [{...past, first, last, bytes: (last - first) * share}] : [];
  return [
    ...part(past.first, Math.min(past.last, range.first)),
    ...part(Math.max(past.first, range.last), past.last),
  ];
}
