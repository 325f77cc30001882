// Programs of one command, written by hand.

import {UNARY} from '../../src/graph/functions.js';
import {type Command, NONE, SLOT} from '../../src/program/commands.js';
import {interpret} from '../../src/program/interpreter/interpret.js';
import type {DecodedProgram, Explanation, ViewRecord} from '../../src/program/program.js';
import type {Region} from '../../src/schedule/steps.js';
import {WEIGHT_BYTES, type WeightType} from '../../src/untangle/stored-weights.js';

/** The slot of input 0, after that of output 0. */
export const INPUT = SLOT.firstOutput + 1;

/** One command: input 0 and output 0 in slots of their own, and whatever constants it needs. */
export interface Sample {
  readonly input: readonly number[];
  readonly outputElements: number;
  readonly constants?: readonly number[];
  readonly views: readonly ViewRecord[];
  readonly command: Command;
  readonly regions?: readonly Region[];
  readonly ops?: DecodedProgram['ops'];
  readonly indices?: readonly number[];
}

/** Of programs that hold all their weights. */
export const NOTHING_STREAMED: DecodedProgram['streamed'] = {start: 0, bytes: 0, data: null};

/** Runs the command once, counting. */
export function run(sample: Sample) {
  const program: DecodedProgram = {
    arenaBytes: sample.input.length * 4,
    constants: Float32Array.from(sample.constants ?? []),
    streamed: NOTHING_STREAMED,
    inputs: [{offsetBytes: 0, elements: sample.input.length}],
    outputs: [{elements: sample.outputElements}],
    views: sample.views,
    commandNames: [sample.command.op],
    commands: [sample.command],
    regions: sample.regions ?? [],
    ops: sample.ops ?? [],
    indices: Int32Array.from(sample.indices ?? []),
    explanation: {} as Explanation,
  };
  const {outputs, counts} = interpret(program, [Float32Array.from(sample.input)], {count: true});
  return {y: Array.from(outputs[0]!), ...counts[0]!};
}

/** A view of `slot`, dense unless strides are given; the offset counts elements. */
export function view(
  slot: number,
  shape: readonly number[],
  options: {offset?: number; strides?: readonly number[]; type?: WeightType} = {},
): ViewRecord {
  const dense = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const {offset = 0, strides = dense, type = 'fp32'} = options;
  return {slot, offsetBytes: offset * WEIGHT_BYTES[type], type, shape, strides};
}

/** No bias, no residual, no activation. */
export const PLAIN = {
  biasView: NONE,
  residualView: NONE,
  slopeView: NONE,
  activation: UNARY.identity,
  alphaBits: 0,
  betaBits: 0,
};
