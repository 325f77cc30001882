// How far a convolution in Winograd's form may be from the definition: docs/01-architecture.md, "Winograd".

import assert from 'node:assert/strict';
import type {Step} from '../../src/schedule/steps.js';
import {type Matrix, type WinogradTile, winogradMatrices} from '../../src/untangle/winograd.js';

/** Unit roundoff of f32. */
const ROUNDOFF = 2 ** -24;

/** Roundings on the way of a product to an output, besides those of the sum over the channels. */
const OTHER_ROUNDINGS = 20;

/** The largest absolute values of the operands. */
export interface Magnitudes {
  readonly x: number;
  readonly weights: number;
  /** Of bias and residual together. */
  readonly added: number;
}

/** The most by which an output before its activation can be wrong. */
export function winogradBound(tile: WinogradTile, inChannels: number, most: Magnitudes): number {
  const roundings = (inChannels + OTHER_ROUNDINGS) * ROUNDOFF;
  const sums = inChannels * growth(tile) ** 2 * most.x * most.weights;
  return (roundings / (1 - roundings)) * (sums + most.added);
}

/** The most that absolute values grow along one axis: of row i of |Aᵀ|, the sum over v of |a_iv| |g_v|₁ |b_v|₁. */
export function growth(tile: WinogradTile): number {
  const {output, weights, input} = winogradMatrices(tile);
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
  const tiles = steps.flatMap(step => (step.op === 'winograd' ? [step.tile] : []));
  if (tiles.length === 0) {
    // Adding 0 turns -0 into 0.
    const plain = (values: ArrayLike<number>) => Array.from(values, value => value + 0);
    assert.deepEqual(plain(actual), plain(expected), what);
    return;
  }
  const bounds = tiles.map(tile => winogradBound(tile, inChannels, SMALL));
  const bound = LARGEST_SLOPE * Math.max(...bounds);
  assert.equal(actual.length, expected.length, what);
  expected.forEach((value, index) => {
    const error = Math.abs(actual[index]! - value);
    assert(error <= bound, `${what}: ${actual[index]} instead of ${value} at ${index}`);
  });
}
