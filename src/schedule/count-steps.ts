// Exact bytes of every step that is not a convolution, from its views (docs/01-architecture.md, Counting).

import {SCALE_BYTES, WEIGHT_BYTES} from '../untangle/stored-weights.js';
import {overlappingElements} from './overlap.js';
import {countIndices, type Progression} from './pixels.js';
import {within} from './region-pixels.js';
import {epilogueViews} from './step-views.js';
import type {
  ConvStep,
  Counts,
  LoadStep,
  PoolStep,
  ResizeStep,
  Step,
  View,
  WidenStep,
} from './steps.js';
import {
  collapseByLast,
  distinctElements,
  elementCount,
  elementRange,
  normalize,
  sameView,
} from './view-math.js';

const F32_BYTES = 4;

/** A step other than a convolution, before it is counted. */
export type UncountedStep = OmitCounts<Exclude<Step, ConvStep>>;
/** Steps whose operands are f32. */
type PlainStep = Exclude<UncountedStep, {op: 'widen' | 'load'}>;
/** `Omit` that keeps a union a union. */
type OmitCounts<T> = T extends unknown ? Omit<T, 'counts'> : never;

/** Adds the counts to a step. */
export function counted(step: UncountedStep): Step {
  return {...step, counts: countStep(step)} as Step;
}

/** MACs and bytes of a step, one pass after another. */
export function countStep(step: UncountedStep): Counts {
  if (step.op === 'widen') return widenCounts(step);
  if (step.op === 'load') return loadCounts(step);
  return {
    macs: step.op === 'matmul' ? elementCount(step.y.shape) * step.a.shape[2]! : 0,
    readBytes: readElements(step) * F32_BYTES,
    writtenBytes: writtenElements(step) * F32_BYTES,
  };
}

/** Every weight and scale once, and what they become. */
function widenCounts({y, type}: Pick<WidenStep, 'y' | 'type'>): Counts {
  const [panels, , width] = y.shape as [number, number, number];
  const elements = elementCount(y.shape);
  return {
    macs: 0,
    readBytes: elements * WEIGHT_BYTES[type] + panels * width * SCALE_BYTES[type],
    writtenBytes: elements * F32_BYTES,
  };
}

/** What is read from the file is written to the arena. */
function loadCounts({x, type}: Pick<LoadStep, 'x' | 'type'>): Counts {
  const bytes = elementCount(x.shape) * WEIGHT_BYTES[type];
  return {macs: 0, readBytes: bytes, writtenBytes: bytes};
}

/** Where indices lead is known at run time only: scattering counts an element for every update. */
function writtenElements(step: PlainStep): number {
  if (step.op === 'normalize' && step.part === 'moments') return 0;
  return step.op === 'scatterIndexed' ? elementCount(step.x.shape) : distinctElements(step.y);
}

function readElements(step: PlainStep): number {
  switch (step.op) {
    case 'elementwise':
      return unionElements(step.inputs);
    case 'copy':
    case 'reduce':
    case 'argReduce':
    case 'cumulative':
    case 'softmax':
      return distinctElements(step.x);
    case 'fill':
      return 0;
    case 'pool':
      return touchedElements(step.x, [null, poolRows(step, 0), poolRows(step, 1), null]);
    case 'normalize':
      return normalizedElements(step);
    case 'resize':
      return (
        touchedElements(step.x, [null, resizeRows(step, 'Y'), resizeRows(step, 'X'), null]) +
        unionElements([step.weightsY, step.weightsX])
      );
    case 'gridSample':
      return unionElements([step.x, step.grid]);
    case 'matmul':
      return unionElements([step.a, step.b]);
    case 'gatherIndexed':
      return distinctElements(step.indices) + elementCount(step.y.shape);
    case 'scatterIndexed': {
      const joined = step.fn === 'set' ? 0 : elementCount(step.x.shape);
      return unionElements([step.x, step.indices]) + joined;
    }
    case 'gather':
      return touchedElements(step.x, [null, new Set(step.indices).size, null]);
  }
}

/** One pass for the moments, another one that applies them. */
function normalizedElements(step: Extract<PlainStep, {op: 'normalize'}>): number {
  const {part, x, scale, epilogue} = step;
  const moments = part === 'apply' ? 0 : distinctElements(x);
  if (part === 'moments') return moments;
  return moments + unionElements([x, ...(scale ? [scale] : []), ...epilogueViews(epilogue)]);
}

/** Elements of `x` when only `touched[d]` indices of dimension d are read; null means all. */
function touchedElements(x: View, touched: readonly (number | null)[]): number {
  const shape = x.shape.map((size, dim) => touched[dim] ?? size);
  if (shape.includes(0)) return 0;
  return distinctElements({...x, shape});
}

/** Input rows (axis 0) or columns (axis 1) that some window of a pool covers. */
function poolRows(step: Omit<PoolStep, 'counts'>, axis: 0 | 1): number {
  const [size, outputs] = [step.x.shape[1 + axis]!, step.y.shape[1 + axis]!];
  const [kernel, stride, dilation] = [step.kernel[axis], step.strides[axis], step.dilations[axis]];
  const start = -step.padBegin[axis];
  // Windows that leave no gaps are one run; else the fewer of windows and window elements are listed.
  const isGapless = dilation === 1 && kernel >= stride;
  const runs = isGapless
    ? [{first: start, step: 1, count: (outputs - 1) * stride + kernel}]
    : outputs < kernel
      ? repeated(outputs, stride, {first: start, step: dilation, count: kernel})
      : repeated(kernel, dilation, {first: start, step: stride, count: outputs});
  return countIndices(runs.flatMap(run => within(run, size)));
}

/** `count` copies of a progression, each `distance` after the one before. */
function repeated(count: number, distance: number, run: Progression): Progression[] {
  return Array.from({length: count}, (_, i) => ({...run, first: run.first + i * distance}));
}

function resizeRows(step: Omit<ResizeStep, 'counts'>, axis: 'Y' | 'X'): number {
  return new Set(axis === 'Y' ? step.indicesY : step.indicesX).size;
}

/** Distinct elements that several views name together. */
export function unionElements(views: readonly View[]): number {
  const distinct: View[] = [];
  for (const view of views.map(footprint)) {
    if (!distinct.some(known => sameView(known, view))) distinct.push(view);
  }
  let elements = 0;
  for (const group of groupByOverlap(distinct)) {
    elements += group.length === 1 ? distinctElements(group[0]!) : overlappingElements(group);
  }
  return elements;
}

/** The set of elements a view names, written the same way however its dimensions are ordered, split or repeated. */
function footprint(view: View): View {
  const kept = normalize(view)
    .strides.map((stride, dim) => ({stride, size: view.shape[dim]!}))
    .filter(({stride}) => stride !== 0);
  const offset = elementRange(view).first;
  const forward: View = {
    buffer: view.buffer,
    offset,
    shape: kept.map(({size}) => size),
    strides: kept.map(({stride}) => Math.abs(stride)),
  };
  return collapseByLast([forward])[0]!;
}

/** Views that may share elements end up in one group: same buffer, overlapping ranges. */
function groupByOverlap(views: readonly View[]): View[][] {
  const sorted = views
    .map(view => ({view, ...elementRange(view)}))
    .sort((a, b) => a.view.buffer - b.view.buffer || a.first - b.first);
  const groups: View[][] = [];
  let end = {buffer: -1, last: -1};
  for (const {view, first, last} of sorted) {
    if (view.buffer === end.buffer && first <= end.last) {
      groups.at(-1)!.push(view);
      end = {buffer: view.buffer, last: Math.max(end.last, last)};
    } else {
      groups.push([view]);
      end = {buffer: view.buffer, last};
    }
  }
  return groups;
}
