// Winograd's short convolutions: 3x3 stride-1 kernels with 2.25 or 4 times fewer multiplications.
//
// F(m, 3) computes m neighbouring outputs of a 3-tap filter from m + 2 inputs with m + 2 products instead of 3m:
// y = Aᵀ((G w) ⊙ (Bᵀ x)) (Winograd 1980; Lavin and Gray, arXiv:1509.09308). The matrices follow from the points at
// which the polynomials are evaluated (Cook and Toom). Points ±√½ and ±√2 instead of ±1 and ±2 keep the entries of F(4, 3)
// closer together, and so its rounding errors smaller; F(2, 3) uses 0 and ±1 and is exact for small integers.

import {PANEL} from './pack.js';

/** Outputs of a tile along each axis for which there are kernels. */
export const WINOGRAD_TILES = [2, 4] as const;
export type WinogradTile = (typeof WINOGRAD_TILES)[number];

/** Taps of the filter along each axis. */
export const WINOGRAD_TAPS = 3;

/** The finite evaluation points; the last point of each is infinity. */
const POINTS: Readonly<Record<WinogradTile, readonly number[]>> = {
  2: [0, 1, -1],
  4: [0, Math.SQRT1_2, -Math.SQRT1_2, Math.SQRT2, -Math.SQRT2],
};

/** Rows of numbers. */
export type Matrix = readonly (readonly number[])[];

/** The matrices of F(m, 3), with n = m + 2: y[m] = output · ((weights · w[3]) ⊙ (input · x[n])). */
export interface WinogradMatrices {
  /** Aᵀ [m][n] */
  readonly output: Matrix;
  /** G [n][3] */
  readonly weights: Matrix;
  /** Bᵀ [n][n] */
  readonly input: Matrix;
}

/** Inputs, and products, of a tile along each axis. */
export function winogradInputs(tile: WinogradTile): number {
  return tile + WINOGRAD_TAPS - 1;
}

/** Keeps neighbouring tiles of a block out of one another's cache sets. */
export const WINOGRAD_GAP = 16;

/** Floats of one tile of a block: [n * n][inChannels] inputs and [n * n][panels * PANEL] products, a gap after each. */
export function winogradTileElements(
  tile: WinogradTile,
  inChannels: number,
  panels: number,
): number {
  return winogradInputs(tile) ** 2 * (inChannels + panels * PANEL) + 2 * WINOGRAD_GAP;
}

export function winogradMatrices(tile: WinogradTile): WinogradMatrices {
  const points = POINTS[tile];
  const powers = (point: number, count: number) =>
    Array.from({length: count}, (_, power) => point ** power);
  const others = (at: number) => points.filter((_, index) => index !== at);
  const infinity = (count: number) => [...Array<number>(count - 1).fill(0), 1];

  const columns = [...points.map(point => powers(point, tile)), infinity(tile)];
  return {
    output: Array.from({length: tile}, (_, row) => columns.map(column => column[row]!)),
    weights: [
      ...points.map((point, at) => {
        const scale = others(at).reduce((product, other) => product * (point - other), 1);
        return powers(point, WINOGRAD_TAPS).map(power => power / scale);
      }),
      infinity(WINOGRAD_TAPS),
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

/** Where w(in, out, ky, kx) lies in the ONNX weights of a 3x3 convolution. */
export interface KernelSource {
  readonly weights: Float32Array;
  readonly inChannels: number;
  readonly outChannels: number;
  /** Elements from an input (output) channel to the next. */
  readonly input: number;
  readonly output: number;
  /** The offset of the tap that reads row dy and column dx of its window, at 3 dy + dx. */
  readonly taps: readonly number[];
}

/**
 * Transforms 3x3 weights to G w Gᵀ and packs them: [panels][n * n * inChannels][PANEL], as gemmTaps weights with a tap
 * per product.
 */
export function packWinograd(source: KernelSource, tile: WinogradTile): Float32Array {
  const {inChannels, outChannels} = source;
  const {weights: matrix} = winogradMatrices(tile);
  const products = winogradInputs(tile) ** 2;
  const panels = Math.ceil(outChannels / PANEL);
  const packed = new Float32Array(panels * products * inChannels * PANEL);
  const block = new Float64Array(products * PANEL);

  for (let panel = 0; panel < panels; panel++) {
    for (let channel = 0; channel < inChannels; channel++) {
      transformPanel(source, {matrix, panel, channel}, block);
      for (let f = 0; f < products; f++) {
        const row = (panel * products + f) * inChannels + channel;
        packed.set(block.subarray(f * PANEL, (f + 1) * PANEL), row * PANEL);
      }
    }
  }

  return packed;
}

/** block[v, u][column] = (G w Gᵀ)[v, u] for the output channels of a panel, zero past the last. */
function transformPanel(
  source: KernelSource,
  {matrix, panel, channel}: {matrix: Matrix; panel: number; channel: number},
  block: Float64Array,
): void {
  const {weights, outChannels, input, output, taps} = source;
  const half = new Float64Array(matrix.length * WINOGRAD_TAPS);
  const columns = Math.min(PANEL, outChannels - panel * PANEL);
  if (columns < PANEL) block.fill(0);
  for (let column = 0; column < columns; column++) {
    const base = channel * input + (panel * PANEL + column) * output;
    const tap = (at: number) => weights[base + taps[at]!]!;
    matrix.forEach((row, v) => {
      for (let dx = 0; dx < WINOGRAD_TAPS; dx++) {
        half[v * WINOGRAD_TAPS + dx] =
          row[0]! * tap(dx) + row[1]! * tap(dx + 3) + row[2]! * tap(dx + 6);
      }
    });
    for (let v = 0; v < matrix.length; v++) {
      const at = v * WINOGRAD_TAPS;
      for (let u = 0; u < matrix.length; u++) {
        const row = matrix[u]!;
        block[(v * matrix.length + u) * PANEL + column] =
          row[0]! * half[at]! + row[1]! * half[at + 1]! + row[2]! * half[at + 2]!;
      }
    }
  }
}
