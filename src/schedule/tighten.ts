// Schedules of a graph that hold less than the fastest one, from the nearest to the smallest.
//
// None changes a result: bands of a convolution add the same products in the same order as the whole, and tiles are cut
// where they were (docs/05-memory.md).

import type {Graph} from '../graph/graph.js';
import {type BandGraph, bandGraph} from './bands/band-graph.js';
import {emitBands} from './bands/emit.js';
import {concatsToCopy} from './bands/memory.js';
import {splitNorms} from './bands/norms.js';
import {BandSearch} from './bands/search.js';
import type {Segment} from './bands/segment.js';
import type {ConvChoice} from './conv-choice.js';
import {type Schedule, type ScheduleOptions, schedule} from './schedule.js';

const F32_BYTES = 4;

/** Shares of the scratch that a plan takes at first. */
const SCRATCH_SHARES = [1 / 4, 1 / 16];

/** Attempts to come under a limit by asking for less than it. */
const ATTEMPTS = 3;

/** What can be done about the memory of a graph. */
export interface Tightening {
  /** The schedule that holds the least of all that are known. */
  readonly smallest: Schedule;
  /** Schedules for an arena of `limitBytes`, likely to fit, the ones that cost least first. */
  within(limitBytes: number): Generator<Schedule>;
}

/** Finds out how far the memory of a graph can go down; `fast` is its schedule without a limit. */
export function tighten(graph: Graph, options: ScheduleOptions, fast: Schedule): Tightening {
  const {checkTime} = options;
  const fixed = {...options, choices: fast.choices};
  const lean = leanPlan(graph, fixed, 0);
  const smallest = [lean.whole, lean.banded(lean.search().smallest().segments)].reduce(smaller);

  return {
    smallest,
    *within(limitBytes) {
      const scratch = Math.max(0, ...[...fast.choices.values()].map(choice => choice.scratchBytes));
      for (const share of scratch > 0 ? SCRATCH_SHARES : []) {
        const plan = leanPlan(graph, fixed, scratch * share);
        yield plan.whole;
        yield* bandedWithin(plan, limitBytes);
        checkTime?.();
      }
      yield lean.whole;
      yield* bandedWithin(lean, limitBytes);
    },
  };
}

/** A plan with limited scratch, and what bands make of it. */
interface LeanPlan {
  readonly whole: Schedule;
  search(): BandSearch;
  banded(segments: readonly Segment[]): Schedule;
}

function leanPlan(graph: Graph, options: ScheduleOptions, scratchBytes: number): LeanPlan {
  const limited = {...options, scratchLimit: scratchBytes / F32_BYTES};
  const whole = schedule(graph, limited);
  const bands = bandGraph(splitNorms(graph), whole.choices);
  const copied = concatsToCopy(bands);
  const apart = {...limited, copiedConcats: copied};
  let found: BandSearch | undefined;
  return {
    whole: copied.size > 0 ? smaller(whole, schedule(graph, apart)) : whole,
    search() {
      found ??= new BandSearch(bands, copied, options.checkTime);
      return found;
    },
    banded: segments => scheduleBands(bands, segments, apart),
  };
}

/** Asks for less and less until what was asked for holds. */
function* bandedWithin(plan: LeanPlan, limitBytes: number): Generator<Schedule> {
  let asked = limitBytes;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const found = plan.search().within(asked);
    if (found === null) return;
    const planned = plan.banded(found.segments);
    yield planned;
    asked *= Math.min(0.97, limitBytes / planned.arenaPeakBytes);
  }
}

/** The schedule of a graph some of whose segments are computed in bands. */
export function scheduleBands(
  bands: BandGraph,
  segments: readonly Segment[],
  options: ScheduleOptions,
): Schedule {
  const {graph, origins} = emitBands(bands, segments);
  const choices = new Map(options.choices);
  for (const [name, origin] of origins) {
    const choice: ConvChoice | undefined = choices.get(origin);
    if (choice !== undefined) choices.set(name, choice);
  }
  const planned = schedule(graph, {...options, choices});
  return {...planned, values: planned.values.map(value => origins.get(value) ?? value)};
}

/** The schedule that holds less; the first of equals. */
function smaller(first: Schedule, second: Schedule): Schedule {
  return second.arenaPeakBytes < first.arenaPeakBytes ? second : first;
}
