// How the checks of a command look at its views: by name, with the message ready.

import {NONE, SLOT} from './commands.js';
import {check} from './format-error.js';
import type {DecodedProgram, ViewRecord} from './program.js';
import type {RangeReader} from './ranges.js';
import type {TapBounds} from './validate-regions.js';

/** Smallest and largest entry of a run of indices. */
export interface IndexBounds {
  readonly min: number;
  readonly max: number;
}

/** Shared by all commands of one program. */
export interface CheckContext {
  readonly program: DecodedProgram;
  readonly tapBounds: ReadonlyMap<object, TapBounds>;
  readonly indices: RangeReader<IndexBounds>;
  /** Regions used so far; no two commands share any. */
  regionTotal: number;
}

/** One command under check. */
export interface Checker {
  readonly context: CheckContext;
  /** `command 3 (copy)` */
  readonly owner: string;
}

/** Refuses the command with `<owner>: <detail>`. */
export function ensure(checker: Checker, holds: boolean, detail: () => string): void {
  check(holds, () => `${checker.owner}: ${detail()}`);
}

/** The view of f32 that field `name` names. */
export function readable(checker: Checker, name: string, index: number): ViewRecord {
  const view = anyView(checker, name, index);
  ensure(
    checker,
    view.type === 'fp32',
    () => `${name} (view ${index}) has ${view.type} elements; expected fp32`,
  );
  return view;
}

/** The view that field `name` names, of any type. */
export function anyView(checker: Checker, name: string, index: number): ViewRecord {
  const view = checker.context.program.views[index];
  ensure(checker, view !== undefined, () => `${name} names view ${index}, which does not exist`);
  return view!;
}

/** The same for a view that is written: no constant, no input, no element twice. */
export function writable(checker: Checker, name: string, index: number): ViewRecord {
  const view = readable(checker, name, index);
  ensure(checker, view.slot !== SLOT.constants, () => `${name} (view ${index}) writes constants`);
  const firstInput = SLOT.firstOutput + checker.context.program.outputs.length;
  ensure(checker, view.slot < firstInput, () => `${name} (view ${index}) writes an input`);
  const isOnce = isInjective(view);
  ensure(checker, isOnce, () => `${name} (view ${index}) writes the same element twice`);
  return view;
}

/**
 * Whether no two elements share an address: each stride passes the reach of all smaller ones.
 *
 * Says no to some exotic views that are injective; the scheduler makes none of them.
 */
function isInjective({shape, strides}: ViewRecord): boolean {
  // Without lists to sort: programs have views by the thousand.
  return shape.every((dim, axis) => {
    const stride = Math.abs(strides[axis]!);
    let reach = 0;
    for (let other = 0; other < shape.length; other++) {
      const step = Math.abs(strides[other]!);
      const isSmaller = step < stride || (step === stride && other < axis);
      if (isSmaller) reach += (shape[other]! - 1) * step;
    }
    return dim === 1 || stride > reach;
  });
}

/** The view that an optional field names, or null for NONE. */
export function optional(checker: Checker, name: string, index: number): ViewRecord | null {
  return index === NONE ? null : readable(checker, name, index);
}

/** A view of exactly `elements` elements, one after the other. */
export function requireDense(
  checker: Checker,
  name: string,
  view: ViewRecord,
  elements: number,
): void {
  let expected = 1;
  for (let axis = view.shape.length - 1; axis >= 0; axis--) {
    const isDense = view.shape[axis] === 1 || view.strides[axis] === expected;
    ensure(checker, isDense, () => `${name} is not contiguous`);
    expected *= view.shape[axis]!;
  }
  ensure(
    checker,
    expected === elements,
    () => `${name} has ${expected} elements; expected ${elements}`,
  );
}

export function requireShape(
  checker: Checker,
  name: string,
  view: ViewRecord,
  shape: readonly number[],
): void {
  const isSame =
    view.shape.length === shape.length && shape.every((size, axis) => size === view.shape[axis]);
  ensure(checker, isSame, () => `${name} has shape [${view.shape}]; expected [${shape}]`);
}

export function requireRank(checker: Checker, name: string, view: ViewRecord, rank: number): void {
  ensure(
    checker,
    view.shape.length === rank,
    () => `${name} has rank ${view.shape.length}; expected ${rank}`,
  );
}

/** The sizes of a map [N, H, W, C]. */
export function requireMap(
  checker: Checker,
  name: string,
  view: ViewRecord,
): readonly [number, number, number, number] {
  requireRank(checker, name, view, 4);
  const [n, h, w, c] = view.shape as unknown as [number, number, number, number];
  return [n, h, w, c];
}

/** The channels of a map lie one after the other. */
export function requireDenseChannels(checker: Checker, name: string, view: ViewRecord): void {
  const isDense = view.shape[3] === 1 || view.strides[3] === 1;
  ensure(checker, isDense, () => `${name} has channel stride ${view.strides[3]}; expected 1`);
}

export function requireFlag(checker: Checker, name: string, value: number): void {
  ensure(checker, value <= 1, () => `${name} is ${value}; expected 0 or 1`);
}

export function indexBounds(indices: Int32Array, first: number, count: number): IndexBounds {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let at = first; at < first + count; at++) {
    min = Math.min(min, indices[at]!);
    max = Math.max(max, indices[at]!);
  }
  return {min, max};
}
