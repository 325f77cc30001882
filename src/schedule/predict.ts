// The time of a step on a board: the larger of its arithmetic and of what its bytes take at every level, and the overheads.
//
// docs/04-traffic.md has the formulas and how far they are off.

import {type Board, peakOf} from '../boards/board.js';
import type {ChainOp} from '../graph/graph.js';
import {
  ARITHMETIC_RATES,
  COST,
  type CostShape,
  planarCost,
  regionCost,
  winogradCost,
} from './cost.js';
import {isConvStep} from './step-views.js';
import {type ConvStep, PANEL, type Step, type View} from './steps.js';
import type {ConvWork, TapsWork, WinogradWork} from './traffic/conv-work.js';
import {type TrafficMachine, trafficMachine} from './traffic/machine.js';
import {convWork, type LevelTraffic, stepTraffic} from './traffic/step-traffic.js';
import {winogradCuts} from './traffic/winograd.js';
import {elementCount} from './view-math.js';

const FLOPS_PER_VECTOR = 2 * PANEL;

/** Overheads of boards whose profile has none. */
const OVERHEAD = {
  /** From one command to the next: resolving views, cutting the work. */
  commandNs: 500,
  /** Waking other threads and waiting for them, where it was not measured. */
  phaseNs: 3000,
} as const;

/** Vector operations of an element, by what is done with it. */
const SCALAR = {cheap: 1, transcendental: 12} as const;
const TRANSCENDENTAL: ReadonlySet<string> = new Set([
  'tanh',
  'sigmoid',
  'elu',
  'exp',
  'log',
  'erf',
  'softplus',
  'selu',
  'gelu',
  'mish',
  'sin',
  'cos',
  'pow',
]);

/**
 * Nanoseconds of a step with `threads` threads; `traffic` is what crosses the caches, by default when they hold nothing before.
 */
export function predictStepNs(
  step: Step,
  board: Board,
  threads: number,
  traffic: readonly LevelTraffic[] = stepTraffic(step, trafficMachine(board, threads)),
): number {
  const machine = trafficMachine(board, threads);
  const work = isConvStep(step)
    ? {vectors: convVectors(convWork(step), machine), phases: convPhases(convWork(step), machine)}
    : {vectors: sweepVectors(step), phases: step.op === 'normalize' && step.part === 'all' ? 3 : 1};
  return workNs(work, board, threads, traffic);
}

/** The same for a convolution that is still to be chosen. */
export function predictConvNs(
  work: ConvWork,
  board: Board,
  machine: TrafficMachine,
  traffic: readonly LevelTraffic[],
): number {
  const steps = {vectors: convVectors(work, machine), phases: convPhases(work, machine)};
  return workNs(steps, board, machine.threads, traffic);
}

/** A copy of so many bytes to another order, from the nearest memory that holds both. */
export function predictCopyNs(bytes: number, board: Board, threads: number): number {
  const machine = trafficMachine(board, threads);
  const traffic = machine.boundaries.map(({from, cache}) => ({
    from,
    readBytes: 2 * bytes > cache.bytes * cache.copies ? 2 * bytes : 0,
    writtenBytes: 2 * bytes > cache.bytes * cache.copies ? bytes : 0,
  }));
  return workNs({vectors: copyVectors(bytes / 4), phases: 1}, board, threads, traffic);
}

/** Between planes and pixels: a transpose of elements, not of vectors. */
function copyVectors(elements: number): number {
  return elements * COST.layoutCopy;
}

function workNs(
  {vectors, phases}: {readonly vectors: number; readonly phases: number},
  board: Board,
  threads: number,
  traffic: readonly LevelTraffic[],
): number {
  const {gflops, gbs, phaseNs} = peakOf(board, threads);
  const arithmeticNs = (vectors * FLOPS_PER_VECTOR) / gflops;
  const levels = traffic.map(({from, readBytes, writtenBytes}) => {
    const rate = gbs[from];
    return rate === undefined ? 0 : (readBytes + writtenBytes) / rate;
  });
  const phase = threads === 1 ? 0 : (phaseNs ?? OVERHEAD.phaseNs);
  return Math.max(arithmeticNs, ...levels) + OVERHEAD.commandNs + phases * phase;
}

/** Vector multiply-adds of a convolution and of what surrounds them, by the constants of `cost.ts`. */
function convVectors(work: ConvWork, machine: TrafficMachine): number {
  if (work.op === 'winograd') return winogradVectors(work, machine);
  if (work.op === 'planarTaps') return planarCost(work.regions, work);
  return tapsVectors(work);
}

function tapsVectors(work: TapsWork): number {
  const {op, x, y, groups, fusedY, fusedX, regions, weightBytes} = work;
  const fused = fusedY * fusedX;
  const columns = (y.shape[3]! / groups) * fused;
  const isDepthwise = op === 'depthwise';
  const shape: CostShape = {
    batch: y.shape[0]!,
    inputHeight: x.shape[1]!,
    inputWidth: x.shape[2]!,
    panels: isDepthwise ? Math.ceil(y.shape[3]! / PANEL) : groups * Math.ceil(columns / PANEL),
    weightBytes,
  };
  const outputs = regions.reduce((sum, {countY, countX}) => sum + countY * countX, 0);
  const storing = fused > 1 ? shape.batch * outputs * fused * COST.fusedStoring : 0;
  return regions.reduce(
    (sum, region) => sum + regionCost(region, shape, ARITHMETIC_RATES),
    storing,
  );
}

function winogradVectors(work: WinogradWork, machine: TrafficMachine): number {
  return winogradCuts(work, machine).reduce((sum, {padded, isKept, ...cut}) => {
    const {products, inChannels} = cut;
    const shape = {...cut, panels: padded / PANEL};
    const kept = isKept ? products * inChannels * padded : 0;
    return sum + winogradCost({...shape, keptElements: kept, sharedElements: 0}, ARITHMETIC_RATES);
  }, work.regions.length * COST.winogradRegion);
}

/** How often threads wait for one another. */
function convPhases(work: ConvWork, machine: TrafficMachine): number {
  if (work.op !== 'winograd') return 1;
  return winogradCuts(work, machine).reduce(
    (sum, {isKept, isPrivate, blocks}) => sum + (isKept ? 1 : 0) + (isPrivate ? 1 : 3 * blocks),
    0,
  );
}

/** Vector operations of a step that is no convolution. */
function sweepVectors(step: Exclude<Step, ConvStep>): number {
  const vectors = elementCount(step.y.shape) / PANEL;
  switch (step.op) {
    case 'elementwise':
      return step.ops.reduce((sum, op) => sum + vectors * chainOpVectors(op), 0);
    case 'matmul':
      return vectors * step.a.shape[2]!;
    case 'pool':
      return vectors * step.kernel[0] * step.kernel[1];
    case 'resize':
      return vectors * step.tapsY * step.tapsX;
    case 'normalize':
      return (step.part === 'all' ? 4 : 2) * vectors;
    case 'softmax':
      return vectors * SCALAR.transcendental;
    case 'reduce':
    case 'argReduce':
      return elementCount(step.x.shape) / PANEL;
    case 'gridSample':
      return vectors * PANEL;
    case 'gather':
    case 'gatherIndexed':
    case 'scatterIndexed':
    case 'cumulative':
      return vectors * PANEL;
    case 'copy':
      return isTransposing(step.x, step.y) ? copyVectors(vectors * PANEL) : vectors;
    case 'widen':
    case 'fill':
      return vectors;
    case 'load':
      return 0;
  }
}

/** Whether elements that follow one another in x do not in y. */
function isTransposing(x: View, y: View): boolean {
  const follows = ({shape, strides}: View, dim: number) => shape[dim] === 1 || strides[dim] === 1;
  return !x.shape.some((size, dim) => size > 1 && follows(x, dim) && follows(y, dim));
}

function chainOpVectors({fn}: ChainOp): number {
  const name = fn.kind === 'unary' ? fn.activation.fn : fn.fn;
  return TRANSCENDENTAL.has(name) ? SCALAR.transcendental : SCALAR.cheap;
}
