// Commands that summarise an axis: reduce, softmax, normalize.

import {NORMALIZE_PART, REDUCE} from '../../graph/functions.js';
import type {Command} from '../commands.js';
import {elementOf, resolveEpilogue} from './epilogue.js';
import {
  countReadAll,
  countReads,
  countWrites,
  elementCount,
  elementOffsets,
  type Machine,
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

/** Instance normalisation of x [N, H, W, C] over H and W, then bias, residual and activation; moments may come from rows before. */
export function runNormalize(command: Extract<Command, {op: 'normalize'}>, machine: Machine): void {
  const x = resolve(machine, command.x);
  const {counter} = machine;
  const xOffsets = elementOffsets(x);
  const scratch = resolve(machine, command.scratchView).offset;
  const values = Float32Array.from(xOffsets, offset => x.data[offset]!);

  if (command.part !== NORMALIZE_PART.apply) {
    counter.beginPass();
    countReads(counter, x, xOffsets);
    const before = command.row === 0 ? [] : (machine.moments.get(scratch) ?? []);
    machine.moments.set(scratch, [...before, values]);
    if (command.part === NORMALIZE_PART.moments) return;
  }
  const y = resolve(machine, command.y);
  const scale = resolveOptional(machine, command.scaleView);
  const epilogue = resolveEpilogue(machine, command);
  const yOffsets = elementOffsets(y);
  const residualOffsets = epilogue.residual === null ? null : elementOffsets(epilogue.residual);
  const rows = machine.moments.get(scratch) ?? [values];
  const {means, factors} = momentsOf(rows, x.shape, floatFromBits(command.epsilonBits));

  counter.beginPass();
  countReads(counter, x, xOffsets);
  for (const vector of [scale, epilogue.bias, epilogue.residual, epilogue.slope])
    countReadAll(counter, vector);
  countWrites(counter, y, yOffsets);
  const channels = x.shape[3]!;
  const perImage = elementCount(x.shape.slice(1));
  values.forEach((value, i) => {
    const c = i % channels;
    const at = Math.floor(i / perImage) * channels + c;
    const normal =
      (value - means[at]!) * factors[at]! * (scale === null ? 1 : elementOf(scale, c)) +
      elementOf(epilogue.bias, c);
    const added = residualOffsets === null ? 0 : epilogue.residual!.data[residualOffsets[i]!]!;
    y.data[yOffsets[i]!] = epilogue.activate(normal + added, c);
  });
}

/** Mean and 1/sqrt(variance + epsilon) per image and channel, [N, C], over runs of rows [N, rows, W, C]. */
function momentsOf(
  runs: readonly Float32Array[],
  shape: readonly number[],
  epsilon: number,
): {means: Float64Array; factors: Float64Array} {
  const [batch, , , channels] = shape as [number, number, number, number];
  const count = runs.reduce((sum, run) => sum + run.length, 0) / (batch * channels);
  const total = (term: (value: number, at: number) => number): Float64Array => {
    const sums = new Float64Array(batch * channels);
    for (const run of runs) {
      run.forEach((value, i) => {
        const at = Math.floor((i * batch) / run.length) * channels + (i % channels);
        sums[at]! += term(value, at);
      });
    }
    return sums;
  };
  const means = total(value => value).map(sum => sum / count);
  const squares = total((value, at) => (value - means[at]!) ** 2);
  return {means, factors: squares.map(sum => 1 / Math.sqrt(sum / count + epsilon))};
}
