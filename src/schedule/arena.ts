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
  (a, b) => a.firstUse - b.firstUse || b.bytes - a.bytes,
  (a, b) => duration(b) - duration(a) || b.bytes - a.bytes,
];

/**
 * Places every lifetime at an arena offset, a multiple of 64 bytes.
 *
 * Lifetimes that overlap never share bytes. Greedy: one after another, each into the smallest gap it fits between those
 * alive at the same time; largest first and a few other orders, of which the smallest peak is kept.
 */
export function placeBuffers(lifetimes: readonly Lifetime[]): Placement {
  const bound = liveBound(lifetimes);
  let best: {offsetsBytes: number[]; peakBytes: number} | null = null;
  for (const compare of ORDERS) {
    const order = lifetimes
      .map((_, index) => index)
      .sort((a, b) => compare(lifetimes[a]!, lifetimes[b]!) || a - b);
    const placed = placeInOrder(lifetimes, order);
    if (best === null || placed.peakBytes < best.peakBytes) best = placed;
    if (best.peakBytes === bound.bytes) break;
  }
  return {...best!, lowerBoundBytes: bound.bytes, busiestStep: bound.step};
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
  // What is alive only ever grows at a first use.
  const starts = [...new Set(lifetimes.map(lifetime => lifetime.firstUse))].sort((a, b) => a - b);
  let busiest = {bytes: 0, step: 0};
  for (const step of starts) {
    const bytes = lifetimes
      .filter(lifetime => lifetime.firstUse <= step && step <= lifetime.lastUse)
      .reduce((sum, lifetime) => sum + aligned(lifetime.bytes), 0);
    if (bytes > busiest.bytes) busiest = {bytes, step: Math.max(step, 0)};
  }
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
