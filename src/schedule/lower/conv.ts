// Convolutions and matrix products with constant weights: nodes to gemmTaps, planarTaps and depthwise steps.

import {UntangleError} from '../../errors.js';
import type {Node, Operation} from '../../graph/graph.js';
import {kernelElements} from '../../untangle/conv.js';
import {
  PANEL,
  packBias,
  packDepthwise,
  packedPanels,
  packWeights,
  planarRows,
} from '../../untangle/pack.js';
import type {WeightType} from '../../untangle/stored-weights.js';
import type {PackedConstant} from '../buffers.js';
import {type Decisions, decide} from '../candidates/decide.js';
import {type Folds, POINTWISE, type Target} from '../candidates/problem.js';
import type {Candidate, CandidateStep, ConvProblem, ScheduleName} from '../candidates.js';

import type {ConvChoice} from '../conv-choice.js';

import {counted} from '../count-steps.js';
import {readType} from '../counts.js';

import type {Device} from '../device.js';
import type {Step, StepEpilogue, View} from '../steps.js';
import {reshapeView} from '../view-math.js';

/**
 * x [N, H, W, Cin] and y [N, OH, OW, Cout]; [1, 1, M, K] and [1, 1, M, N] for a gemm.
 *
 * Channel strides are 1 unless the schedule is 'planar' and applies.
 */
export interface ConvIo {
  readonly x: View;
  readonly y: View;
  readonly residual: View | null;
  /** With three axes, the planes in the rows of x and y. */
  readonly folds?: Folds;
}

/** Makes the buffers a lowering needs. */
export interface ConvBuilder {
  /** A flat view of new constant data. */
  constant(data: Float32Array): View;
  /** A flat view of weights that are packed later. */
  packed(weights: PackedConstant): View;
  /** A flat view of arena memory that lives as long as the node's steps. */
  scratch(elements: number): View;
}

/** How convolutions are scheduled. */
export interface ConvOptions {
  readonly schedule: ScheduleName;
  /** Leaves out Winograd's form, which rounds more than summing the products themselves. */
  readonly exact?: boolean | undefined;
  /** How to schedule certain convolutions, by the value they compute; bands of one are scheduled alike. */
  readonly choices?: ReadonlyMap<string, ConvChoice> | undefined;
  /** Floats of scratch that a step should not exceed; default: no limit. */
  readonly scratchLimit?: number | undefined;
  /** What the steps will run on; default: the CPU. */
  readonly device?: Device | undefined;
  /** What constant weights are stored as, by the output of their node; default: fp32. */
  readonly weightTypes?: ReadonlyMap<string, WeightType> | undefined;
  /** The board that candidates are priced for. */
  readonly target?: Target | null | undefined;
  /** What was decided before, in schedules for the same board; grows. */
  readonly decisions?: Decisions | undefined;
  /** Sees every choice. */
  readonly onChoice?: ((choice: Choice) => void) | undefined;
}

/** A convolution and what was chosen for it. */
export interface Choice {
  /** Of the node. */
  readonly name: string;
  readonly problem: ConvProblem;
  readonly candidate: Candidate;
}

type ConvOperation = Extract<Operation, {op: 'conv' | 'gemm'}>;

/**
 * Lowers a convolution or gemm to the steps of the chosen candidate, packing its weights.
 *
 * @throws ERR_INTERNAL when the operation is neither.
 */
export function lowerConv(
  node: Node,
  operation: Operation,
  io: ConvIo,
  builder: ConvBuilder,
  options: ConvOptions,
): Step[] {
  if (operation.op !== 'conv' && operation.op !== 'gemm') {
    throw new UntangleError('ERR_INTERNAL', [
      `node "${node.name}": ${operation.op} is not a convolution`,
    ]);
  }

  const {epilogue, bias} = operation;
  const type = options.weightTypes?.get(node.output) ?? 'fp32';
  const operands = {
    x: io.x,
    y: io.y,
    residual: io.residual,
    hasBias: bias !== null,
    hasSlope: epilogue.slope !== undefined,
    hasActivation: epilogue.activation.fn !== 'identity',
    weightType: type,
  };
  const geometry = operation.op === 'conv' ? operation.geometry : POINTWISE;
  const isWhole = operation.op === 'conv' && operation.isWhole === true;
  const choice = options.choices?.get(node.output);
  const {problem, candidate} = decide(options.decisions ?? new Map(), {
    geometry,
    operands,
    options: {
      folds: io.folds,
      isExact: options.exact === true || isWhole,
      device: options.device,
      scratchLimit: options.scratchLimit,
      target: options.target,
    },
    schedule: choice?.schedule ?? options.schedule,
    forms: choice?.forms,
  });
  options.onChoice?.({name: node.name, problem, candidate});
  const widening: Step[] = [];
  const steps = convSteps(node, io, candidate, {
    epilogue: {
      bias: perColumn(bias, {problem, candidate, builder}),
      residual: io.residual,
      activation: epilogue.activation,
      slope: perColumn(epilogue.slope, {problem, candidate, builder}),
    },
    weights: step => {
      const packed = packStep(node, operation, problem, step, type);
      const stored = builder.packed(packed);
      if (readType(step.op, type) === type) return stored;
      const {panels, rows, width} = packed.stored;
      const flat = builder.scratch(panels * rows * width);
      const y = reshapeView(flat, [panels, rows, width])!;
      widening.push(counted({op: 'widen', name: node.name, schedule: '', x: stored, y, type}));
      return flat;
    },
    type,
    builder,
  });
  return [...widening, ...steps];
}

/** Phases side by side in the columns of all steps of a candidate. */
export function fusedPhasesOf(candidate: Candidate): number {
  const [step] = candidate.steps;
  return step === undefined || step.op === 'winograd' ? 1 : step.fusedY * step.fusedX;
}

/** Constant values per output channel in the order of the candidate's columns. */
export function perColumn(
  data: Float32Array | undefined | null,
  at: {problem: ConvProblem; candidate: Candidate; builder: ConvBuilder},
): View | null {
  if (!data) return null;
  const {problem, candidate, builder} = at;
  const isPlain = problem.isDepthwise || candidate.name === 'planar';
  return builder.constant(
    isPlain ? data : packBias(data, problem.groups, fusedPhasesOf(candidate)),
  );
}

/** The steps of a candidate over operands that are already packed. */
export function convSteps<AnyStep extends CandidateStep>(
  node: Node,
  io: ConvIo,
  candidate: Candidate<AnyStep>,
  operands: {
    epilogue: StepEpilogue;
    weights: (step: AnyStep) => View;
    type?: WeightType;
    builder: ConvBuilder;
  },
): Step[] {
  const {type = 'fp32'} = operands;
  return candidate.steps.map((anyStep): Step => {
    const step: CandidateStep = anyStep;
    const shared = {
      name: node.name,
      schedule: candidate.name,
      counts: step.counts,
      x: io.x,
      y: io.y,
      weights: operands.weights(anyStep),
      epilogue: operands.epilogue,
    };
    if (step.op === 'winograd') {
      const {form, regions, scratchElements} = step;
      const scratch = operands.builder.scratch(scratchElements);
      return {op: 'winograd', ...shared, weightType: type, form, regions, scratch};
    }
    const {regions, kTotal, groups, fusedY, fusedX} = step;
    const common = {...shared, regions};
    if (step.op === 'depthwise') return {op: 'depthwise', ...common};
    if (step.op === 'planarTaps') return {op: 'planarTaps', ...common, kTotal};
    return {op: 'gemmTaps', ...common, weightType: type, kTotal, groups, fusedY, fusedX};
  });
}

/** The weights of one step in the executor's order. */
function packStep(
  node: Node,
  {weights}: ConvOperation,
  problem: ConvProblem,
  step: CandidateStep,
  type: WeightType,
): PackedConstant {
  const {plane, groups, inChannels, outChannels} = problem;
  const {transposed} = plane;
  const elements = kernelElements(plane);
  const shape = {transposed, groups, inChannels, outChannels, kernelElements: elements};
  const source = {...shape, weights};
  const {name} = node;
  if (step.op === 'depthwise') {
    const {packedTaps} = step;
    const layout = {panels: 1, rows: packedTaps.length, width: groups * outChannels};
    return {
      weights,
      form: formOf(step, [step.op, shape, packedTaps]),
      stored: {...layout, channels: 1, phaseTaps: step.phaseTaps, type, node: name},
      write: target => packDepthwise(source, packedTaps, target),
    };
  }
  const taps =
    step.op === 'winograd' ? step.kernels.flat().map(element => [element]) : step.packedTaps;
  const columns = {
    fusedPhases: step.op === 'winograd' ? 1 : step.fusedY * step.fusedX,
    width: step.op === 'planarTaps' ? planarRows(outChannels) : PANEL,
  };
  return {
    weights,
    form: formOf(step, ['panels', shape, taps, columns]),
    stored: {
      ...packedPanels(shape, taps, columns),
      channels: inChannels,
      phaseTaps:
        step.op === 'winograd' ? step.kernels.map(kernel => kernel.length) : step.phaseTaps,
      type,
      node: name,
    },
    write: target => packWeights(source, taps, columns, target),
  };
}

const knownForms = new WeakMap<CandidateStep, string>();

/** All that decides how the weights of a step are packed, as a key; bands that are alike share their step. */
function formOf(step: CandidateStep, parts: readonly unknown[]): string {
  const known = knownForms.get(step) ?? JSON.stringify(parts);
  knownForms.set(step, known);
  return known;
}
