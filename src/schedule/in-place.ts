// Steps that may write over an input that dies with them: one buffer instead of two.

import type {Node} from '../graph/graph.js';
import {mapStepViews, stepReads, stepViews} from './step-views.js';
import type {Buffer, Step, View} from './steps.js';
import {
  elementCount,
  elementRange,
  isDense,
  normalize,
  sameNumbers,
  sameStrides,
} from './view-math.js';

/** First and last step that touches each buffer, inclusive; inputs are there at -1. */
export interface Uses {
  readonly first: Map<number, number>;
  readonly last: Map<number, number>;
}

export function bufferUses(steps: readonly Step[], inputs: readonly number[]): Uses {
  const first = new Map(inputs.map(buffer => [buffer, -1]));
  const last = new Map(inputs.map(buffer => [buffer, -1]));
  steps.forEach((step, index) => {
    for (const {buffer} of stepViews(step)) {
      if (!first.has(buffer)) first.set(buffer, index);
      last.set(buffer, index);
    }
  });
  return {first, last};
}

/**
 * Lets elementwise steps, normalisations and residual additions write over the input that dies there, and rows that are
 * kept move within their window.
 *
 * Both views must be the whole of their buffers and step alike, so that every element is read before it is
 * overwritten, by the thread that overwrites it; or, for what moves, share no element.
 */
export function shareInPlace(
  steps: readonly Step[],
  buffers: readonly Buffer[],
  inputs: readonly number[],
): {steps: Step[]; buffers: Buffer[]} {
  const {first, last} = bufferUses(steps, inputs);
  const sized = [...buffers];
  const merged = new Map<number, number>();
  const rename = (view: View): View => ({...view, buffer: merged.get(view.buffer) ?? view.buffer});

  const shared = steps.map((original, index) => {
    const step = mapStepViews(original, rename);
    const {y} = step;
    if (first.get(y.buffer) !== index) return step;

    const dying = (x: View) => last.get(x.buffer) === index;
    const reusable = isWholeArena(sized, y)
      ? overwritable(step).find(x => dying(x) && isWholeArena(sized, x) && isSafe(step, x))
      : movedFrom(step).find(x => dying(x) && isApart(sized, x, y));
    if (reusable === undefined) return step;

    const [from, to] = [sized[reusable.buffer]!, sized[y.buffer]!];
    sized[from.id] = {...from, elements: Math.max(from.elements, to.elements)};
    merged.set(to.id, from.id);
    last.set(from.id, last.get(to.id)!);
    return mapStepViews(step, rename);
  });
  return {steps: shared, buffers: sized};
}

/** Values that a node's result may be written over where they die with it: what `overwritable` says of its steps. */
export function overwritableValues({operation, inputs}: Node): string[] {
  if (operation.op === 'chain') return [...inputs];
  const {residual} = 'epilogue' in operation ? operation.epilogue : {};
  const added = residual === undefined ? [] : [residual];
  return operation.op === 'instanceNorm' ? [inputs[0]!, ...added] : added;
}

/** Inputs that the step reads element by element just before it writes the same element of y. */
function overwritable(step: Step): View[] {
  switch (step.op) {
    case 'elementwise':
      return [...step.inputs];
    case 'normalize':
      return step.epilogue.residual === null ? [step.x] : [step.x, step.epilogue.residual];
    case 'gemmTaps':
    case 'planarTaps':
    case 'depthwise':
      // A sweep tap by tap writes y before it adds the residual.
      return step.epilogue.residual === null || step.regions.some(region => region.perTap)
        ? []
        : [step.epilogue.residual];
    case 'winograd':
      return step.epilogue.residual === null ? [] : [step.epilogue.residual];
    default:
      return [];
  }
}

/** The input of a copy, which may move within one buffer. */
function movedFrom(step: Step): View[] {
  return step.op === 'copy' ? [step.x] : [];
}

/** Whether the views would share no element in one buffer. */
function isApart(buffers: readonly Buffer[], x: View, y: View): boolean {
  if ([x, y].some(({buffer}) => buffers[buffer]!.storage.kind !== 'arena')) return false;
  const [read, written] = [elementRange(x), elementRange(y)];
  return written.last < read.first || read.last < written.first;
}

/** Whether everything the step reads from the buffer of `x` is read in step with y. */
function isSafe(step: Step, x: View): boolean {
  const allowed = overwritable(step);
  return stepReads(step)
    .filter(view => view.buffer === x.buffer)
    .every(view => allowed.includes(view) && isSamePlace(view, step.y));
}

/** Equal but for the buffer. */
function isSamePlace(a: View, b: View): boolean {
  return (
    a.offset === b.offset &&
    sameNumbers(a.shape, b.shape) &&
    sameStrides(normalize(a), normalize(b))
  );
}

function isWholeArena(buffers: readonly Buffer[], view: View): boolean {
  const buffer = buffers[view.buffer]!;
  return (
    buffer.storage.kind === 'arena' && isDense(view) && elementCount(view.shape) === buffer.elements
  );
}
