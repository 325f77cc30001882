// Winograd's short convolutions: kernels of 2 or 3 taps an axis with up to 4 times fewer multiplications.
//
// F(m, r) computes m neighbouring outputs of a filter of r taps from n = m + r - 1 inputs with n products instead of m r:
// y = Aᵀ((G w) ⊙ (Bᵀ x)) (Winograd 1980; Lavin and Gray, arXiv:1509.09308). The matrices follow from the points at
// which the polynomials are evaluated (Cook and Toom). Points ±√½ and ±√2 instead of ±1 and ±2 keep the entries of large
// tiles closer together, and so their rounding errors smaller; small tiles use 0 and ±1 and are exact for small integers.
//
// Widely dilated filters of 3 taps leave residues of two pixels that have nobody beside them: y0 = w1 x0 + w2 x1 and
// y1 = w0 x0 + w1 x1. As a filter (x1, x0) over (w2, w1, w0) that is F(2, 2), so the roles of input and weights are
// exchanged: 3 products for a pair instead of 4.

import {PANEL} from './pack.js';

/** Outputs of a tile along an axis of several taps; along an axis of one tap there is nothing to save, and one output. */
export const WINOGRAD_TILES = [2, 3, 4] as const;

/** Stands for pairs: tiles of two outputs whose two inputs have no neighbours. */
export const WINOGRAD_PAIR = 1;
export type WinogradTile = (typeof WINOGRAD_TILES)[number] | typeof WINOGRAD_PAIR;

/** Most taps of the filter along each axis. */
export const WINOGRAD_TAPS = 3;

/** The finite evaluation points by the number of products; the last point of each is infinity. */
const POINTS: Readonly<Record<number, readonly number[]>> = {
  1: [],
  3: [0, 1],
  4: [0, 1, -1],
  5: [0, Math.SQRT1_2, -Math.SQRT1_2, Math.SQRT2],
  6: [0, Math.SQRT1_2, -Math.SQRT1_2, Math.SQRT2, -Math.SQRT2],
};

/** Rows of numbers. */
export type Matrix = readonly (readonly number[])[];

/** The matrices of F(m, r): y[m] = output · ((weights · w[r]) ⊙ (input · x[n])). */
export interface WinogradMatrices {
  /** Aᵀ [m][n] */
  readonly output: Matrix;
  /** G [n][r] */
  readonly weights: Matrix;
  /** Bᵀ [n][n]; [3][2] of pairs */
  readonly input: Matrix;
}

const PAIR: WinogradMatrices = {
  output: [
    [0, 1, 1],
    [1, 1, 0],
  ],
  weights: [
    [1, -1, 0],
    [0, 1, 0],
    [0, -1, 1],
  ],
  input: [
    [1, 0],
    [1, 1],
    [0, 1],
  ],
};

/** Tiles of a filter of taps [rows, columns]. */
export interface WinogradForm {
  readonly tile: WinogradTile;
  readonly taps: readonly [number, number];
}

/** Whether there are kernels: F(3, 2) would not be better than F(2, 2) and F(4, 2), and pairs have 3 taps. */
export function isWinogradForm({tile, taps}: WinogradForm): boolean {
  const hasTwo = tile === 2 || tile === 4;
  const isKnown = (count: number) => count === 1 || count === 3 || (count === 2 && hasTwo);
  const isTile = tile === WINOGRAD_PAIR || WINOGRAD_TILES.includes(tile);
  return isTile && taps.every(isKnown) && taps.some(count => count > 1);
}

/** Outputs of a tile along an axis of `taps` taps. */
export function winogradOutputs(tile: number, taps: number): number {
  if (taps === 1) return 1;
  return tile === WINOGRAD_PAIR ? 2 : tile;
}

/** Inputs of a tile along an axis of `taps` taps. */
export function winogradInputs(tile: number, taps: number): number {
  return tile === WINOGRAD_PAIR ? winogradOutputs(tile, taps) : winogradProductsAlong(tile, taps);
}

/** Products of a tile along an axis of `taps` taps. */
export function winogradProductsAlong(tile: number, taps: number): number {
  return (taps === 1 ? 1 : tile) + taps - 1;
}

/** Products of a tile. */
export function winogradProducts({tile, taps}: WinogradForm): number {
  return winogradProductsAlong(tile, taps[0]) * winogradProductsAlong(tile, taps[1]);
}

/** Floats of a transformed kernel: [panels][products][inChannels][PANEL]. */
export function winogradKernelElements(
  form: WinogradForm,
  inChannels: number,
  panels: number,
): number {
  return winogradProducts(form) * inChannels * panels * PANEL;
}

/** Keeps neighbouring tiles of a block out of one another's cache sets. */
export const WINOGRAD_GAP = 16;

/** Floats of one tile of a block: [products][inChannels] inputs and [products][panels * PANEL] sums, a gap after each. */
export function winogradTileElements(
  form: WinogradForm,
  inChannels: number,
  panels: number,
): number {
  return winogradProducts(form) * (inChannels + panels * PANEL) + 2 * WINOGRAD_GAP;
}

export function winogradMatrices(tile: number, taps: number): WinogradMatrices {
  if (tile === WINOGRAD_PAIR && taps > 1) return PAIR;
  const outputs = winogradOutputs(tile, taps);
  const points = POINTS[winogradProductsAlong(tile, taps)]!;
  const powers = (point: number, count: number) =>
    Array.from({length: count}, (_, power) => point ** power);
  const others = (at: number) => points.filter((_, index) => index !== at);
  const infinity = (count: number) => [...Array<number>(count - 1).fill(0), 1];

  const columns = [...points.map(point => powers(point, outputs)), infinity(outputs)];
  return {
    output: Array.from({length: outputs}, (_, row) => columns.map(column => column[row]!)),
    weights: [
      ...points.map((point, at) => {
        const scale = others(at).reduce((product, other) => product * (point - other), 1);
        return powers(point, taps).map(power => power / scale);
      }),
      infinity(taps),
    ],
    input: [...points.map((_, at) => [...polynomial(others(at)), 0]), polynomial(points)],
  };
}

/** Coefficients of the product of (x - root), lowest power first. */
function polynomial(roots: readonly number[]): number[] {
  return roots.reduce<number[]>(
    (product, root) =>
      Array.from(
        {length: product.length + 1},
        (_, power) => (product[power - 1] ?? 0) - root * (product[power] ?? 0),
      ),
    [1],
  );
}
