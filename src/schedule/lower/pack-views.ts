// Packing weights at run time: the strided copies that put a weights view into the order of packed weights.
//
// The same order as untangle/pack.ts, which packs constants: [groups][panels][taps][channels][panel columns]. Taps whose
// kernel elements lie in a grid, as those of a whole kernel or of one phase do, are one copy per run of panels.

import type {PackedTaps} from '../../untangle/pack.js';
import type {View} from '../steps.js';
import {normalize} from '../view-math.js';

/** How the packed weights of a step lie. */
export interface PackedLayout {
  readonly groups: number;
  /** Output channels of a group: the columns of one fused phase. */
  readonly columns: number;
  /** Columns of a panel; all columns where weights are not cut into panels. */
  readonly panelWidth: number;
  /** Input channels per tap. */
  readonly rows: number;
  readonly taps: PackedTaps;
  readonly fusedPhases: number;
}

/** Strides of a weights view [.., .., kz, ky, kx] by meaning, in elements. */
export interface WeightStrides {
  readonly group: number;
  readonly input: number;
  readonly output: number;
  readonly kernelZ: number;
  readonly kernelY: number;
  readonly kernelX: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
}

/** x is read from the weights, y is written in the packed buffer. */
export interface CopyViews {
  readonly x: View;
  readonly y: View;
}

/** Two nested rows of taps: tap i, j of the grid is the packed tap `tap` and lies at `offset` in the weights. */
interface TapGrid {
  readonly tap: number;
  readonly offset: number;
  readonly outer: TapRow;
  readonly inner: TapRow;
}

interface TapRow {
  readonly count: number;
  readonly tapStep: number;
  readonly offsetStep: number;
}

interface PlacedTap {
  readonly tap: number;
  readonly offset: number;
}

export function panelsOf({columns, fusedPhases, panelWidth}: PackedLayout): number {
  return Math.ceil((columns * fusedPhases) / panelWidth);
}

export function packedElements(layout: PackedLayout): number {
  const {groups, panelWidth, rows, taps} = layout;
  return groups * panelsOf(layout) * taps.length * rows * panelWidth;
}

/** Whether some packed element of a real column is a zero that no kernel element fills. */
export function hasZeroTaps({taps}: PackedLayout): boolean {
  return taps.some(phases => phases.some(kernelIndex => kernelIndex < 0));
}

/** The copies from `weights` to the flat view `packed`; columns past the last one are left as they are. */
export function packingCopies(
  layout: PackedLayout,
  strides: WeightStrides,
  {weights, packed}: {weights: View; packed: View},
): CopyViews[] {
  const {columns, fusedPhases} = layout;
  const copies: CopyViews[] = [];
  for (let phase = 0; phase < fusedPhases; phase++) {
    const grids = tapGrids(placedTaps(layout, strides, phase));
    for (const run of panelRuns(layout, phase * columns, columns)) {
      for (const grid of grids)
        copies.push(copyViews(layout, strides, {weights, packed, run, grid}));
    }
  }
  return copies;
}

function placedTaps(
  {taps}: PackedLayout,
  {kernelZ, kernelY, kernelX, kernelHeight, kernelWidth}: WeightStrides,
  phase: number,
): PlacedTap[] {
  return taps.flatMap((phases, tap) => {
    const element = phases[phase]!;
    if (element < 0) return [];
    const row = Math.floor(element / kernelWidth);
    const plane = Math.floor(row / kernelHeight);
    const offset =
      plane * kernelZ + (row % kernelHeight) * kernelY + (element % kernelWidth) * kernelX;
    return [{tap, offset}];
  });
}

/** Columns [channel, channel + panels * width) of one phase: whole panels, or a part of one from column `column` on. */
interface PanelRun {
  readonly channel: number;
  readonly panel: number;
  readonly column: number;
  readonly panels: number;
  readonly width: number;
}

/** Cuts `count` columns from `first` on into whole panels and what is left at both ends. */
function panelRuns({panelWidth}: PackedLayout, first: number, count: number): PanelRun[] {
  const runs: PanelRun[] = [];
  for (let at = first; at < first + count; ) {
    const column = at % panelWidth;
    const left = first + count - at;
    const isWhole = column === 0 && left >= panelWidth;
    const panels = isWhole ? Math.floor(left / panelWidth) : 1;
    const width = isWhole ? panelWidth : Math.min(panelWidth - column, left);
    const panel = Math.floor(at / panelWidth);
    runs.push({channel: at - first, panel, column, panels, width});
    at += panels * width;
  }
  return runs;
}

function copyViews(
  layout: PackedLayout,
  strides: WeightStrides,
  part: {weights: View; packed: View; run: PanelRun; grid: TapGrid},
): CopyViews {
  const {groups, panelWidth, rows, taps} = layout;
  const {weights, packed, run, grid} = part;
  const {outer, inner} = grid;
  const tapSize = rows * panelWidth;
  const panelSize = taps.length * tapSize;
  const shape = [groups, run.panels, outer.count, inner.count, rows, run.width];
  return {
    x: normalize({
      buffer: weights.buffer,
      offset: weights.offset + run.channel * strides.output + grid.offset,
      shape,
      strides: [
        strides.group,
        panelWidth * strides.output,
        outer.offsetStep,
        inner.offsetStep,
        strides.input,
        strides.output,
      ],
    }),
    y: normalize({
      buffer: packed.buffer,
      offset: packed.offset + run.panel * panelSize + grid.tap * tapSize + run.column,
      shape,
      strides: [
        panelsOf(layout) * panelSize,
        panelSize,
        outer.tapStep * tapSize,
        inner.tapStep * tapSize,
        panelWidth,
        1,
      ],
    }),
  };
}

/** Covers a list of taps with grids: rows of constant step first, then equal rows a constant distance apart. */
function tapGrids(taps: readonly PlacedTap[]): TapGrid[] {
  const rows = evenRuns(taps, () => true).map(({first, row}) => ({...first, inner: row}));
  return evenRuns(rows, (a, b) => sameRow(a.inner, b.inner)).map(({first, row}) => ({
    ...first,
    outer: row,
  }));
}

/** Cuts a list into runs of items that are alike and lie one constant step apart. */
function evenRuns<T extends PlacedTap>(
  items: readonly T[],
  alike: (a: T, b: T) => boolean,
): {first: T; row: TapRow}[] {
  const runs: {first: T; row: TapRow}[] = [];
  for (let start = 0; start < items.length; ) {
    const first = items[start]!;
    const second = items[start + 1];
    const tapStep = second === undefined ? 0 : second.tap - first.tap;
    const offsetStep = second === undefined ? 0 : second.offset - first.offset;
    let count = 1;
    while (start + count < items.length) {
      const next = items[start + count]!;
      const isEven =
        next.tap === first.tap + count * tapStep &&
        next.offset === first.offset + count * offsetStep;
      if (!isEven || !alike(first, next)) break;
      count++;
    }
    runs.push({first, row: {count, tapStep, offsetStep}});
    start += count;
  }
  return runs;
}

function sameRow(a: TapRow, b: TapRow): boolean {
  return a.count === b.count && a.tapStep === b.tapStep && a.offsetStep === b.offsetStep;
}
