// Weights that stay in the program's file until they are about to be used.
//
// A streamed constant is read into the arena by `load` steps. Those run beside the steps after them, so each stands
// before the step that uses the weights read before: while one buffer is multiplied by, the next one fills. arena.ts places
// both. Large weights of a convolution are read in runs of panels, and the convolution computed in as many runs of output channels.

import {WEIGHT_BYTES, type WeightType} from '../untangle/stored-weights.js';
import {counted} from './count-steps.js';
import {addCounts, countConv} from './counts.js';
import {placeSteps} from './place.js';
import type {Schedule} from './schedule.js';
import {mapStepViews, stepReads} from './step-views.js';
import {
  type Buffer,
  bufferBytes,
  type GemmTapsStep,
  type LoadStep,
  PANEL,
  type Step,
  type View,
} from './steps.js';
import {denseView} from './view-math.js';

export interface StreamOptions {
  /** The constants to stream, by buffer. */
  readonly streamed: ReadonlySet<number>;
  /** What is read at once, as far as weights can be split: two such buffers are alive at a time. */
  readonly chunkBytes: number;
}

/** Shorter constants are not worth a read of their own. */
const LEAST_BYTES = 2 ** 16;

/**
 * What a board computes and moves while it reads a byte from its disk: of 0.5 GB/s, beside 50 GMAC/s and 10 GB/s. Only how far
 * ahead reads begin depends on it.
 */
const MACS_PER_READ_BYTE = 100;
const MOVED_PER_READ_BYTE = 20;

/** Constants that can be streamed: large ones that one step uses, largest first. */
export function streamable({steps, buffers}: Pick<Schedule, 'steps' | 'buffers'>): Buffer[] {
  const users = new Map<number, Set<Step>>();
  for (const step of steps) {
    for (const {buffer} of stepReads(step))
      users.set(buffer, (users.get(buffer) ?? new Set()).add(step));
  }
  return buffers
    .filter(({storage}) => storage.kind === 'constant')
    .filter(buffer => bufferBytes(buffer) >= LEAST_BYTES && users.get(buffer.id)?.size === 1)
    .sort((a, b) => bufferBytes(b) - bufferBytes(a) || a.id - b.id);
}

/** The same schedule with some of its constants read from the file while it runs, and the arena placed anew. */
export function streamWeights(
  planned: Schedule,
  options: StreamOptions,
  checkTime?: () => void,
): Schedule {
  const buffers: Buffer[] = planned.buffers.map(buffer =>
    options.streamed.has(buffer.id) ? {...buffer, storage: {kind: 'streamed'}} : buffer,
  );
  let nextId = buffers.reduce((last, {id}) => Math.max(last, id), 0);
  const arena: Arena = (elements, type) => {
    const id = ++nextId;
    buffers.push({id, storage: {kind: 'arena'}, elements, type});
    return denseView(id, [elements]);
  };
  const byId = new Map(buffers.map(buffer => [buffer.id, buffer]));
  const pieces = planned.steps.flatMap((step, index) =>
    splitStep(step, options).map(part => ({
      ...loadPiece(part, options.streamed, {byId, arena}),
      value: planned.values[index]!,
    })),
  );
  const {steps, values} = interleave(pieces);
  const placed = placeSteps(
    steps,
    buffers,
    planned.inputs.map(({buffer}) => buffer),
    checkTime,
  );
  return {...planned, ...placed, steps, values};
}

/** Makes a flat buffer. */
type Arena = (elements: number, type: WeightType) => View;

/** A step and the reads it waits for. */
interface Piece {
  readonly step: Step;
  readonly loads: readonly LoadStep[];
  /** What the step computes a part of. */
  readonly value: string;
}

/** Lets a step use arena buffers in place of streamed constants. */
function loadPiece(
  step: Step,
  streamed: ReadonlySet<number>,
  {byId, arena}: {byId: ReadonlyMap<number, Buffer>; arena: Arena},
): Omit<Piece, 'value'> {
  const loads: LoadStep[] = [];
  const loaded = new Map<number, {readonly buffer: number; readonly first: number}>();
  for (const view of stepReads(step)) {
    if (!streamed.has(view.buffer) || loaded.has(view.buffer)) continue;
    const isRun = 'weights' in step && view === step.weights && view.shape.length === 1;
    const [first, elements] = isRun
      ? [view.offset, view.shape[0]!]
      : [0, byId.get(view.buffer)!.elements];
    const {type = 'fp32'} = byId.get(view.buffer)!;
    const y = arena(elements, type);
    const x = {...denseView(view.buffer, [elements]), offset: first};
    loads.push(counted({op: 'load', name: step.name, schedule: '', x, y, type}) as LoadStep);
    loaded.set(view.buffer, {buffer: y.buffer, first});
  }
  const moved = mapStepViews(step, view => {
    const to = loaded.get(view.buffer);
    return to === undefined ? view : {...view, buffer: to.buffer, offset: view.offset - to.first};
  });
  return {step: moved, loads};
}

/** Each piece's loads before the piece that loaded last, or fewer steps ahead where those take as long as reading. */
function interleave(pieces: readonly Piece[]): Pick<Schedule, 'steps' | 'values'> {
  const before = pieces.map((): {step: LoadStep; value: string}[] => []);
  let earliest = 0;
  pieces.forEach(({loads, value}, index) => {
    if (loads.length === 0) return;
    let at = index;
    let left = addCounts(loads.map(({counts}) => counts)).readBytes;
    while (at > earliest && left > 0) left -= readMeanwhile(pieces[--at]!.step);
    before[at]!.push(...loads.map(step => ({step, value})));
    earliest = index;
  });
  const all = pieces.flatMap((piece, index) => [...before[index]!, piece]);
  return {steps: all.map(({step}) => step), values: all.map(({value}) => value)};
}

/** Bytes that are read while a step runs. */
function readMeanwhile({counts: {macs, readBytes, writtenBytes}}: Step): number {
  return Math.max(macs / MACS_PER_READ_BYTE, (readBytes + writtenBytes) / MOVED_PER_READ_BYTE);
}

/** A convolution with long streamed weights as runs of its output channels; other steps as they are. */
function splitStep(step: Step, {streamed, chunkBytes}: StreamOptions): Step[] {
  if (step.op !== 'gemmTaps' || !streamed.has(step.weights.buffer)) return [step];
  const {groups, fusedY, fusedX, weights, y} = step;
  if (groups * fusedY * fusedX > 1) return [step];
  const panels = Math.ceil(y.shape[3]! / PANEL);
  const panelElements = weights.shape[0]! / panels;
  const most = Math.max(
    1,
    Math.floor(chunkBytes / (panelElements * WEIGHT_BYTES[step.weightType])),
  );
  // Tiles are two panels wide.
  const wanted = most > 1 ? most - (most % 2) : most;
  const runs = Math.ceil(panels / wanted);
  if (runs === 1) return [step];
  const width = Math.ceil(panels / runs);
  const even = width > 1 && width < wanted ? width + (width % 2) : width;
  const parts: Step[] = [];
  for (let first = 0; first < panels; first += even)
    parts.push(runOfPanels(step, {first, count: Math.min(even, panels - first), panelElements}));
  return parts;
}

/** The output channels of `count` panels from `first`. */
function runOfPanels(
  step: GemmTapsStep,
  {first, count, panelElements}: {first: number; count: number; panelElements: number},
): GemmTapsStep {
  const start = first * PANEL;
  const size = Math.min(count * PANEL, step.y.shape[3]! - start);
  const channelsOf = (map: View): View => ({
    ...map,
    offset: map.offset + start * map.strides[3]!,
    shape: map.shape.with(3, size),
  });
  const panelsOf = (view: View | null, elements: number): View | null =>
    view && {...view, offset: view.offset + first * elements, shape: [count * elements]};
  const {epilogue} = step;
  const {residual, activation} = epilogue;
  const part: GemmTapsStep = {
    ...step,
    y: channelsOf(step.y),
    weights: panelsOf(step.weights, panelElements)!,
    epilogue: {
      activation,
      bias: panelsOf(epilogue.bias, PANEL),
      residual: residual && channelsOf(residual),
      slope: panelsOf(epilogue.slope, PANEL),
    },
  };
  const counts = countConv(part, {
    x: part.x,
    y: part.y,
    residual: part.epilogue.residual,
    hasBias: epilogue.bias !== null,
    hasSlope: epilogue.slope !== null,
    hasActivation: activation.fn !== 'identity',
    weightType: step.weightType,
  });
  return {...part, counts};
}
