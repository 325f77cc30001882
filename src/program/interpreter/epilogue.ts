// act(acc + bias + residual), shared by the commands that have an epilogue.

import {NONE} from '../commands.js';
import {type Machine, type Operand, resolveOptional} from './machine.js';
import {unaryByCode} from './scalar.js';

/** The epilogue fields of a command. */
interface EpilogueFields {
  readonly biasView: number;
  readonly residualView: number;
  readonly slopeView: number;
  readonly activation: number;
  readonly alphaBits: number;
  readonly betaBits: number;
}

export interface Epilogue {
  readonly bias: Operand | null;
  readonly residual: Operand | null;
  /** Slopes of PRelu, indexed like the bias. */
  readonly slope: Operand | null;
  readonly hasActivation: boolean;
  /** The activation of `value`; `channel` chooses the slope of PRelu. */
  activate(value: number, channel: number): number;
}

export function resolveEpilogue(machine: Machine, fields: EpilogueFields): Epilogue {
  const slope = resolveOptional(machine, fields.slopeView);
  const scalar = unaryByCode(fields.activation, fields.alphaBits, fields.betaBits);
  return {
    bias: resolveOptional(machine, fields.biasView),
    residual: resolveOptional(machine, fields.residualView),
    slope,
    hasActivation: fields.activation !== 0 || fields.slopeView !== NONE,
    activate:
      scalar ?? ((value, channel) => (value < 0 ? value * elementOf(slope, channel) : value)),
  };
}

/** Element `index` of a vector; 0 when there is none. */
export function elementOf(vector: Operand | null, index: number): number {
  return vector === null ? 0 : vector.data[vector.offset + index]!;
}
