// A random convolution lowered over made-up memory, with the result it must have.

import fc from 'fast-check';
import {type Activation, IDENTITY} from '../../src/graph/functions.js';
import type {Operation} from '../../src/graph/graph.js';
import {plainWeights} from '../../src/graph/weights.js';
import type {PackedConstant} from '../../src/schedule/buffers.js';
import type {ScheduleName} from '../../src/schedule/candidates.js';
import {lowerConv} from '../../src/schedule/lower/conv.js';
import type {ConvStep, View} from '../../src/schedule/steps.js';
import {type ConvCase, dataOf, definitionOf, geometryOf, integers} from './conv-cases.js';
import {mapView} from './views.js';

/** How the operands lie in memory and what the epilogue does. */
export const SETTINGS = fc.record({
  /** Channels of the buffer that are not part of the map: a slice of a concat. */
  gap: fc.constantFrom(0, 0, 3),
  activation: fc.constantFrom('identity', 'relu', 'prelu'),
  /** A map of its own, one for all images, or the last pixels and first channels of x where it is large enough. */
  residual: fc.constantFrom('none', 'full', 'constant', 'input'),
  hasBias: fc.boolean(),
});

export type Settings = typeof SETTINGS extends fc.Arbitrary<infer T> ? T : never;

export interface Lowered {
  readonly steps: readonly ConvStep[];
  readonly memory: Map<number, Float32Array>;
  readonly y: View;
  readonly expected: number[];
}

/** A map [N, H, W, C] in buffer `buffer`, pixels `gap` channels further apart than needed. */
function gappedView(buffer: number, [n, h, w, c]: readonly number[], gap: number): View {
  const dense = mapView([n!, h!, w!, c! + gap]);
  return {...dense, buffer, shape: [n!, h!, w!, c!]};
}

export function indices(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (all, size) => all.flatMap(index => Array.from({length: size}, (_, i) => [...index, i])),
    [[]],
  );
}

export const at = (view: View, index: readonly number[]): number =>
  index.reduce((sum, i, d) => sum + i * view.strides[d]!, view.offset);

function elements(view: View): number {
  return 1 + view.shape.reduce((sum, size, d) => sum + (size - 1) * view.strides[d]!, view.offset);
}

/** Writes NCHW data through a view of NHWC. */
function fill(view: View, data: ArrayLike<number>): Float32Array {
  const memory = new Float32Array(elements(view));
  const [, h, w, c] = view.shape;
  for (const [n, y, x, k] of indices(view.shape))
    memory[at(view, [n!, y!, x!, k!])] = data[((n! * c! + k!) * h! + y!) * w! + x!]!;
  return memory;
}

function residualView(kind: string, {x, y, dense}: {x: View; y: View; dense: View}): View | null {
  switch (kind) {
    case 'full':
      return dense;
    case 'constant':
      return {...dense, strides: [0, ...dense.strides.slice(1)]};
    case 'input': {
      const spare = x.shape.map((size, d) => size - y.shape[d]!);
      if (spare.some(size => size < 0)) return null;
      const offset = spare[1]! * x.strides[1]! + spare[2]! * x.strides[2]!;
      return {...x, offset, shape: y.shape};
    }
    default:
      return null;
  }
}

/** Lowers a case; `expected` is what `y` has to hold afterwards, in the order of `indices(y.shape)`. */
export function lower(conv: ConvCase, schedule: ScheduleName, settings: Settings): Lowered {
  const {batch, inChannels, outChannels, input, output} = conv.definition;
  const data = dataOf(conv);
  const x = gappedView(0, [batch, ...input, inChannels], settings.gap);
  const y = gappedView(1, [batch, ...output, outChannels], settings.gap);
  const dense = {...mapView(y.shape), buffer: 2};
  const residual = residualView(settings.residual, {x, y, dense});
  const slope = integers(outChannels, conv.seed + 4);
  const activation: Activation = {
    ...IDENTITY,
    fn: settings.activation as 'identity' | 'relu' | 'prelu',
  };

  const memory = new Map([
    [0, fill(x, data.x)],
    [1, new Float32Array(elements(y)).fill(Number.NaN)],
    [2, integers(elements(dense), conv.seed + 3)],
  ]);
  const constant = (contents: Float32Array): View => {
    memory.set(memory.size, contents);
    return {buffer: memory.size - 1, offset: 0, shape: [contents.length], strides: [1]};
  };
  const operation: Operation = {
    op: 'conv',
    geometry: geometryOf(conv),
    weights: plainWeights(data.weights),
    bias: settings.hasBias ? data.bias : null,
    epilogue: {activation, ...(settings.activation === 'prelu' ? {slope} : {})},
  };
  const scratch = (count: number) => constant(new Float32Array(count));
  const packed = ({stored: {panels, rows, width}, write}: PackedConstant) => {
    const contents = new Float32Array(panels * rows * width);
    write(contents);
    return constant(contents);
  };
  const builder = {constant, packed, scratch};
  const steps = lowerConv(
    {name: 'conv', operation, inputs: [], output: ''},
    operation,
    {x, y, residual},
    builder,
    {schedule},
  );

  const sums = definitionOf(conv, data);
  const [, h, w, c] = y.shape as [number, number, number, number];
  const expected = indices(y.shape).map(([n, oy, ox, k]) => {
    const bias = settings.hasBias ? data.bias[k!]! : 0;
    const added = residual ? memory.get(residual.buffer)![at(residual, [n!, oy!, ox!, k!])]! : 0;
    const value = sums[((n! * c + k!) * h + oy!) * w + ox!]! + bias + added;
    if (settings.activation === 'relu') return Math.max(0, value);
    return settings.activation === 'prelu' && value < 0 ? value * slope[k!]! : value;
  });
  return {steps: steps as ConvStep[], memory, y, expected};
}
