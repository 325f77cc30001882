// Where every computed value is written: its own buffer, or its place inside a larger one.
//
// Walked backwards, so that the whole is placed before its parts: an output slot, a concat or the interior of a pad
// proposes a place to the value it needs; transposes and reshapes hand the proposal on to their input; the producer
// takes it when its step can write such a view. Whoever proposed copies when the proposal was not taken.

import type {Graph, Node, Operation} from '../graph/graph.js';
import type {BufferList} from './buffers.js';
import {nodeReads, shapeOf} from './layout.js';
import {foldDepth, toVolume} from './map-view.js';
import type {View} from './steps.js';
import {
  elementCount,
  gemmRows,
  inverseOrder,
  type Order,
  permuteView,
  reshapeView,
  sameOrder,
  sliceView,
  viewOrder,
} from './view-math.js';

/** The windows a concat's inputs fill in its output. */
export function concatParts(graph: Graph, node: Node, whole: View): {name: string; view: View}[] {
  if (node.operation.op !== 'concat') return [];
  const {axis} = node.operation;
  let start = 0;
  return node.inputs.map(name => {
    const shape = shapeOf(graph, name);
    const view = sliceView(whole, {
      starts: shape.map((_, dim) => (dim === axis ? start : 0)),
      shape,
    });
    start += shape[axis]!;
    return {name, view};
  });
}

/** The window a pad's input fills in its output; negative pads cut the input first. */
export function padInterior(node: Node, {x, y}: {x: View; y: View}): {x: View; y: View} {
  if (node.operation.op !== 'pad') return {x, y};
  const {begin, end} = node.operation;
  const shape = x.shape.map(
    (size, dim) => size + Math.min(begin[dim]!, 0) + Math.min(end[dim]!, 0),
  );
  return {
    x: sliceView(x, {starts: begin.map(pad => Math.max(-pad, 0)), shape}),
    y: sliceView(y, {starts: begin.map(pad => Math.max(pad, 0)), shape}),
  };
}

/** The common difference of indices that form an arithmetic row, or null. */
export function regularStep(indices: readonly number[]): number | null {
  const step = indices.length > 1 ? indices[1]! - indices[0]! : 1;
  return indices.every((index, i) => index === indices[0]! + i * step) ? step : null;
}

/** Whether a node only looks at its input differently; a reshape may still have to copy. */
export function isViewNode(node: Node): boolean {
  const {operation} = node;
  switch (operation.op) {
    case 'reshape':
    case 'transpose':
    case 'expand':
    case 'slice':
      return true;
    case 'gather':
      return regularStep(operation.indices) !== null;
    case 'pad':
      return [...operation.begin, ...operation.end].every(pad => pad <= 0);
    default:
      return false;
  }
}

/** Where values are to be written. */
export interface Targets {
  /** For every value that a step computes, and proposals for values that are views. */
  readonly places: ReadonlyMap<string, View>;
  /** The memory of each graph output. */
  readonly slots: readonly View[];
}

/** A part of a value, as large as what lies there. */
export interface Place {
  readonly over: string;
  /** Where it begins, for each axis. */
  readonly starts: readonly number[];
}

/** What was decided about a graph before its values are placed. */
export interface PlaceOptions {
  readonly orders: ReadonlyMap<string, Order>;
  /** Outputs of convolutions that write maps of any strides. */
  readonly planar: ReadonlySet<string>;
  /** Outputs of concats whose parts stay where they are computed. */
  readonly copiedConcats: ReadonlySet<string>;
  /** Values that lie in a part of others (see `bands/overlay.ts`). */
  readonly overlays: ReadonlyMap<string, Place>;
}

/** Decides the place of every value that a step computes. */
export function planTargets(
  graph: Graph,
  buffers: BufferList,
  {orders, planar, copiedConcats, overlays}: PlaceOptions,
): Targets {
  const targets = new Map<string, View>();
  const isComputed = new Set(graph.nodes.map(node => node.output));
  const propose = (name: string, view: View) => {
    if (isComputed.has(name) && !targets.has(name)) targets.set(name, view);
  };
  // Where these lie is something else until they are written.
  const late = new Set<string>();
  const overlay = (name: string) => {
    const place = overlays.get(name);
    if (place === undefined || targets.has(name)) return;
    const {over, starts} = place;
    overlay(over);
    propose(over, buffers.arena(shapeOf(graph, over), orders.get(over)!));
    propose(name, sliceView(targets.get(over)!, {starts, shape: shapeOf(graph, name)}));
    late.add(name);
  };
  const uses = countUses(graph);
  const producers = new Map(graph.nodes.map(node => [node.output, node]));

  const slots = graph.outputs.map(({value}, index) => buffers.output(index, shapeOf(graph, value)));
  graph.outputs.forEach(({value}, index) => {
    propose(value, slots[index]!);
  });
  for (const node of [...graph.nodes].reverse()) {
    overlay(node.output);
    const proposed = targets.get(node.output);
    if (isViewNode(node)) {
      const source = proposed && sourcePlace(graph, node, proposed);
      if (source) propose(node.inputs[0]!, source);
      continue;
    }
    const order = orders.get(node.output)!;
    const accepts =
      proposed !== undefined &&
      canWrite(
        {graph, producers, planar, partsLeft: MAX_PARTS + node.inputs.length, depth: 0},
        node,
        proposed,
      ) &&
      (uses.get(node.output) === 1 || sameOrder(proposed.shape, viewOrder(proposed), order));
    const target = accepts ? proposed : buffers.arena(shapeOf(graph, node.output), order);
    targets.set(node.output, target);
    if (late.has(node.output)) for (const name of partsOf(node)) late.add(name);
    else {
      const dies = (name: string) => uses.get(name) === 1 && isAlone(producers.get(name));
      const replaced = replacedBy(graph, node, dies);
      if (replaced !== null) propose(replaced, target);
    }
    if (!copiedConcats.has(node.output)) proposeParts(graph, node, target, propose);
  }
  return {places: targets, slots};
}

function partsOf({operation, inputs}: Node): readonly string[] {
  return operation.op === 'concat' ? inputs : [];
}

/** Whether a node's output holds no other value: what is written over it is needed by nobody else. */
export function isAlone(node: Node | undefined): boolean {
  return node !== undefined && !['concat', 'pad'].includes(node.operation.op) && !isViewNode(node);
}

/** The first of the inputs that die with a node whose elements may be computed each in the place of its own; null for none. */
export function replacedBy(
  graph: Graph,
  {operation, inputs, output}: Node,
  dies: (name: string) => boolean,
): string | null {
  if (operation.op !== 'chain' && operation.op !== 'instanceNorm') return null;
  const shape = String(shapeOf(graph, output));
  const first = operation.op === 'chain' ? inputs : inputs.slice(0, 1);
  const dying = first.find(name => dies(name) && String(shapeOf(graph, name)) === shape);
  return dying ?? null;
}

/** Where the input of a transpose or reshape must lie for the output to lie in `place`; null when nowhere. */
function sourcePlace(graph: Graph, node: Node, place: View): View | null {
  switch (node.operation.op) {
    case 'transpose':
      return permuteView(place, inverseOrder(node.operation.perm));
    case 'reshape':
      return reshapeView(place, shapeOf(graph, node.inputs[0]!));
    default:
      return null;
  }
}

function proposeParts(
  graph: Graph,
  node: Node,
  target: View,
  propose: (name: string, view: View) => void,
): void {
  for (const part of concatParts(graph, node, target)) propose(part.name, part.view);
  if (
    node.operation.op === 'pad' &&
    [...node.operation.begin, ...node.operation.end].every(pad => pad >= 0)
  ) {
    const starts = node.operation.begin;
    propose(node.inputs[0]!, sliceView(target, {starts, shape: shapeOf(graph, node.inputs[0]!)}));
  }
}

/** Parts of concats in concats that are looked at, and how deep, before the whole is copied instead. */
const MAX_PARTS = 4096;
const MAX_CONCAT_DEPTH = 16;

/** What `canWrite` knows and how far it has come. */
interface WriteSearch {
  readonly graph: Graph;
  readonly producers: ReadonlyMap<string, Node>;
  readonly planar: ReadonlySet<string>;
  partsLeft: number;
  depth: number;
}

/** Whether the step of `node` can write its output to `place`. */
function canWrite(known: WriteSearch, node: Node, place: View): boolean {
  const {shape, strides} = place;
  const hasUnitStride = (dim: number) => shape[dim] === 1 || strides[dim] === 1;

  switch (node.operation.op) {
    case 'conv':
    case 'dynamicConv':
      return known.planar.has(node.output) || (hasUnitStride(1) && canFold(node.operation, place));
    case 'pool':
    case 'gridSample':
    case 'instanceNorm':
      return hasUnitStride(1);
    case 'resize':
      return (
        hasUnitStride(1) &&
        node.operation.axes.every((axis, dim) => axis.taps === 0 || dim >= 2) &&
        shape.length <= 4
      );
    case 'gemm':
      return shape.some((_, split) => gemmRows(place, split) !== null);
    case 'matmul':
      return mergesBatch(
        place,
        node.inputs.every(name => shapeOf(known.graph, name).length >= 2),
      );
    case 'gather':
    case 'gatherIndexed':
    case 'scatterIndexed':
      return false;
    case 'concat':
      // Bands that cannot are copied there, each as soon as it is computed.
      return node.operation.isBanded === true || canWriteParts(known, node, place);
    default:
      return true;
  }
}

/** Whether the planes of a volume lie in the rows of a map; one that adds a residual needs them without gaps. */
function canFold(
  {epilogue}: Extract<Operation, {op: 'conv' | 'dynamicConv'}>,
  place: View,
): boolean {
  if (place.shape.length !== 5) return true;
  const folded = foldDepth(toVolume(place));
  if (folded === null) return false;
  return epilogue.residual === undefined || folded.fold.pitch === folded.fold.height;
}

/** One copy of the whole is better than one of every part. */
function canWriteParts(known: WriteSearch, node: Node, place: View): boolean {
  known.partsLeft -= node.inputs.length;
  if (known.partsLeft < 0 || known.depth === MAX_CONCAT_DEPTH) return false;
  known.depth++;
  const canAll = concatParts(known.graph, node, place).every(part => {
    const producer = known.producers.get(part.name);
    return producer === undefined || isViewNode(producer) || canWrite(known, producer, part.view);
  });
  known.depth--;
  return canAll;
}

/** Whether the batch of a matrix product can be seen as one dimension; the product of vectors must be contiguous. */
function mergesBatch(place: View, hasMatrices: boolean): boolean {
  const matrix = hasMatrices ? place.shape.slice(-2) : [];
  return reshapeView(place, [elementCount(place.shape) / elementCount(matrix), ...matrix]) !== null;
}

/** How often each value is read by nodes or handed out. */
function countUses(graph: Graph): Map<string, number> {
  const uses = new Map<string, number>();
  const names = [...graph.nodes.flatMap(nodeReads), ...graph.outputs.map(output => output.value)];
  for (const name of names) uses.set(name, (uses.get(name) ?? 0) + 1);
  return uses;
}
