// Bytes that cross a cache while a nest of loops runs: docs/04-traffic.md has the derivation.
//
// A loop knows the distinct bytes that all of its iterations touch, by operand. A cache that holds what one iteration
// touches keeps everything that iterations have in common, so that the loop costs its distinct bytes; a cache that does
// not, starts anew in each.

/** Bytes by operand. */
export type Bytes = ReadonlyMap<string, number>;

/** A loop over a body of loops that follow one another. */
export interface Loop {
  readonly trips: number;
  /** Distinct bytes of all iterations. */
  readonly whole: Bytes;
  /** Distinct bytes of one iteration; needed only where the body has several loops. */
  readonly once?: Bytes;
  /** Empty: iterations keep what they share in registers and lines at hand. */
  readonly body: readonly Loop[];
  /** Operands that it writes, beside those that its body does. */
  readonly writes?: readonly string[];
  /** Its iterations are handed out to threads. */
  readonly isParallel?: boolean;
}

/** A cache as far as reuse depends on it. */
export interface ReuseCache {
  readonly bytes: number;
  readonly ways: number;
  /** Threads that use one of its copies, and copies in use. */
  readonly sharers: number;
  readonly copies: number;
}

export interface Crossing {
  /** What crosses when the cache holds nothing before. */
  readonly bytes: Bytes;
  /** Those of them that go back, since they were written meanwhile. */
  readonly dirty: Bytes;
  /** The share of what the loop touches that the cache holds. */
  readonly fits: number;
}

/** `shared` operands are read by all threads; of the others each has its part. */
export function crossing(loop: Loop, cache: ReuseCache, shared: ReadonlySet<string>): Crossing {
  return cross(loop, {cache, shared, isInside: false});
}

/** Loops one inside the other, from the outermost; the innermost writes `writes`. */
export function nest(loops: readonly Omit<Loop, 'body'>[], writes: readonly string[] = []): Loop {
  const [first, ...rest] = loops;
  return rest.length > 0
    ? {...first!, body: [nest(rest, writes)]}
    : {...first!, writes: [...(first!.writes ?? []), ...writes], body: []};
}

interface Place {
  readonly cache: ReuseCache;
  readonly shared: ReadonlySet<string>;
  /** Below the loop that is handed out: all sharers of a copy are at it at once. */
  readonly isInside: boolean;
}

function cross(loop: Loop, place: Place): Crossing {
  const kept = keptShare(loop.whole, place);
  const bytes = copied(loop, place);
  const distinct = {bytes, dirty: only(bytes, writtenBy(loop)), fits: kept};
  const reused =
    kept === 1 || loop.body.length === 0 ? 1 : Math.max(kept, enteringShare(loop, place));
  if (reused === 1) return distinct;
  const inside = {...place, isInside: place.isInside || loop.isParallel === true};
  const again = repeated(loop, inside);
  return {
    bytes: mix(bytes, again.bytes, reused),
    dirty: mix(distinct.dirty, again.dirty, reused),
    fits: kept,
  };
}

/** Every iteration on its own. */
function repeated(loop: Loop, place: Place): Pick<Crossing, 'bytes' | 'dirty'> {
  const bytes = new Map<string, number>();
  const dirty = new Map<string, number>();
  let before: {readonly whole: Bytes; readonly fits: number} | null = null;
  for (const part of loop.body) {
    const now = cross(part, place);
    // What the part before left behind: all of it where the cache holds either part, else what every iteration touches.
    const entering = enteringShare(part, place);
    for (const [operand, count] of now.bytes) {
      const isInvariant = onceOf(part)?.get(operand) === part.whole.get(operand);
      const held = isInvariant ? Math.max(now.fits, entering) : now.fits;
      const share = Math.min(before?.fits ?? 0, held);
      const kept = share * Math.min(before?.whole.get(operand) ?? 0, count);
      bytes.set(operand, (bytes.get(operand) ?? 0) + (count - kept) * loop.trips);
    }
    for (const [operand, count] of now.dirty)
      dirty.set(operand, (dirty.get(operand) ?? 0) + count * loop.trips);
    before = {whole: part.whole, fits: now.fits};
  }
  return {bytes, dirty};
}

/** The operands that a loop and its body write. */
function writtenBy({writes = [], body}: Loop): readonly string[] {
  return [...writes, ...body.flatMap(writtenBy)];
}

function only(bytes: Bytes, operands: readonly string[]): Bytes {
  return new Map([...bytes].filter(([operand]) => operands.includes(operand)));
}

function onceOf({once, body}: Loop): Bytes | undefined {
  return once ?? (body.length === 1 ? body[0]!.whole : undefined);
}

/** The share of one iteration that the cache holds. */
function enteringShare(loop: Loop, place: Place): number {
  const once = onceOf(loop);
  const inside = {...place, isInside: place.isInside || loop.isParallel === true};
  return once === undefined ? 0 : keptShare(once, inside);
}

function mix(one: Bytes, other: Bytes, share: number): Bytes {
  const operands = new Set([...one.keys(), ...other.keys()]);
  return new Map(
    [...operands].map(operand => [
      operand,
      share * (one.get(operand) ?? 0) + (1 - share) * (other.get(operand) ?? 0),
    ]),
  );
}

/** The share of operands that stays in a copy of the cache, of the threads that use it. */
function keptShare(bytes: Bytes, {cache, shared, isInside}: Place): number {
  const part = isInside ? cache.sharers : 1 / cache.copies;
  let total = 0;
  for (const [operand, count] of bytes)
    total += count * (shared.has(operandOf(operand)) ? 1 : part);
  return residentShare(total, cache);
}

/**
 * The share of `bytes` that is still there when they are swept again: a set of w ways keeps what is mapped to it when that are w
 * lines or fewer, and of bytes that lie in rows every set has the same number of lines, or one more.
 */
export function residentShare(
  bytes: number,
  {bytes: capacity, ways}: Pick<ReuseCache, 'bytes' | 'ways'>,
): number {
  return Math.min(1, Math.max(0, 1 - ways * (bytes / capacity - 1)));
}

/** The distinct bytes of a loop; every copy of the cache fetches what threads share. */
function copied({whole, trips, isParallel}: Loop, {cache, shared, isInside}: Place): Bytes {
  if (isInside || cache.copies === 1) return whole;
  const copies = isParallel === true ? Math.min(cache.copies, trips) : cache.copies;
  return new Map(
    [...whole].map(([operand, count]) => [
      operand,
      shared.has(operandOf(operand)) ? count * copies : count,
    ]),
  );
}

/** Parts of an operand have names of their own, "weights 3": parts with one name are the same memory. */
export function operandOf(part: string): string {
  return part.split(' ', 1)[0]!;
}

/** Names the parts of operands in a loop. */
export function nameParts(loop: Loop, names: Readonly<Record<string, string>>): Loop {
  const named = (bytes: Bytes): Bytes =>
    new Map([...bytes].map(([operand, count]) => [names[operand] ?? operand, count]));
  return {
    ...loop,
    whole: named(loop.whole),
    ...(loop.writes === undefined ? {} : {writes: loop.writes.map(one => names[one] ?? one)}),
    ...(loop.once === undefined ? {} : {once: named(loop.once)}),
    body: loop.body.map(part => nameParts(part, names)),
  };
}

/** The sum of bytes, operand by operand. */
export function addBytes(all: readonly Bytes[]): Bytes {
  const sum = new Map<string, number>();
  for (const bytes of all) {
    for (const [part, count] of bytes) {
      const operand = operandOf(part);
      sum.set(operand, (sum.get(operand) ?? 0) + count);
    }
  }
  return sum;
}
