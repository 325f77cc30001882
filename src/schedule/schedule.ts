// A graph in, a schedule out: steps over placed buffers.

import {UntangleError} from '../errors.js';
import type {Graph} from '../graph/graph.js';
import type {WeightType} from '../untangle/stored-weights.js';
import {type BufferList, createBuffers} from './buffers.js';
import {type ConvChoice, choiceOf} from './conv-choice.js';
import {shareInPlace} from './in-place.js';
import {planOrders, shapeOf} from './layout.js';
import type {ConvOptions} from './lower/conv.js';
import {emitCopy, type Lowering} from './lower/lowering.js';
import {lowerNode} from './lower/node.js';
import {type PlacedBuffers, placeSteps} from './place.js';
import {planarNodes} from './planar-nodes.js';
import {stepViews} from './step-views.js';
import {type Buffer, MAX_RANK, type Step, type View} from './steps.js';
import {denseView, elementCount, inverseOrder, type Order, permuteView} from './view-math.js';

import {concatParts, type Place, planTargets} from './views.js';
import {weightTypes} from './weight-types.js';

export interface ScheduleOptions extends ConvOptions {
  /**
   * Outputs of concats whose parts are computed elsewhere and copied: more traffic, but the whole need not exist from
   * its first part on.
   */
  readonly copiedConcats?: ReadonlySet<string>;
  /** Values that are written in the place of others, which die meanwhile. */
  readonly overlays?: ReadonlyMap<string, Place>;
  /** What constant weights are stored as; default: fp32. */
  readonly weights?: WeightType | undefined;
  /** What was done to the graph to hold less, a sentence each. */
  readonly measures?: readonly string[];
  /** Called again and again; throws when it takes too long. */
  readonly checkTime?: () => void;
}

export interface Schedule extends PlacedBuffers {
  readonly steps: readonly Step[];
  /** The buffer of each input, dense in logical order. */
  readonly inputs: readonly {readonly name: string; readonly buffer: number}[];
  /** Output `slot` holds `value`, dense in logical order, when the program ends. */
  readonly outputs: readonly {
    readonly name: string;
    readonly value: string;
    readonly slot: number;
  }[];
  /** How each convolution was scheduled, by the value it computes. */
  readonly choices: ReadonlyMap<string, ConvChoice>;
  /** The value whose node each step belongs to. */
  readonly values: readonly string[];
  /** What was done to hold less, a sentence each. */
  readonly measures: readonly string[];
}

/**
 * Lowers every node to steps, lets steps work in place, and places all buffers in the arena.
 *
 * Equal graphs give equal schedules.
 */
export function schedule(graph: Graph, options: ScheduleOptions): Schedule {
  const buffers = createBuffers();
  const {steps: lowered, inputs, ends} = lowerGraph(graph, buffers, options);
  const inputBuffers = inputs.map(input => input.buffer);
  const {steps, buffers: shared} = shareInPlace(lowered, buffers.all, inputBuffers);
  const placed = placeSteps(steps, shared, inputBuffers, options.checkTime);
  return {
    steps,
    ...placed,
    inputs,
    outputs: graph.outputs.map(({name, value}, slot) => ({name, value, slot})),
    measures: measuresOf(options),
    ...belongings(graph, steps, {ends, buffers: shared}),
  };
}

function measuresOf({measures = [], scratchLimit, copiedConcats}: ScheduleOptions): string[] {
  const limit = scratchLimit === undefined ? Number.POSITIVE_INFINITY : scratchLimit;
  const concats = [...(copiedConcats ?? [])];
  return [
    ...measures,
    ...(limit < Number.POSITIVE_INFINITY
      ? [
          `Winograd's form takes ${Math.round(limit * 4)} bytes of scratch at most, or the least it can`,
        ]
      : []),
    ...(concats.length > 0
      ? [`parts of concats wait where they are computed: ${concats.join(', ')}`]
      : []),
  ];
}

/** Steps of all nodes in order, each output handed over as soon as its value is there. */
function lowerGraph(graph: Graph, buffers: BufferList, options: ScheduleOptions) {
  const steps: Step[] = [];
  const planar = planarNodes(graph, options);
  const orders = planOrders(graph, planar);
  const {places, slots} = planTargets(graph, buffers, {
    orders,
    planar,
    copiedConcats: options.copiedConcats ?? new Set(),
    overlays: options.overlays ?? new Map(),
  });
  const inputs = graph.inputs.map((name, index) => ({
    name,
    view: buffers.input(index, shapeOf(graph, name)),
  }));
  const lowering = createLowering({graph, buffers, orders, planar, targets: places, steps});
  const slotsOf = new Map<string, number[]>();
  graph.outputs.forEach(({value}, slot) => {
    const known = slotsOf.get(value);
    if (known === undefined) slotsOf.set(value, [slot]);
    else known.push(slot);
  });
  const handOver = (value: string, name: string) => {
    if (elementCount(shapeOf(graph, value)) === 0) return;
    for (const slot of slotsOf.get(value) ?? [])
      emitCopy(lowering, name, {x: lowering.view(value), y: slots[slot]!});
  };

  for (const {name, view} of inputs) lowering.setView(name, view);
  for (const name of new Set([...graph.inputs, ...graph.constants.keys()])) handOver(name, name);
  const converting = {...options, weightTypes: weightTypes(graph, options.weights)};
  const bands = bandPlaces(graph, lowering);
  const ends = [steps.length];
  for (const node of graph.nodes) {
    options.checkTime?.();
    lowerNode(node, lowering, converting);
    const place = bands.get(node.output);
    if (place !== undefined)
      emitCopy(lowering, node.name, {x: lowering.view(node.output), y: place});
    handOver(node.output, node.name);
    ends.push(steps.length);
  }
  return {
    steps,
    ends,
    inputs: inputs.map(({name, view}) => ({name, buffer: view.buffer})),
  };
}

/** Where the bands of each banded value go, by the band. */
function bandPlaces(graph: Graph, lowering: Lowering): Map<string, View> {
  const parts = graph.nodes
    .filter(({operation}) => operation.op === 'concat' && operation.isBanded === true)
    .flatMap(node => concatParts(graph, node, lowering.target(node.output)));
  return new Map(parts.map(({name, view}) => [name, view]));
}

/** Which node each step belongs to; `ends` are the steps before the first node and after each. */
function belongings(
  graph: Graph,
  steps: readonly Step[],
  {ends, buffers}: {ends: readonly number[]; buffers: readonly Buffer[]},
): Pick<Schedule, 'choices' | 'values'> {
  const choices = new Map<string, ConvChoice>();
  const values = steps.slice(0, ends[0]).map(() => '');
  graph.nodes.forEach(({output, operation}, index) => {
    const own = steps.slice(ends[index], ends[index + 1]);
    for (const _ of own) values.push(output);
    const choice = operation.op === 'conv' ? choiceOf(own, buffers) : null;
    if (choice !== null) choices.set(output, choice);
  });
  return {choices, values};
}

interface LoweringParts {
  readonly graph: Graph;
  readonly buffers: BufferList;
  readonly orders: ReadonlyMap<string, Order>;
  readonly planar: ReadonlySet<string>;
  readonly targets: ReadonlyMap<string, View>;
  readonly steps: Step[];
}

function createLowering({graph, buffers, orders, planar, targets, steps}: LoweringParts): Lowering {
  const views = new Map<string, View>();
  const find = (name: string, view: View | undefined): View => {
    if (view === undefined)
      throw new UntangleError('ERR_INTERNAL', [`value "${name}" is used before it is computed`]);
    return view;
  };
  return {
    graph,
    buffers,
    orders,
    planar,
    copies: new Map(),
    view: (name, order) =>
      graph.constants.has(name)
        ? constantView(graph, buffers, {name, order})
        : find(name, views.get(name)),
    target: name => find(name, targets.get(name)),
    proposed: name => targets.get(name),
    setView: (name, view) => views.set(name, view),
    emit: step => steps.push(withinRank(step)),
  };
}

/** @throws ERR_OP_UNSUPPORTED when strides let too few dimensions merge for the records of a program */
function withinRank(step: Step): Step {
  const rank = Math.max(...stepViews(step).map(view => view.shape.length));
  if (rank <= MAX_RANK) return step;
  const text = `${step.op} over ${rank} dimensions that do not merge into ${MAX_RANK} (node "${step.name}")`;
  throw new UntangleError('ERR_OP_UNSUPPORTED', [1, text], {operators: [text]});
}

/** A constant, its contents rearranged so that it lies in `order`. */
function constantView(
  graph: Graph,
  buffers: BufferList,
  {name, order}: {name: string; order: Order | undefined},
): View {
  const {dims, data} = graph.constants.get(name)!;
  const logical = denseView(0, dims);
  const sorted = permuteView(logical, order ?? dims.map((_, dim) => dim));
  const contents = new Float32Array(elementCount(dims));
  gatherElements(sorted, data, contents);
  const flat = buffers.constant(contents);
  const stored = denseView(flat.buffer, sorted.shape);
  return order === undefined ? stored : permuteView(stored, inverseOrder(order));
}

/** Writes the elements of `source` to `target` in the order of the view's dimensions. */
function gatherElements(source: View, data: ArrayLike<number>, target: Float32Array): void {
  let next = 0;
  const walk = (dim: number, offset: number): void => {
    if (dim === source.shape.length) {
      target[next++] = data[offset]!;
      return;
    }
    for (let i = 0; i < source.shape[dim]!; i++) walk(dim + 1, offset + i * source.strides[dim]!);
  };
  walk(0, source.offset);
}
