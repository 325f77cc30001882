// Schedules of a graph that hold less than the fastest one, from the nearest to the smallest.
//
// None changes a result: bands of a convolution add the same products in the same order as the whole, and tiles are cut
// where they were (docs/05-memory.md).

import type {Graph} from '../graph/graph.js';
import {type BandGraph, bandGraph, type KnownNeeds} from './bands/band-graph.js';
import {emitBands} from './bands/emit.js';
import {concatsToCopy} from './bands/memory.js';
import {splitNorms} from './bands/norms.js';
import {type Recomputing, recomputations} from './bands/recompute.js';
import {type BandPlan, BandSearch, type FlowOptions} from './bands/search.js';
import type {Segment} from './bands/segment.js';
import {nodeReads} from './layout.js';
import {reorderBranches} from './reorder.js';
import {type Schedule, type ScheduleOptions, schedule} from './schedule.js';

const F32_BYTES = 4;

/** Shares of the scratch that plans take, as long as there seems to be room for it. */
const SCRATCH_SHARES = [1, 1 / 4, 1 / 16];

/** Nodes of all graphs that are searched for values to be computed again, one after another. */
const MOST_SEARCHED = 5000;

/** The last plans that are scheduled to find the smallest: prices are not exact. */
const MOST_SMALLEST = 2;

/** A plan that holds no more than this beside its price is not bettered by the one before it. */
const AS_PRICED = 1.05;

/** Nodes of a graph that is computed in bands. */
const MOST_NODES = 4096;

/** Nodes of a graph from which on only the last is. */
const LARGE = 200;

/** How much larger than the smallest a plan may be, tried in this order: the last bytes cost the most commands. */
const SLACKS = [1.01, 1.05, 1.12, 1.25, 1.5, 2];

/** A plan of so many commands counts as if it held twice as much: what commands need themselves is beside the budget. */
const COMMANDS_TO_DOUBLE = 8000;

/** Ways to ask for the smallest plan; the second counts on nothing that placement may not find room for. */
const SMALLEST = [{flows: true}, {flows: false}];

/** With less room than this beside the smallest schedule nothing else is looked for. */
const NO_ROOM = 1.01;

/** Attempts to come under a limit by asking for less than it. */
const ATTEMPTS = 3;

/** Graphs with such attempts: in the next ones placement may find what it missed. */
const MOST_TRIED = 4;

/** What can be done about the memory of a graph. */
export interface Tightening {
  /** The schedule that holds the least of all that are known. */
  readonly smallest: Schedule;
  /** Schedules for an arena of `limitBytes`, likely to fit, the ones that cost least first. */
  within(limitBytes: number): Generator<Schedule>;
}

/** Finds out how far the memory of a graph can go down; `fast` is its schedule without a limit. */
export function tighten(graph: Graph, options: ScheduleOptions, fast: Schedule): Tightening {
  const given = tightenInOrder(graph, options, fast);
  const reordered = reorderBranches(graph, options.checkTime);
  if (reordered === null) return given;
  const known = {...options, choices: fast.choices, measures: [reorderMeasure(graph, reordered)]};
  const whole = schedule(reordered, known);
  if (whole.arenaPeakBytes >= fast.arenaPeakBytes) return given;

  const other = tightenInOrder(reordered, known, whole);
  return {
    smallest: smaller(other.smallest, given.smallest),
    *within(limitBytes) {
      if (whole.arenaPeakBytes <= limitBytes) yield whole;
      for (const {smallest, within} of [other, given])
        if (smallest.arenaPeakBytes <= limitBytes) yield* within(limitBytes);
    },
  };
}

/** What reordering did, in words. */
function reorderMeasure({nodes}: Graph, reordered: Graph): string {
  const moved = nodes.flatMap((node, index) => (reordered.nodes[index] === node ? [] : [index]));
  const [first, before] = [reordered.nodes[moved[0]!]!, nodes[moved[0]!]!];
  return `independent branches in another order: "${first.name}" before "${before.name}", ${moved.length} nodes in all`;
}

/** The same for the order of nodes that a graph has. */
function tightenInOrder(graph: Graph, options: ScheduleOptions, fast: Schedule): Tightening {
  const {checkTime} = options;
  const fixed = {...options, choices: fast.choices};
  const lean = leanPlan(graph, fixed, 0);
  const isLarge = graph.nodes.length > LARGE;
  const plans = [...lean.banded()];
  const last = plans.slice(isLarge ? -1 : -MOST_SMALLEST).reverse();
  const smallest = smallestOf(last, lean.whole);

  return {
    smallest,
    *within(limitBytes) {
      if (limitBytes < smallest.arenaPeakBytes * NO_ROOM) return yield smallest;
      const limits = {limitBytes, leastBytes: smallest.arenaPeakBytes};
      let before: number | null = null;
      const scratch = Math.max(0, ...[...fast.choices.values()].map(choice => choice.scratchBytes));
      for (const share of scratch > 0 ? SCRATCH_SHARES : []) {
        if (smallest.arenaPeakBytes + scratch * share > limitBytes) continue;
        const plan = leanPlan(graph, fixed, scratch * share);
        yield plan.whole;
        const first: number | null = yield* bandedWithin(plan.banded(), limits, before);
        // Scratch is not in the way.
        if (first !== null && first === before) return;
        before = first;
        checkTime?.();
      }
      yield lean.whole;
      yield* bandedWithin(plans, limits, before);
    },
  };
}

/** The schedule that holds the least: of plans, the likeliest first, or of the whole graph. */
function smallestOf(plans: readonly BandedPlan[], whole: Schedule): Schedule {
  let best = whole;
  for (const {search, schedule} of plans) {
    for (const asked of SMALLEST) {
      const plan = nearlySmallest(search, asked);
      const planned = schedule(plan.segments);
      best = smaller(best, planned);
      if (planned.arenaPeakBytes <= plan.bytes * AS_PRICED) return best;
    }
  }
  return best;
}

/** A plan near the smallest, with few commands for what it holds. */
function nearlySmallest(search: BandSearch, asked: FlowOptions): BandPlan {
  const weight = ({bytes, commands}: BandPlan) => bytes * (1 + commands / COMMANDS_TO_DOUBLE);
  const [first, ...others] = SLACKS;
  let best = search.smallest({...asked, slack: first!});
  for (const slack of others) {
    // The rest could not make up for the bytes.
    if (best.commands < COMMANDS_TO_DOUBLE / 100) break;
    const plan = search.smallest({...asked, slack});
    if (weight(plan) < weight(best)) best = plan;
  }
  return best;
}

/** A plan with limited scratch, and what bands make of it. */
interface LeanPlan {
  readonly whole: Schedule;
  /** Ways to keep less, each with the next value computed again where it is used. */
  banded(): Iterable<BandedPlan>;
}

interface BandedPlan {
  readonly search: BandSearch;
  schedule(segments: readonly Segment[]): Schedule;
}

function leanPlan(graph: Graph, options: ScheduleOptions, scratchBytes: number): LeanPlan {
  const limited = {...options, scratchLimit: scratchBytes / F32_BYTES};
  const whole = schedule(graph, limited);
  // Graphs that no network has are scheduled whole: bands look at pairs of nodes.
  if (graph.nodes.length > MOST_NODES) return {whole, banded: () => []};
  const copied = concatsToCopy(bandGraph(graph, whole.choices));
  const apart = {...limited, copiedConcats: copied};
  const fixed = {...apart, choices: whole.choices};
  return {
    whole: copied.size > 0 ? smaller(whole, schedule(graph, apart)) : whole,
    banded: () => bandedPlans(splitNorms(graph), whole, fixed),
  };
}

/** A graph, the search in it and how small its memory can be. */
interface Found extends Recomputing {
  readonly bands: BandGraph;
  readonly smallest: BandPlan;
  /** Nodes that keep the memory from being smaller. */
  readonly tight: number;
}

/** Searches in a graph, and in the graphs that keep less and less of what fills its fullest moment. */
function* bandedPlans(
  graph: Graph,
  whole: Schedule,
  options: ScheduleOptions,
): Generator<BandedPlan, undefined> {
  const {copiedConcats: copied = new Set(), choices = new Map(), checkTime} = options;
  const known: KnownNeeds = new Map();
  const copies = new Set(whole.values.filter((_, index) => whole.steps[index]!.op === 'copy'));
  const find = ({graph: given, origins}: Recomputing, most: number): Found | null => {
    const isCopied = (value: string) => copies.has(origins.get(value) ?? value);
    const bands = bandGraph(given, withOrigins(choices, origins), {known, isCopied});
    const search = new BandSearch(bands, {copied, mostBytes: most, isLow: true, checkTime});
    if (given !== graph && !search.mayFit(most)) return null;
    const smallest = search.smallest();
    const tight = search.tightNodes(smallest.bytes);
    return {graph: given, origins, bands, smallest, tight};
  };
  let most = whole.arenaPeakBytes;
  let current = find({graph, origins: new Map()}, most);
  let searched = 0;
  while (current !== null) {
    const {bands, smallest, origins, tight}: Found = current;
    const limit = most;
    let search: BandSearch | undefined;
    yield {
      get search() {
        search ??= new BandSearch(bands, {copied, mostBytes: limit, checkTime});
        return search;
      },
      schedule: segments => scheduleBands(bands, segments, options, origins),
    };
    most = smallest.bytes;
    current = null;
    for (const next of recomputations(bands, smallest, origins)) {
      searched += next.graph.nodes.length;
      if (searched > MOST_SEARCHED) break;
      const found = find(next, most);
      if (found === null || found.smallest.bytes > smallest.bytes) continue;
      if (found.smallest.bytes === smallest.bytes && found.tight >= tight) continue;
      current = found;
      break;
    }
  }
}

/** Copies of a value share its choice. */
function withOrigins<T>(
  known: ReadonlyMap<string, T>,
  origins: ReadonlyMap<string, string>,
): Map<string, T> {
  const all = new Map(known);
  for (const [name, origin] of origins) {
    const value = known.get(origin);
    if (value !== undefined) all.set(name, value);
  }
  return all;
}

/** What schedules should come under, and the arena of the smallest. */
interface Limits {
  readonly limitBytes: number;
  readonly leastBytes: number;
}

/**
 * Asks for less and less until what was asked for holds, by half of what is left above the smallest schedule at most, and in the
 * end.
 *
 * @param before the first arena of other plans, which were too large; nothing else is tried where it is the same
 * @returns the first arena; null when there was none
 */
function* bandedWithin(
  plans: Iterable<BandedPlan>,
  {limitBytes, leastBytes}: Limits,
  before: number | null,
): Generator<Schedule, number | null> {
  let first: number | null = null;
  let tried = 0;
  for (const {search, schedule} of plans) {
    let asked = limitBytes;
    let attempts = 0;
    while (attempts < ATTEMPTS) {
      const found = search.within(asked, {flows: true});
      if (found === null) break;
      const planned = schedule(found.segments);
      first ??= planned.arenaPeakBytes;
      if (first === before) return first;
      yield planned;
      attempts++;
      const half = (leastBytes + asked) / 2;
      const less = asked * Math.min(0.97, limitBytes / planned.arenaPeakBytes);
      asked = attempts === ATTEMPTS - 1 ? half : Math.max(half, less);
    }
    if (attempts > 0 && ++tried === MOST_TRIED) break;
  }
  return first;
}

/** The schedule of a graph some of whose segments are computed in bands. */
export function scheduleBands(
  bands: BandGraph,
  segments: readonly Segment[],
  options: ScheduleOptions,
  copies: ReadonlyMap<string, string> = new Map(),
): Schedule {
  const {graph, origins, overlays} = emitBands(bands, segments);
  const known = withOrigins(options.choices ?? new Map(), copies);
  const choices = withOrigins(known, origins);
  const copied = new Set([...(options.copiedConcats ?? []), ...padsToCopy(graph)]);
  const planned = schedule(graph, {...options, choices, overlays, copiedConcats: copied});
  const origin = (value: string) => {
    const whole = origins.get(value) ?? value;
    return copies.get(whole) ?? whole;
  };
  const measures = [...planned.measures, ...bandMeasures(bands, segments, copies)];
  return {...planned, values: planned.values.map(origin), measures};
}

/** Pads whose input others read too: in its place inside of them it would be as large as they are, for all that time. */
function padsToCopy({nodes}: Graph): string[] {
  const readers = new Map<string, number>();
  for (const name of nodes.flatMap(nodeReads)) readers.set(name, (readers.get(name) ?? 0) + 1);
  return nodes
    .filter(({operation, inputs}) => operation.op === 'pad' && readers.get(inputs[0]!)! > 1)
    .map(({output}) => output);
}

/** What bands do, in words. */
function bandMeasures(
  {nodes}: BandGraph,
  segments: readonly Segment[],
  copies: ReadonlyMap<string, string>,
): string[] {
  const again = [...new Set(copies.values())];
  return [
    ...segments.map(({start, end, height}) => {
      const [first, last] = [nodes[start]!, nodes[end - 1]!].map(({node}) => node.name);
      return `"${first}" to "${last}": bands of ${height} rows`;
    }),
    ...(again.length > 0 ? [`computed again where they are used: ${again.join(', ')}`] : []),
  ];
}

/** The schedule that holds less; the first of equals. */
function smaller(first: Schedule, second: Schedule): Schedule {
  return second.arenaPeakBytes < first.arenaPeakBytes ? second : first;
}
