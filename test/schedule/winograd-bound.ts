// How far a convolution in Winograd's form may be from the definition: docs/01-architecture.md, "Winograd".

import assert from 'node:assert/strict';
import type {Step} from '../../src/schedule/steps.js';
import {
  isWinogradForm,
  type Matrix,
  WINOGRAD_PAIR,
  WINOGRAD_TILES,
  type WinogradForm,
  winogradMatrices,
} from '../../src/untangle/winograd.js';

/** All forms for which there are kernels. */
export const WINOGRAD_FORMS: readonly WinogradForm[] = [WINOGRAD_PAIR, ...WINOGRAD_TILES]
  .flatMap(tile =>
    [1, 2, 3].flatMap(rows =>
      [1, 2, 3].map(columns => ({tile, taps: [rows, columns]}) as WinogradForm),
    ),
  )
  .filter(isWinogradForm);

/** Unit roundoff of f32. */
const ROUNDOFF = 2 ** -24;

/** Roundings on the way of a product to an output, besides those of the sum over the channels. */
const OTHER_ROUNDINGS = 27;

/** The largest absolute values of the operands. */
export interface Magnitudes {
  readonly x: number;
  readonly weights: number;
  /** Of bias and residual together. */
  readonly added: number;
}

/** The most by which an output before its activation can be wrong. */
export function winogradBound(form: WinogradForm, inChannels: number, most: Magnitudes): number {
  const {tile, taps} = form;
  const roundings = (inChannels + OTHER_ROUNDINGS) * ROUNDOFF;
  const sums = inChannels * growth(tile, taps[0]) * growth(tile, taps[1]) * most.x * most.weights;
  return (roundings / (1 - roundings)) * (sums + most.added);
}

/** The most that absolute values grow along one axis: of row i of |Aᵀ|, the sum over v of |a_iv| |g_v|₁ |b_v|₁. */
export function growth(tile: number, taps: number): number {
  const {output, weights, input} = winogradMatrices(tile, taps);
  const sums = (matrix: Matrix) =>
    matrix.map(row => row.reduce((sum, entry) => sum + Math.abs(entry), 0));
  const [g, b] = [sums(weights), sums(input)];
  const rows = output.map(row =>
    row.reduce((sum, entry, v) => sum + Math.abs(entry) * g[v]! * b[v]!, 0),
  );
  return Math.max(...rows);
}

/** The operands of `conv-cases.ts`: integers up to 3, in bias, residual and slopes too. */
const SMALL: Magnitudes = {x: 3, weights: 3, added: 6};
const LARGEST_SLOPE = 3;

/** Asserts equal integers, or a result within the bound where a step takes Winograd's form. */
export function assertComputed(
  steps: readonly Step[],
  inChannels: number,
  {
    actual,
    expected,
    what = '',
  }: {actual: ArrayLike<number>; expected: readonly number[]; what?: string},
): void {
  const forms = steps.flatMap(step => (step.op === 'winograd' ? [step.form] : []));
  if (forms.length === 0) {
    // Adding 0 turns -0 into 0.
    const plain = (values: ArrayLike<number>) => Array.from(values, value => value + 0);
    assert.deepEqual(plain(actual), plain(expected), what);
    return;
  }
  const bounds = forms.map(form => winogradBound(form, inChannels, SMALL));
  const bound = LARGEST_SLOPE * Math.max(...bounds);
  assert.equal(actual.length, expected.length, what);
  expected.forEach((value, index) => {
    const error = Math.abs(actual[index]! - value);
    assert(error <= bound, `${what}: ${actual[index]} instead of ${value} at ${index}`);
  });
}
