// Rounding weights so that errors cancel: to the nearest first, then a few of them to the other side.
//
// Neighbouring inputs of a channel are much alike, and inputs after a Relu are all positive: what remains of rounding is
// mostly the sum of errors over the taps of a kernel, and over the channels. So the weights that lie closest to the
// middle between two steps change sides until these sums are as small as one step allows. No data is needed.
// Guo et al., "SQuant: On-the-Fly Data-Free Quantization via Diagonal Hessian Approximation" (arXiv:2202.07471), with
// steps that may differ from weight to weight.

/** The weights of one output channel, in rows: channel c of tap t in row t * channels + c. */
export interface WeightColumn {
  readonly exact: Float64Array;
  /** Both ways to round: the nearest, and from there to the other one; 0 where there is none. */
  readonly rounded: Float64Array;
  readonly toOther: Float64Array;
}

/** How the rows of a column belong together. */
export interface WeightRows {
  readonly channels: number;
  /** Taps of the outputs that share them, one phase after the other. */
  readonly phaseTaps: readonly number[];
}

/** Changes sides in `rounded` where that makes the sums of errors of kernels and phases smaller. */
export function balanceErrors(column: WeightColumn, {channels, phaseTaps}: WeightRows): void {
  const rows = new Int32Array(Math.max(0, ...phaseTaps));
  const sums = new Float64Array(channels);
  let first = 0;
  for (const taps of phaseTaps) {
    let total = 0;
    for (let channel = 0; channel < channels; channel++) {
      const sum = balanceKernel(column, {first: first + channel, taps, channels}, rows);
      sums[channel] = sum;
      total += sum;
    }
    balanceChannels(column, {first, taps, channels}, sums, total);
    first += taps * channels;
  }
}

/** `taps` rows from `first` on, `channels` apart. */
interface KernelRows {
  readonly first: number;
  readonly taps: number;
  readonly channels: number;
}

/** The taps of one channel; returns what is left of the sum of their errors. */
function balanceKernel(
  column: WeightColumn,
  {first, taps, channels}: KernelRows,
  rows: Int32Array,
): number {
  const {exact, rounded, toOther} = column;
  let sum = 0;
  let smallest = Number.POSITIVE_INFINITY;
  for (let tap = 0, row = first; tap < taps; tap++, row += channels) {
    rows[tap] = row;
    sum += rounded[row]! - exact[row]!;
    const step = Math.abs(toOther[row]!);
    if (step > 0 && step < smallest) smallest = step;
  }
  return smallest >= 2 * Math.abs(sum) ? sum : balance(column, rows, taps, sum, null);
}

/** The sum over the channels of a phase: each kernel whose sum has its sign offers one weight. */
function balanceChannels(
  column: WeightColumn,
  {first, taps, channels}: KernelRows,
  sums: Float64Array,
  total: number,
): void {
  const offered = new Int32Array(channels);
  const leaning = new Float64Array(channels);
  let count = 0;
  for (let channel = 0; channel < channels; channel++) {
    if (sums[channel]! * total <= 0) continue;
    let best = -1;
    let closest = 0;
    for (let tap = 0; tap < taps; tap++) {
      const row = first + tap * channels + channel;
      const closeness = closenessOf(column, row);
      if (column.toOther[row]! * total < 0 && closeness > closest) {
        best = row;
        closest = closeness;
      }
    }
    if (best < 0) continue;
    leaning[count] = Math.abs(sums[channel]! / column.toOther[best]!);
    offered[count++] = best;
  }
  balance(column, offered, count, total, leaning);
}

/** How close a weight lies to the middle between two steps: 0 to 1/2. */
function closenessOf({exact, rounded, toOther}: WeightColumn, row: number): number {
  const step = toOther[row]!;
  return step === 0 ? 0 : (exact[row]! - rounded[row]!) / step;
}

/**
 * Lets weights of the first `count` of `rows` change sides, the closest to the middle first, while their sum of errors becomes smaller; returns what is
 * left of it.
 *
 * @param leaning what else speaks for each of them
 */
function balance(
  column: WeightColumn,
  rows: Int32Array,
  count: number,
  error: number,
  leaning: Float64Array | null,
): number {
  const {rounded, toOther} = column;
  let sum = error;
  for (;;) {
    let best = -1;
    let closest = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < count; i++) {
      const step = toOther[rows[i]!]!;
      if (step * sum >= 0 || Math.abs(step) >= 2 * Math.abs(sum)) continue;
      const closeness = closenessOf(column, rows[i]!) + (leaning === null ? 0 : leaning[i]!);
      if (closeness > closest) {
        best = rows[i]!;
        closest = closeness;
      }
    }
    if (best < 0) return sum;
    rounded[best] = rounded[best]! + toOther[best]!;
    sum += toOther[best]!;
    toOther[best] = 0;
  }
}
