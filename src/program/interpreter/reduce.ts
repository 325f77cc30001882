// Commands that summarise an axis: reduce, softmax, normalize.

import {REDUCE} from '../../graph/functions.js';
import type {Command} from '../commands.js';
import {elementOf, resolveEpilogue} from './epilogue.js';
import {
  countReadAll,
  countReads,
  countWrites,
  elementCount,
  elementOffsets,
  type Machine,
  type Operand,
  resolve,
  resolveOptional,
} from './machine.js';
import {floatFromBits} from './scalar.js';

/** x has the dims of y first, then the reduced ones. */
export function runReduce(command: Extract<Command, {op: 'reduce'}>, machine: Machine): void {
  const x = resolve(machine, command.x);
  const y = resolve(machine, command.y);
  const xOffsets = elementOffsets(x);
  const yOffsets = elementOffsets(y);
  machine.counter.beginPass();
  countReads(machine.counter, x, xOffsets);
  countWrites(machine.counter, y, yOffsets);

  const count = xOffsets.length / yOffsets.length;
  for (let i = 0; i < yOffsets.length; i++) {
    const offsets = xOffsets.subarray(i * count, (i + 1) * count);
    y.data[yOffsets[i]!] = reduceElements(command.fn, x.data, offsets);
  }
}

function reduceElements(fn: number, data: Float32Array, offsets: Int32Array): number {
  if (fn === REDUCE.max || fn === REDUCE.min) {
    const pick = fn === REDUCE.max ? Math.max : Math.min;
    return offsets.reduce(
      (best, offset) => pick(best, data[offset]!),
      fn === REDUCE.max ? -Infinity : Infinity,
    );
  }
  if (fn === REDUCE.prod) return offsets.reduce((total, offset) => total * data[offset]!, 1);
  const term = (value: number) =>
    fn === REDUCE.sumSquares ? value * value : fn === REDUCE.sumAbs ? Math.abs(value) : value;
  const sum = offsets.reduce((total, offset) => total + term(data[offset]!), 0);
  return fn === REDUCE.mean ? sum / offsets.length : sum;
}

/** Softmax or its logarithm over the last dim. */
export function runSoftmax(command: Extract<Command, {op: 'softmax'}>, machine: Machine): void {
  const x = resolve(machine, command.x);
  const y = resolve(machine, command.y);
  const xOffsets = elementOffsets(x);
  const yOffsets = elementOffsets(y);
  machine.counter.beginPass();
  countReads(machine.counter, x, xOffsets);
  countWrites(machine.counter, y, yOffsets);

  const size = x.shape.at(-1)!;
  for (let first = 0; first < xOffsets.length; first += size) {
    const values = Array.from(xOffsets.subarray(first, first + size), offset => x.data[offset]!);
    const largest = values.reduce((a, b) => Math.max(a, b));
    const sum = values.reduce((total, value) => total + Math.exp(value - largest), 0);
    values.forEach((value, i) => {
      const shifted = value - largest;
      y.data[yOffsets[first + i]!] =
        command.log === 0 ? Math.exp(shifted) / sum : shifted - Math.log(sum);
    });
  }
}

/** Instance normalisation of x [N, H, W, C] over H and W, then bias, residual and activation. */
export function runNormalize(command: Extract<Command, {op: 'normalize'}>, machine: Machine): void {
  const x = resolve(machine, command.x);
  const y = resolve(machine, command.y);
  const scale = resolveOptional(machine, command.scaleView);
  const epilogue = resolveEpilogue(machine, command);
  const {counter} = machine;
  const xOffsets = elementOffsets(x);
  const yOffsets = elementOffsets(y);
  const residualOffsets = epilogue.residual === null ? null : elementOffsets(epilogue.residual);

  counter.beginPass();
  countReads(counter, x, xOffsets);
  const {means, factors} = moments(x, xOffsets, floatFromBits(command.epsilonBits));

  counter.beginPass();
  countReads(counter, x, xOffsets);
  for (const vector of [scale, epilogue.bias, epilogue.residual, epilogue.slope])
    countReadAll(counter, vector);
  countWrites(counter, y, yOffsets);
  const channels = x.shape[3]!;
  const perImage = elementCount(x.shape.slice(1));
  for (let i = 0; i < xOffsets.length; i++) {
    const c = i % channels;
    const at = Math.floor(i / perImage) * channels + c;
    const normal =
      (x.data[xOffsets[i]!]! - means[at]!) *
        factors[at]! *
        (scale === null ? 1 : elementOf(scale, c)) +
      elementOf(epilogue.bias, c);
    const added = residualOffsets === null ? 0 : epilogue.residual!.data[residualOffsets[i]!]!;
    y.data[yOffsets[i]!] = epilogue.activate(normal + added, c);
  }
}

/** Mean and 1/sqrt(variance + epsilon) per image and channel, [N, C]. */
function moments(
  x: Operand,
  offsets: Int32Array,
  epsilon: number,
): {means: Float64Array; factors: Float64Array} {
  const channels = x.shape[3]!;
  const perImage = elementCount(x.shape.slice(1));
  const count = perImage / channels;
  const indexOf = (i: number) => Math.floor(i / perImage) * channels + (i % channels);

  const means = new Float64Array(x.shape[0]! * channels);
  for (let i = 0; i < offsets.length; i++) means[indexOf(i)]! += x.data[offsets[i]!]!;
  for (let at = 0; at < means.length; at++) means[at]! /= count;

  const squares = new Float64Array(means.length);
  for (let i = 0; i < offsets.length; i++)
    squares[indexOf(i)]! += (x.data[offsets[i]!]! - means[indexOf(i)]!) ** 2;
  return {means, factors: squares.map(sum => 1 / Math.sqrt(sum / count + epsilon))};
}
