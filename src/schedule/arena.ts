// Lifetimes in, arena offsets out.

import {fullestStep, type Lifetime, type Live, liveOf, separation} from './lifetimes.js';

export interface Placement {
  /** One per lifetime. */
  readonly offsetsBytes: readonly number[];
  readonly peakBytes: number;
  /** No placement can be smaller: the most bytes alive in any step, blocks rounded up to whole cache lines. */
  readonly lowerBoundBytes: number;
  /** The first step in which that many bytes are alive. */
  readonly busiestStep: number;
}

/** One cache line. */
export const ARENA_ALIGNMENT = 64;

/** Which buffer is placed first; each rule wins on some networks, and trying all is cheap. */
const ORDERS: readonly ((a: Lifetime, b: Lifetime) => number)[] = [
  (a, b) => b.bytes - a.bytes,
  (a, b) => duration(b) * b.bytes - duration(a) * a.bytes,
  (a, b) => duration(b) - duration(a) || b.bytes - a.bytes,
];

/** Attempts to bring the peak down by placing first what ended up highest, since the last one that did. */
const PROMOTIONS = 10;

/** With more lifetimes than this only the order of first use is tried: the others look at all pairs. */
const MANY_LIFETIMES = 4096;

function byFirstUse(a: Lifetime, b: Lifetime): number {
  return a.firstUse - b.firstUse || b.bytes - a.bytes;
}

/**
 * Places every lifetime at an arena offset, a multiple of 64 bytes.
 *
 * No byte is ever alive in two blocks. Greedy: one after another, each into the smallest gap it fits between those
 * there at the same time; largest first and a few other orders. From the best of them on, what lies at the peak is
 * placed first, again and again. The smallest peak is kept.
 */
export function placeBuffers(
  lifetimes: readonly Lifetime[],
  checkTime: () => void = () => {},
): Placement {
  const rounded = lifetimes.map(toLines);
  const live = rounded.map(liveOf);
  const bound = fullestStep(live);
  const ordered = (compare: (a: Lifetime, b: Lifetime) => number) =>
    rounded.map((_, index) => index).sort((a, b) => compare(rounded[a]!, rounded[b]!) || a - b);
  const order = ordered(byFirstUse);
  let best: Ordered = {order, ...sweep(rounded, order, checkTime)};
  if (best.peakBytes > bound.bytes && rounded.length <= MANY_LIFETIMES) {
    const neighbours = neighboursOf(live);
    for (const each of ORDERS.map(ordered))
      best = smaller(best, {order: each, ...placeInOrder(rounded, each, neighbours)});
    best = promoted(rounded, best, {neighbours, bound: bound.bytes});
  }
  const {offsetsBytes, peakBytes} = best;
  return {offsetsBytes, peakBytes, lowerBoundBytes: bound.bytes, busiestStep: bound.step};
}

interface Placed {
  readonly offsetsBytes: readonly number[];
  readonly peakBytes: number;
}

interface Ordered extends Placed {
  readonly order: readonly number[];
}

/** The first of equals. */
function smaller(first: Ordered, second: Ordered): Ordered {
  return second.peakBytes < first.peakBytes ? second : first;
}

/** The best placement on the way from `first`, each time with the highest block before all others. */
function promoted(
  lifetimes: readonly Lifetime[],
  first: Ordered,
  {neighbours, bound}: {readonly neighbours: readonly Neighbours[]; readonly bound: number},
): Ordered {
  let [best, current] = [first, first];
  for (let left = PROMOTIONS; left > 0 && best.peakBytes > bound; left--) {
    const {order, offsetsBytes, peakBytes} = current;
    const highest = order.find(
      index => offsetsBytes[index]! + lifetimes[index]!.bytes === peakBytes,
    )!;
    const next = [highest, ...order.filter(index => index !== highest)];
    current = {order: next, ...placeInOrder(lifetimes, next, neighbours)};
    if (current.peakBytes >= best.peakBytes) continue;
    best = current;
    left = PROMOTIONS;
  }
  return best;
}

/** The other blocks that are there at the same time as one. */
interface Neighbours {
  readonly indices: readonly number[];
  /** How far above the block each has to begin, at least, if it lies above. */
  readonly above: readonly number[];
  /** How far below the block each has to begin, at least, if it lies below. */
  readonly below: readonly number[];
}

function neighboursOf(live: readonly Live[]): Neighbours[] {
  const lists = live.map(() => ({
    indices: [] as number[],
    above: [] as number[],
    below: [] as number[],
  }));
  const order = live.map((_, index) => index);
  order.sort((a, b) => live[a]!.lifetime.firstUse - live[b]!.lifetime.firstUse);
  let alive: number[] = [];
  const add = (index: number, other: number, above: number, below: number) => {
    lists[index]!.indices.push(other);
    lists[index]!.above.push(above);
    lists[index]!.below.push(below);
  };
  for (const index of order) {
    const {firstUse} = live[index]!.lifetime;
    alive = alive.filter(other => live[other]!.lifetime.lastUse >= firstUse);
    for (const other of alive) {
      const above = aligned(separation(live[index]!, live[other]!));
      const below = aligned(separation(live[other]!, live[index]!));
      add(index, other, above, below);
      add(other, index, below, above);
    }
    alive.push(index);
  }
  return lists;
}

interface Block {
  readonly start: number;
  readonly end: number;
  readonly lastUse: number;
}

/** Places by first use, so that only blocks alive at that time are looked at. */
function sweep(lifetimes: readonly Lifetime[], order: readonly number[], checkTime: () => void) {
  const offsetsBytes = new Array<number>(lifetimes.length).fill(0);
  let alive: Block[] = [];
  let firstDeath = Number.POSITIVE_INFINITY;
  let peakBytes = 0;
  let hasGaps = false;
  for (const index of order) {
    checkTime();
    const {bytes, firstUse, lastUse} = lifetimes[index]!;
    if (firstDeath < firstUse) {
      alive = alive.filter(block => block.lastUse >= firstUse);
      firstDeath = alive.reduce((first, block) => Math.min(first, block.lastUse), Infinity);
      hasGaps = true;
    }
    const taken = () => alive.map(other => ({start: other.start - bytes, end: other.end}));
    const start = hasGaps ? tightestPlace(taken()) : (alive.at(-1)?.end ?? 0);
    const block = {start, end: start + bytes, lastUse};
    if (start >= (alive.at(-1)?.end ?? 0)) alive.push(block);
    else
      alive.splice(
        alive.findIndex(other => other.start > start),
        0,
        block,
      );
    firstDeath = Math.min(firstDeath, lastUse);
    offsetsBytes[index] = start;
    peakBytes = Math.max(peakBytes, block.end);
  }
  return {offsetsBytes, peakBytes};
}

function placeInOrder(
  lifetimes: readonly Lifetime[],
  order: readonly number[],
  neighbours: readonly Neighbours[],
): Placed {
  const offsetsBytes = new Array<number>(lifetimes.length).fill(-1);
  let peakBytes = 0;
  for (const index of order) {
    const {indices, above, below} = neighbours[index]!;
    const taken: Interval[] = [];
    indices.forEach((other, at) => {
      const start = offsetsBytes[other]!;
      if (start >= 0) taken.push({start: start - above[at]!, end: start + below[at]!});
    });
    taken.sort((a, b) => a.start - b.start);
    offsetsBytes[index] = tightestPlace(taken);
    peakBytes = Math.max(peakBytes, offsetsBytes[index]! + lifetimes[index]!.bytes);
  }
  return {offsetsBytes, peakBytes};
}

/** Places strictly between both ends. */
interface Interval {
  readonly start: number;
  readonly end: number;
}

/** The first place of the shortest run of places that no interval takes, these sorted by start; after all when there is none. */
function tightestPlace(taken: readonly Interval[]): number {
  let [best, shortest] = [-1, Number.POSITIVE_INFINITY];
  let free = 0;
  for (const {start, end} of taken) {
    if (end <= start) continue;
    const length = start - free;
    if (length >= 0 && length < shortest) {
      best = free;
      shortest = length;
    }
    free = Math.max(free, end);
  }
  return best >= 0 ? best : free;
}

/** The lifetime of all cache lines that a block reaches into. */
function toLines(lifetime: Lifetime): Lifetime {
  const bytes = aligned(lifetime.bytes);
  const touches = lifetime.touches?.map(({step, start, end}) => ({
    step,
    start,
    end: end === lifetime.bytes ? bytes : end,
  }));
  return {...lifetime, bytes, touches};
}

function duration(lifetime: Lifetime): number {
  return lifetime.lastUse - lifetime.firstUse + 1;
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ARENA_ALIGNMENT) * ARENA_ALIGNMENT;
}
