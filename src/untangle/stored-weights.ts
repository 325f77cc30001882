// Weights as a program stores them: f32, half precision, or bytes with a scale for each output channel.
//
// docs/01-architecture.md, "Stored weights", has the layout, the rounding and what it can cost.

import {balanceErrors, type WeightColumn, type WeightRows} from './round-weights.js';

/** What `weights` chooses, and the word that says so in a program. */
export const WEIGHT_TYPE = {fp32: 0, fp16: 1, int8: 2} as const;

export type WeightType = keyof typeof WEIGHT_TYPE;

export const WEIGHT_TYPES = ['fp32', 'fp16', 'int8'] as const satisfies readonly WeightType[];

/** Bytes of a weight. */
export const WEIGHT_BYTES: Readonly<Record<WeightType, number>> = {fp32: 4, fp16: 2, int8: 1};

/** Bytes of the scale of a column. */
export const SCALE_BYTES: Readonly<Record<WeightType, number>> = {fp32: 0, fp16: 0, int8: 4};

/** Packed weights: [panels][rows][width], a column for each output channel of a panel. */
export interface PanelLayout {
  readonly panels: number;
  readonly rows: number;
  readonly width: number;
}

/** Packed weights of a node, and what they are stored as. */
export interface StoredWeights extends PanelLayout, WeightRows {
  readonly type: WeightType;
  readonly node: string;
}

/** Largest magnitudes a type holds: int8 takes any, but no infinity. */
const LARGEST: Readonly<Record<WeightType, number>> = {
  fp32: Infinity,
  fp16: 65504,
  int8: 3.4028234663852886e38,
};

/**
 * Elements of `type` that packed weights take.
 *
 * A panel of int8 is its f32 scales, then its rows; then zeros up to a multiple of 4 bytes.
 */
export function storedElements(type: WeightType, {panels, rows, width}: PanelLayout): number {
  const weights = rows * width;
  return panels * (type === 'int8' ? SCALE_BYTES.int8 * width + alignFour(weights) : weights);
}

function alignFour(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}

/** The first of `values` that `type` cannot hold; undefined when there is none. */
export function unstorable(type: WeightType, values: Float32Array): number | undefined {
  const largest = LARGEST[type];
  if (largest === Infinity) return undefined;
  // The negation also finds NaN.
  return values.find(value => !(Math.abs(value) <= largest));
}

/** Writes packed weights to `target`, which starts at a multiple of 4 bytes of its buffer; `values` are rounded on the way. */
export function storeWeights(
  type: WeightType,
  layout: PanelLayout & WeightRows,
  values: Float32Array,
  target: Uint8Array,
): void {
  const {panels, rows, width} = layout;
  const elements = rows * width;
  const panelBytes = storedElements(type, {panels: 1, rows, width}) * WEIGHT_BYTES[type];
  const column = emptyColumn(rows);
  for (let panel = 0; panel < panels; panel++) {
    const source = values.subarray(panel * elements, (panel + 1) * elements);
    const start = target.byteOffset + panel * panelBytes;
    switch (type) {
      case 'fp32':
        new Float32Array(target.buffer, start, elements).set(source);
        break;
      case 'fp16':
        for (let c = 0; c < width; c++)
          roundColumn(source, {c, width, scale: 1}, HALF, column, layout);
        writeHalves(source, new Uint16Array(target.buffer, start, elements));
        break;
      case 'int8': {
        const scales = new Float32Array(target.buffer, start, width);
        scales.set(columnScales(source, width));
        for (let c = 0; c < width; c++)
          roundColumn(source, {c, width, scale: scales[c]!}, BYTE, column, layout);
        const bytes = start + SCALE_BYTES.int8 * width;
        new Int8Array(target.buffer, bytes, elements).set(source);
      }
    }
  }
}

function emptyColumn(rows: number): WeightColumn {
  const floats = () => new Float64Array(rows);
  return {exact: floats(), rounded: floats(), toOther: floats()};
}

/** The scale of each column: its largest magnitude becomes 127. */
function columnScales(values: Float32Array, width: number): Float32Array {
  const largest = new Float32Array(width);
  for (let at = 0, column = 0; at < values.length; at++) {
    const magnitude = Math.abs(values[at]!);
    if (magnitude > largest[column]!) largest[column] = magnitude;
    if (++column === width) column = 0;
  }
  return largest.map(value => value / BYTE.largest);
}

/** Numbers to round to, up to `largest`: multiples of 1, or of a step for each exponent of an f32 (biased by 127). */
interface Grid {
  readonly largest: number;
  readonly steps: Float64Array | null;
}

const BYTE: Grid = {largest: 127, steps: null};

/** 11 significant bits, down to multiples of 2^-24. */
const HALF: Grid = {
  largest: LARGEST.fp16,
  steps: Float64Array.from({length: 256}, (_, biased) =>
    Math.max(2 ** -24, 2 ** (biased - 127 - 10)),
  ),
};

/** Sums of numbers with so many of their steps have no room for less than one, and round as the standard says. */
const ROUNDER = 1.5 * 2 ** 52;

/** Divides column `c` of [rows][width] by its scale and rounds it to a grid. */
function roundColumn(
  values: Float32Array,
  {c, width, scale}: {c: number; width: number; scale: number},
  {largest, steps}: Grid,
  column: WeightColumn,
  rows: WeightRows,
): void {
  const {exact, rounded, toOther} = column;
  const factor = scale > 0 ? 1 / scale : 0;
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let row = 0, at = c; row < exact.length; row++, at += width) {
    const value = values[at]! * factor;
    const step = steps === null ? 1 : steps[(words[at]! >>> 23) & 0xff]!;
    const nearest = value + step * ROUNDER - step * ROUNDER;
    exact[row] = value;
    rounded[row] = Math.max(-largest, Math.min(largest, nearest));
    const other = value > nearest ? step : value < nearest ? -step : 0;
    toOther[row] = Math.abs(nearest + other) > largest ? 0 : other;
  }
  balanceErrors(column, rows);
  for (let row = 0, at = c; row < exact.length; row++, at += width) values[at] = rounded[row]!;
}

/** The bits of numbers that half precision holds. */
function writeHalves(values: Float32Array, target: Uint16Array): void {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    const sign = (word >>> 16) & 0x8000;
    const magnitude = word & 0x7fffffff;
    // Exponents are smaller by 112; below them are multiples of 2^-24.
    const bits =
      magnitude >= 0x38800000 ? (magnitude - 0x38000000) >>> 13 : Math.abs(values[at]!) * 2 ** 24;
    target[at] = sign | bits;
  }
}
