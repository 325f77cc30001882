// Lifetimes in, arena offsets out.

/** A block of the arena and the steps during which its bytes must not change hands, both inclusive. */
export interface Lifetime {
  readonly bytes: number;
  /** Index of the first step that touches it; -1 for inputs, which are there before the first step. */
  readonly firstUse: number;
  readonly lastUse: number;
}

export interface Placement {
  /** One per lifetime. */
  readonly offsetsBytes: readonly number[];
  readonly peakBytes: number;
  /** No placement can be smaller: the most bytes alive in any step. */
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
 * Lifetimes that overlap never share bytes. Greedy: one after another, each into the smallest gap it fits between those
 * alive at the same time; largest first and a few other orders. From the best of them on, what lies at the peak is
 * placed first, again and again. The smallest peak is kept.
 */
export function placeBuffers(
  lifetimes: readonly Lifetime[],
  checkTime: () => void = () => {},
): Placement {
  const bound = liveBound(lifetimes);
  const ordered = (compare: (a: Lifetime, b: Lifetime) => number) =>
    lifetimes
      .map((_, index) => index)
      .sort((a, b) => compare(lifetimes[a]!, lifetimes[b]!) || a - b);
  const swept = {order: ordered(byFirstUse), ...sweep(lifetimes, ordered(byFirstUse), checkTime)};
  let best: Ordered = swept;
  if (swept.peakBytes > bound.bytes && lifetimes.length <= MANY_LIFETIMES) {
    const neighbours = overlapping(lifetimes);
    for (const order of ORDERS.map(ordered))
      best = smaller(best, {order, ...placeInOrder(lifetimes, order, neighbours)});
    best = promoted(lifetimes, best, {neighbours, bound: bound.bytes});
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
  {neighbours, bound}: {readonly neighbours: readonly Int32Array[]; readonly bound: number},
): Ordered {
  let [best, current] = [first, first];
  for (let left = PROMOTIONS; left > 0 && best.peakBytes > bound; left--) {
    const {order, offsetsBytes, peakBytes} = current;
    const highest = order.find(
      index => offsetsBytes[index]! + aligned(lifetimes[index]!.bytes) === peakBytes,
    )!;
    const next = [highest, ...order.filter(index => index !== highest)];
    current = {order: next, ...placeInOrder(lifetimes, next, neighbours)};
    if (current.peakBytes >= best.peakBytes) continue;
    best = current;
    left = PROMOTIONS;
  }
  return best;
}

/** For every lifetime the others that are alive at the same time. */
function overlapping(lifetimes: readonly Lifetime[]): Int32Array[] {
  const lists = lifetimes.map((): number[] => []);
  const order = lifetimes.map((_, index) => index);
  order.sort((a, b) => lifetimes[a]!.firstUse - lifetimes[b]!.firstUse);
  let alive: number[] = [];
  for (const index of order) {
    const {firstUse} = lifetimes[index]!;
    alive = alive.filter(other => lifetimes[other]!.lastUse >= firstUse);
    for (const other of alive) {
      lists[index]!.push(other);
      lists[other]!.push(index);
    }
    alive.push(index);
  }
  return lists.map(list => Int32Array.from(list));
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
    const start = hasGaps ? smallestGap(alive, aligned(bytes)) : (alive.at(-1)?.end ?? 0);
    const block = {start, end: start + aligned(bytes), lastUse};
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
  neighbours: readonly Int32Array[],
): Placed {
  const offsetsBytes = new Array<number>(lifetimes.length).fill(-1);
  let peakBytes = 0;
  for (const index of order) {
    const taken: {start: number; end: number}[] = [];
    for (const other of neighbours[index]!) {
      const start = offsetsBytes[other]!;
      if (start >= 0) taken.push({start, end: start + aligned(lifetimes[other]!.bytes)});
    }
    taken.sort((a, b) => a.start - b.start);
    const bytes = aligned(lifetimes[index]!.bytes);
    offsetsBytes[index] = smallestGap(taken, bytes);
    peakBytes = Math.max(peakBytes, offsetsBytes[index]! + bytes);
  }
  return {offsetsBytes, peakBytes};
}

/** The start of the smallest gap of at least `bytes` between blocks sorted by start, or the end of all. */
function smallestGap(taken: readonly {start: number; end: number}[], bytes: number): number {
  let bestStart = -1;
  let bestBytes = Number.POSITIVE_INFINITY;
  let end = 0;
  for (const block of taken) {
    const gap = block.start - end;
    if (gap >= bytes && gap < bestBytes) {
      bestStart = end;
      bestBytes = gap;
    }
    end = Math.max(end, block.end);
  }
  return bestStart >= 0 ? bestStart : end;
}

function liveBound(lifetimes: readonly Lifetime[]): {bytes: number; step: number} {
  // What is alive only ever grows at a first use; blocks that died before it are taken off first.
  const byStart = lifetimes.toSorted((x, y) => x.firstUse - y.firstUse);
  const byEnd = lifetimes.toSorted((x, y) => x.lastUse - y.lastUse);
  let busiest = {bytes: 0, step: 0};
  let bytes = 0;
  let dead = 0;
  byStart.forEach((lifetime, index) => {
    const step = lifetime.firstUse;
    for (; dead < byEnd.length && byEnd[dead]!.lastUse < step; dead++)
      bytes -= aligned(byEnd[dead]!.bytes);
    bytes += aligned(lifetime.bytes);
    const isLastOfStep = byStart[index + 1]?.firstUse !== step;
    if (isLastOfStep && bytes > busiest.bytes) busiest = {bytes, step: Math.max(step, 0)};
  });
  return busiest;
}

function duration(lifetime: Lifetime): number {
  return lifetime.lastUse - lifetime.firstUse + 1;
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ARENA_ALIGNMENT) * ARENA_ALIGNMENT;
}
