// Commands that move or combine elements one by one: elementwise, copy, fill, gather.

import {binaryFunction, ternaryFunction, unaryFunction} from '../../graph/fold-scalar.js';
import type {ChainOp} from '../../graph/graph.js';
import type {Command} from '../commands.js';
import {countReads, countWrites, elementOffsets, type Machine, resolve} from './machine.js';
import {floatFromBits} from './scalar.js';

/** A fused chain of scalar functions over views of one shape. */
export function runElementwise(
  command: Extract<Command, {op: 'elementwise'}>,
  machine: Machine,
): void {
  const y = resolve(machine, command.y);
  const yOffsets = elementOffsets(y);
  const inputs = [command.in0, command.in1, command.in2, command.in3, command.in4, command.in5]
    .slice(0, command.inputCount)
    .map(index => resolve(machine, index));
  const offsets = inputs.map(elementOffsets);
  const steps = chainSteps(command, machine);

  machine.counter.beginPass();
  for (const [k, input] of inputs.entries()) countReads(machine.counter, input, offsets[k]!);
  countWrites(machine.counter, y, yOffsets);

  // Operand values: the inputs, then the result of every step, rounded to f32 as a kernel would hold it.
  const values = new Float32Array(inputs.length + steps.length);
  for (let i = 0; i < yOffsets.length; i++) {
    for (let k = 0; k < inputs.length; k++) values[k] = inputs[k]!.data[offsets[k]![i]!]!;
    for (let k = 0; k < steps.length; k++) values[inputs.length + k] = steps[k]!(values);
    y.data[yOffsets[i]!] = values[values.length - 1]!;
  }
}

/** One function per step of the chain, from the values so far to the step's result. */
function chainSteps(
  command: Extract<Command, {op: 'elementwise'}>,
  machine: Machine,
): ((values: Float32Array) => number)[] {
  return machine.program.ops
    .slice(command.opFirst, command.opFirst + command.opCount)
    .map(chainStep);
}

function chainStep({fn, a, b, c = 0}: ChainOp): (values: Float32Array) => number {
  switch (fn.kind) {
    case 'unary': {
      const scalar = unaryFunction(fn.activation);
      return values => scalar(values[a]!);
    }
    case 'binary': {
      const scalar = binaryFunction(fn.fn);
      return values => scalar(values[a]!, values[b]!);
    }
    case 'ternary': {
      const scalar = ternaryFunction(fn.fn);
      return values => scalar(values[a]!, values[b]!, values[c]!);
    }
  }
}

export function runCopy(command: Extract<Command, {op: 'copy'}>, machine: Machine): void {
  const x = resolve(machine, command.x);
  const y = resolve(machine, command.y);
  const xOffsets = elementOffsets(x);
  const yOffsets = elementOffsets(y);
  machine.counter.beginPass();
  countReads(machine.counter, x, xOffsets);
  countWrites(machine.counter, y, yOffsets);
  for (let i = 0; i < yOffsets.length; i++) y.data[yOffsets[i]!] = x.data[xOffsets[i]!]!;
}

export function runFill(command: Extract<Command, {op: 'fill'}>, machine: Machine): void {
  const y = resolve(machine, command.y);
  const offsets = elementOffsets(y);
  const value = floatFromBits(command.valueBits);
  machine.counter.beginPass();
  countWrites(machine.counter, y, offsets);
  for (const offset of offsets) y.data[offset] = value;
}

/** y[i, j, k] = x[i, indices[j], k]. */
export function runGather(command: Extract<Command, {op: 'gather'}>, machine: Machine): void {
  const x = resolve(machine, command.x);
  const y = resolve(machine, command.y);
  const indices = machine.program.indices.subarray(
    command.indexFirst,
    command.indexFirst + command.indexCount,
  );
  const [outer, , inner] = y.shape as [number, number, number];
  machine.counter.beginPass();
  for (let i = 0; i < outer; i++) {
    for (let j = 0; j < indices.length; j++) {
      for (let k = 0; k < inner; k++) {
        const from = x.offset + i * x.strides[0]! + indices[j]! * x.strides[1]! + k * x.strides[2]!;
        const to = y.offset + i * y.strides[0]! + j * y.strides[1]! + k * y.strides[2]!;
        machine.counter.read(x.slot, from, 1);
        machine.counter.write(y.slot, to, 1);
        y.data[to] = x.data[from]!;
      }
    }
  }
}
