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
  byFirstUse,
  (a, b) => duration(b) - duration(a) || b.bytes - a.bytes,
];

/** With more lifetimes than this only the order of first use is tried: the others look at all pairs. */
const MANY_LIFETIMES = 4096;

function byFirstUse(a: Lifetime, b: Lifetime): number {
  return a.firstUse - b.firstUse || b.bytes - a.bytes;
}

/**
 * Places every lifetime at an arena offset, a multiple of 64 bytes.
 *
 * Lifetimes that overlap never share bytes. Greedy: one after another, each into the smallest gap it fits between those
 * alive at the same time; largest first and a few other orders, of which the smallest peak is kept.
 */
export function placeBuffers(
  lifetimes: readonly Lifetime[],
  checkTime: () => void = () => {},
): Placement {
  const bound = liveBound(lifetimes);
  const orders = lifetimes.length > MANY_LIFETIMES ? [byFirstUse] : ORDERS;
  let best: {offsetsBytes: number[]; peakBytes: number} | null = null;
  for (const compare of orders) {
    const order = lifetimes
      .map((_, index) => index)
      .sort((a, b) => compare(lifetimes[a]!, lifetimes[b]!) || a - b);
    const placed =
      compare === byFirstUse ? sweep(lifetimes, order, checkTime) : placeInOrder(lifetimes, order);
    if (best === null || placed.peakBytes < best.peakBytes) best = placed;
    if (best.peakBytes === bound.bytes) break;
  }
  return {...best!, lowerBoundBytes: bound.bytes, busiestStep: bound.step};
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

function placeInOrder(lifetimes: readonly Lifetime[], order: readonly number[]) {
  const offsetsBytes = new Array<number>(lifetimes.length).fill(0);
  const placed: number[] = [];
  let peakBytes = 0;
  for (const index of order) {
    const lifetime = lifetimes[index]!;
    const taken = placed
      .filter(other => overlaps(lifetime, lifetimes[other]!))
      .map(other => ({
        start: offsetsBytes[other]!,
        end: offsetsBytes[other]! + aligned(lifetimes[other]!.bytes),
      }))
      .sort((a, b) => a.start - b.start);
    offsetsBytes[index] = smallestGap(taken, aligned(lifetime.bytes));
    placed.push(index);
    peakBytes = Math.max(peakBytes, offsetsBytes[index]! + aligned(lifetime.bytes));
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

function overlaps(a: Lifetime, b: Lifetime): boolean {
  return a.firstUse <= b.lastUse && b.firstUse <= a.lastUse;
}

function duration(lifetime: Lifetime): number {
  return lifetime.lastUse - lifetime.firstUse + 1;
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ARENA_ALIGNMENT) * ARENA_ALIGNMENT;
}
