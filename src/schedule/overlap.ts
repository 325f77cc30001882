// Distinct elements of views of one buffer that may share some, such as the halves of a map's channels.
//
// The strides of all views together are digits of an address, as long as each divides the next larger one: then a view
// is a box of digits, and a union of boxes is counted without marking elements.

import {sweep} from './pixels.js';
import type {View} from './steps.js';
import {elementRange} from './view-math.js';

/** Values of one digit: [start, end). */
interface Digits {
  readonly start: number;
  readonly end: number;
}

/** One range for each digit, the highest first. */
type Box = readonly Digits[];

/** Elements marked one by one where views are no boxes; beyond this many, shared ones count for each view. */
const MAX_MARKED = 2 ** 24;

/** Distinct elements of `views`: one buffer, strides of at least 1, no element twice in a view. */
export function overlappingElements(views: readonly View[]): number {
  const first = Math.min(...views.map(view => elementRange(view).first));
  const last = Math.max(...views.map(view => elementRange(view).last));
  const moved = views.map(view => ({...view, offset: view.offset - first}));
  const strides = [...new Set([1, ...views.flatMap(view => view.strides)])].sort((a, b) => b - a);
  const boxes = moved.map(view => boxOf(view, strides));
  if (boxes.every(box => box !== null)) return countBoxes(boxes);
  if (last - first < MAX_MARKED) return countMarks(moved, last - first + 1);
  return views.reduce((sum, {shape}) => sum + shape.reduce((a, b) => a * b, 1), 0);
}

/** A view as a box of digits of the given strides; null when it is none. */
function boxOf(view: View, strides: readonly number[]): Box | null {
  const sizes = new Map(view.strides.map((stride, dim) => [stride, view.shape[dim]!]));
  if (sizes.size < view.strides.length) return null;
  const box: Digits[] = [];
  let rest = view.offset;
  // From the lowest digit up, so that a dimension that fills its digit whole may go on in the next one.
  let carried = 1;
  for (const [index, stride] of [...strides.entries()].reverse()) {
    const radix = index === 0 ? Number.POSITIVE_INFINITY : strides[index - 1]! / stride;
    if (index > 0 && !Number.isInteger(radix)) return null;
    const size = (sizes.get(stride) ?? 1) * carried;
    const start = index > 0 ? (rest / stride) % radix : rest / stride;
    rest -= start * stride;
    if (start + size <= radix) {
      box.unshift({start, end: start + size});
      carried = 1;
    } else if (start === 0 && size % radix === 0 && !sizes.has(strides[index - 1]!)) {
      box.unshift({start: 0, end: radix});
      carried = size / radix;
    } else return null;
  }
  return box;
}

/** Points of a union of boxes of the same rank. */
function countBoxes(boxes: readonly Box[]): number {
  if (boxes[0]!.length === 0) return 1;
  const known = new Map<string, number>();
  let points = 0;
  sweep(
    boxes.map(([digits]) => [{first: digits!.start, step: 1, count: digits!.end - digits!.start}]),
    (length, crossing) => {
      const key = crossing.join();
      const each = known.get(key) ?? countBoxes(crossing.map(index => boxes[index]!.slice(1)));
      known.set(key, each);
      points += length * each;
    },
  );
  return points;
}

function countMarks(views: readonly View[], elements: number): number {
  const marks = new Uint8Array(elements);
  for (const view of views) markView(marks, view, view.offset, 0);
  return marks.reduce((sum, mark) => sum + mark, 0);
}

function markView(marks: Uint8Array, view: View, offset: number, dim: number): void {
  if (dim === view.shape.length) {
    marks[offset] = 1;
    return;
  }
  for (let i = 0; i < view.shape[dim]!; i++)
    markView(marks, view, offset + i * view.strides[dim]!, dim + 1);
}
