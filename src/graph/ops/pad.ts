// Pad and CenterCropPad: negative pads cut with a slice, positive ones pad what is left.

import {type BuildContext, type Operand, type Registration, resolveAxes} from '../registration.js';
import {formatShape} from '../shapes.js';
import {TYPES} from '../types.js';
import {emitSlice} from './arrange.js';

type PadMode = 'constant' | 'reflect' | 'edge' | 'wrap';

export const PAD: readonly Registration[] = [
  {
    opType: 'Pad',
    types: TYPES.any,
    attributes: {
      mode: {kind: 'string', values: ['constant', 'reflect', 'edge', 'wrap']},
      pads: {kind: 'ints', until: 10},
      value: {kind: 'float', until: 10},
    },
    build: buildPad,
  },
  {
    opType: 'CenterCropPad',
    types: TYPES.any,
    since: 18,
    attributes: {axes: {kind: 'ints'}},
    build: buildCenterCropPad,
  },
];

/** Cuts or pads with zeros on both sides; of an odd difference the larger half is at the end. */
function buildCenterCropPad(context: BuildContext): Operand {
  const {shape} = context.input(0);
  const sizes = context.integers(1, 'a shape');
  const axes = resolveAxes(context, context.ints('axes') ?? [...shape.keys()], shape.length);
  if (sizes.length !== axes.length || sizes.some(size => size < 1)) {
    context.fail(`expected ${axes.length} positive sizes but received [${sizes.join(', ')}]`);
  }

  const begin = shape.map(() => 0);
  const end = shape.map(() => 0);
  for (const [index, axis] of axes.entries()) {
    const difference = sizes[index]! - shape[axis]!;
    begin[axis] = Math.sign(difference) * Math.floor(Math.abs(difference) / 2);
    end[axis] = difference - begin[axis];
  }
  return emitPad(context, {mode: 'constant', begin, end, value: 0});
}

function buildPad(context: BuildContext): Operand {
  const mode = context.string('mode', 'constant') as PadMode;
  return emitPad(context, {mode, ...readPads(context), value: padValue(context)});
}

function emitPad(
  context: BuildContext,
  pad: {
    readonly mode: PadMode;
    readonly begin: readonly number[];
    readonly end: readonly number[];
    readonly value: number;
  },
): Operand {
  const {mode, begin, end, value} = pad;
  const x = cut(context, begin, end);

  const before = begin.map(count => Math.max(0, count));
  const after = end.map(count => Math.max(0, count));
  if ([...before, ...after].every(count => count === 0)) return x;

  const short = x.shape.findIndex((size, axis) => Math.max(before[axis]!, after[axis]!) >= size);
  if (mode === 'reflect' && short >= 0) {
    context.fail(
      `expected reflect pads smaller than the axis but received [${begin}], [${end}] for ${formatShape(x.shape)}`,
    );
  }
  const shape = x.shape.map((size, axis) => size + before[axis]! + after[axis]!);
  return context.emit({op: 'pad', mode, begin: before, end: after, value}, [x], shape);
}

/** Pads of every axis: an attribute before opset 11, inputs (with axes, 18) since. */
function readPads(context: BuildContext): {readonly begin: number[]; readonly end: number[]} {
  const {shape} = context.input(0);
  const pads = context.opset < 11 ? (context.ints('pads') ?? []) : context.integers(1, 'pads');
  const axes =
    context.optional(3) === undefined
      ? shape.map((_, axis) => axis)
      : resolveAxes(context, context.integers(3, 'axes'), shape.length);
  if (pads.length !== 2 * axes.length) {
    context.fail(
      `expected ${2 * axes.length} pads for ${formatShape(shape)} but received [${pads.join(', ')}]`,
    );
  }

  const begin = shape.map(() => 0);
  const end = shape.map(() => 0);
  for (const [index, axis] of axes.entries()) {
    begin[axis] = pads[index]!;
    end[axis] = pads[axes.length + index]!;
  }
  return {begin, end};
}

function cut(context: BuildContext, begin: readonly number[], end: readonly number[]): Operand {
  const x = context.input(0);
  const starts = begin.map(count => Math.max(0, -count));
  const shape = x.shape.map((size, axis) => size - starts[axis]! - Math.max(0, -end[axis]!));
  if (shape.some(size => size < 0)) {
    context.fail(
      `expected negative pads within the axis but received [${begin}], [${end}] for ${formatShape(x.shape)}`,
    );
  }
  return emitSlice(context, x, {starts, steps: shape.map(() => 1), shape});
}

function padValue(context: BuildContext): number {
  if (context.opset < 11) return context.float('value', 0);
  return context.optional(2) === undefined
    ? 0
    : (context.constantInput(2, 'a fill value').constant.data[0] ?? 0);
}
