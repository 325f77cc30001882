// Winograd's short convolutions: kernels of 2 or 3 taps an axis with up to 4 times fewer multiplications.
//
// F(m, r) computes m neighbouring outputs of a filter of r taps from n = m + r - 1 inputs with n products instead of m r:
// y = Aᵀ((G w) ⊙ (Bᵀ x)) (Winograd 1980; Lavin and Gray, arXiv:1509.09308). The matrices follow from the points at
// which the polynomials are evaluated (Cook and Toom). Points ±√½ and ±√2 instead of ±1 and ±2 keep the entries of large
// tiles closer together, and so their rounding errors smaller; small tiles use 0 and ±1 and are exact for small integers.

import {PANEL} from './pack.js';

/** Outputs of a tile along an axis of several taps; along an axis of one tap there is nothing to save, and one output. */
export const WINOGRAD_TILES = [2, 3, 4] as const;
export type WinogradTile = (typeof WINOGRAD_TILES)[number];

/** Most taps of the filter along each axis. */
export const WINOGRAD_TAPS = 3;

/** The finite evaluation points by the number of inputs; the last point of each is infinity. */
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
  /** Bᵀ [n][n] */
  readonly input: Matrix;
}

/** Tiles of a filter of taps [rows, columns]. */
export interface WinogradForm {
  readonly tile: WinogradTile;
  readonly taps: readonly [number, number];
}

/** Whether there are kernels: F(3, 2) would not be better than F(2, 2) and F(4, 2). */
export function isWinogradForm({tile, taps}: WinogradForm): boolean {
  const isKnown = (count: number) => count === 1 || count === 3 || (count === 2 && tile !== 3);
  return WINOGRAD_TILES.includes(tile) && taps.every(isKnown) && taps.some(count => count > 1);
}

/** Outputs of a tile along an axis of `taps` taps. */
export function winogradOutputs(tile: number, taps: number): number {
  return taps === 1 ? 1 : tile;
}

/** Inputs, and products, of a tile along an axis of `taps` taps. */
export function winogradInputs(tile: number, taps: number): number {
  return winogradOutputs(tile, taps) + taps - 1;
}

/** Products of a tile. */
export function winogradProducts({tile, taps}: WinogradForm): number {
  return winogradInputs(tile, taps[0]) * winogradInputs(tile, taps[1]);
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
  const outputs = winogradOutputs(tile, taps);
  const points = POINTS[winogradInputs(tile, taps)]!;
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

/** Where the weights of a convolution lie in those of ONNX. */
export interface KernelSource {
  readonly weights: Float32Array;
  readonly inChannels: number;
  readonly outChannels: number;
  /** Elements from an input (output) channel to the next. */
  readonly input: number;
  readonly output: number;
}

/** The offset of the tap that reads row dy and column dx of its window, at columns * dy + dx. */
export type KernelTaps = readonly number[];

/**
 * Transforms kernels to G w Gᵀ and packs them: [panels][kernels * products * inChannels][PANEL], as gemmTaps weights with a
 * tap per product.
 */
export function packWinograd(
  source: KernelSource,
  form: WinogradForm,
  kernels: readonly KernelTaps[],
): Float32Array {
  const {inChannels, outChannels} = source;
  const transform = kernelTransform(form);
  const products = winogradProducts(form);
  const panels = Math.ceil(outChannels / PANEL);
  const packed = new Float32Array(panels * kernels.length * products * inChannels * PANEL);
  // Rows of the products of a channel lie far apart: they are written a whole row at a time.
  const block = new Float32Array(products * PANEL);

  for (let panel = 0; panel < panels; panel++) {
    const first = panel * PANEL;
    const columns = Math.min(PANEL, outChannels - first);
    if (columns < PANEL) block.fill(0);
    for (const [kernel, taps] of kernels.entries()) {
      const row = (panel * kernels.length + kernel) * products * inChannels;
      for (let channel = 0; channel < inChannels; channel++) {
        for (let column = 0; column < columns; column++) {
          const base = channel * source.input + (first + column) * source.output;
          transform({weights: source.weights, base, taps}, block, column);
        }
        for (let f = 0; f < products; f++) {
          const at = (row + f * inChannels + channel) * PANEL;
          for (let column = 0; column < PANEL; column++)
            packed[at + column] = block[f * PANEL + column]!;
        }
      }
    }
  }

  return packed;
}

/** Reads w(dy, dx) at base + taps[columns * dy + dx]. */
interface KernelAt {
  readonly weights: Float32Array;
  readonly base: number;
  readonly taps: KernelTaps;
}

/**
 * G w Gᵀ in doubles, into a column of a block.
 *
 * This runs for every pair of channels: kernels are padded to three taps an axis so that its sums need no loops.
 */
function kernelTransform({
  tile,
  taps,
}: WinogradForm): (from: KernelAt, block: Float32Array, column: number) => void {
  const [rows, columns] = taps.map(count => paddedRows(winogradMatrices(tile, count).weights)) as [
    Float64Array,
    Float64Array,
  ];
  const [height, width] = taps;
  const window = new Float64Array(WINOGRAD_TAPS ** 2);

  return ({weights, base, taps: offsets}, block, column) => {
    for (let dy = 0; dy < height; dy++) {
      for (let dx = 0; dx < width; dx++)
        window[dy * WINOGRAD_TAPS + dx] = weights[base + offsets[dy * width + dx]!]!;
    }
    const [a0, a1, a2] = [window[0]!, window[1]!, window[2]!];
    const [b0, b1, b2] = [window[3]!, window[4]!, window[5]!];
    const [c0, c1, c2] = [window[6]!, window[7]!, window[8]!];
    let target = column;
    for (let v = 0; v < rows.length; v += WINOGRAD_TAPS) {
      const [g0, g1, g2] = [rows[v]!, rows[v + 1]!, rows[v + 2]!];
      const left = g0 * a0 + g1 * b0 + g2 * c0;
      const middle = g0 * a1 + g1 * b1 + g2 * c1;
      const right = g0 * a2 + g1 * b2 + g2 * c2;
      for (let u = 0; u < columns.length; u += WINOGRAD_TAPS) {
        block[target] = columns[u]! * left + columns[u + 1]! * middle + columns[u + 2]! * right;
        target += PANEL;
      }
    }
  };
}

/** Rows of three numbers, zero past a matrix's own. */
function paddedRows(matrix: Matrix): Float64Array {
  return Float64Array.from(
    matrix.flatMap(row => Array.from({length: WINOGRAD_TAPS}, (_, tap) => row[tap] ?? 0)),
  );
}
