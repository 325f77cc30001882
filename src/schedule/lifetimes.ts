// Which bytes of a block are alive when: all of it from the first step that touches it to the last, or less where it fills and
// is used up from its beginning on, as maps are that bands make and read.
//
// Two blocks may then share bytes although both are there: what the one has used up is where the other grows (diagonal memory
// optimisation, arXiv:2010.01668, for steps instead of elements).

/** Bytes start..end-1 of a block that a step touches. */
export interface Touch {
  readonly step: number;
  readonly start: number;
  readonly end: number;
}

/** A block of the arena and the steps during which its bytes must not change hands, both inclusive. */
export interface Lifetime {
  readonly bytes: number;
  /** Index of the first step that touches it; -1 for inputs, which are there before the first step. */
  readonly firstUse: number;
  readonly lastUse: number;
  /** What each step touches, in their order; all of it when not given. */
  readonly touches?: readonly Touch[] | undefined;
}

/** A lifetime by its changes: in step `steps[i]`, bytes starts[i]..ends[i]-1 are alive. */
interface Growth {
  readonly steps: readonly number[];
  /** The first byte that this step or a later one touches. */
  readonly starts: readonly number[];
  /** The end of what this step and all before it touched. */
  readonly ends: readonly number[];
}

/** What is alive of one block. */
export interface Live {
  readonly lifetime: Lifetime;
  /** Null when all of it is, all the time. */
  readonly growth: Growth | null;
}

/** Looks at the touches of a lifetime. */
export function liveOf(lifetime: Lifetime): Live {
  const {bytes, firstUse, touches = []} = lifetime;
  // An input is there before any step touches it.
  const ends: number[] = [];
  let reached = firstUse < 0 ? bytes : 0;
  for (const {end} of touches) {
    reached = Math.max(reached, end);
    ends.push(reached);
  }
  const starts = touches.map(({start}) => start);
  for (let at = starts.length - 2; at >= 0; at--)
    starts[at] = Math.min(starts[at]!, starts[at + 1]!);
  const isWhole = touches.length === 0 || (ends[0] === bytes && starts.at(-1) === 0);
  if (isWhole) return {lifetime, growth: null};
  return {lifetime, growth: {steps: touches.map(({step}) => step), starts, ends}};
}

/**
 * How far above `lower` the other block has to begin, so that no byte is alive in both: `lower.bytes` for blocks that are alive
 * as a whole, less or nothing where `lower` grows into what `upper` has used up.
 */
export function separation(lower: Live, upper: Live): number {
  const last = Math.min(lower.lifetime.lastUse, upper.lifetime.lastUse);
  const first = Math.max(lower.lifetime.firstUse, upper.lifetime.firstUse);
  if (upper.growth === null) return endAt(lower, last);
  const {steps, starts} = upper.growth;
  let most = Number.NEGATIVE_INFINITY;
  for (let at = indexFrom(steps, first); at < steps.length; at++) {
    // Until the step itself, what it touches first is still needed.
    most = Math.max(most, endAt(lower, Math.min(steps[at]!, last)) - starts[at]!);
    if (steps[at]! >= last) break;
  }
  return most;
}

/** The end of what is alive of a block in a step that it is there in. */
function endAt({lifetime, growth}: Live, step: number): number {
  if (growth === null) return lifetime.bytes;
  const at = indexFrom(growth.steps, step + 1) - 1;
  if (at >= 0) return growth.ends[at]!;
  return lifetime.firstUse < 0 ? lifetime.bytes : 0;
}

/** The first of ascending steps that is at least `step`. */
function indexFrom(steps: readonly number[], step: number): number {
  let [low, high] = [0, steps.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle]! >= step) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The most bytes alive in any step, and the first step in which they are. */
export function fullestStep(all: readonly Live[]): {bytes: number; step: number} {
  const last = all.reduce((most, {lifetime}) => Math.max(most, lifetime.lastUse), 0);
  // Index 0 is the time before the first step.
  const changes = new Float64Array(last + 3);
  const add = (from: number, to: number, bytes: number) => {
    if (to < from) return;
    changes[from + 1]! += bytes;
    changes[to + 2]! -= bytes;
  };
  for (const {lifetime, growth} of all) {
    const {bytes, firstUse, lastUse} = lifetime;
    if (growth === null) {
      add(firstUse, lastUse, bytes);
      continue;
    }
    const {steps, starts, ends} = growth;
    if (firstUse < steps[0]!) add(firstUse, steps[0]! - 1, bytes - starts[0]!);
    steps.forEach((step, at) => {
      add(step, step, ends[at]! - starts[at]!);
      const next = steps[at + 1];
      if (next !== undefined) add(step + 1, next - 1, Math.max(0, ends[at]! - starts[at + 1]!));
    });
  }
  let [bytes, step, alive] = [0, 0, 0];
  changes.forEach((change, at) => {
    alive += change;
    if (alive <= bytes) return;
    bytes = alive;
    step = Math.max(0, at - 1);
  });
  return {bytes, step};
}
