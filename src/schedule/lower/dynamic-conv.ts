// Convolutions whose weights are computed at run time: copies that pack them, then the steps of any convolution.

import type {Node} from '../../graph/graph.js';
import {
  type Candidate,
  type ConvProblem,
  chooseDirect,
  convProblem,
  type TapsStep,
} from '../candidates.js';
import {PANEL, planarRows, type Step, type View} from '../steps.js';
import {elementCount, identityOrder, isInjective} from '../view-math.js';
import {type ConvIo, type ConvOptions, convSteps, fusedPhasesOf, perColumn} from './conv.js';
import {denseCopy, emit, emitCopy, type Lowering} from './lowering.js';
import type {OperationOf} from './maps.js';
import {
  hasZeroTaps,
  type PackedLayout,
  packedElements,
  packingCopies,
  type WeightStrides,
} from './pack-views.js';

type DynamicConv = OperationOf<'dynamicConv'>;

/**
 * The steps of the convolution; the copies before them are emitted here.
 *
 * Packed weights live in the arena from their first copy to the step that reads them.
 */
export function lowerDynamicConv(
  node: Node,
  operation: DynamicConv,
  io: ConvIo,
  lowering: Lowering,
  options: ConvOptions,
): Step[] {
  const {geometry, hasBias, epilogue} = operation;
  const operands = {
    ...io,
    hasBias,
    hasSlope: epilogue.slope !== undefined,
    hasActivation: epilogue.activation.fn !== 'identity',
  };
  const problem = convProblem(geometry, operands, {
    folds: io.folds,
    isExact: true,
    device: options.device,
    target: options.target,
  });
  const candidate = chooseDirect(problem, options.schedule);
  options.onChoice?.({name: node.name, problem, candidate});
  const at = {problem, candidate, builder: lowering.buffers};
  const packed = new Map(
    candidate.steps.map(step => [step, packWeights(node, lowering, {problem, step})]),
  );
  return convSteps(node, io, candidate, {
    epilogue: {
      bias: hasBias ? packBiasInput(node, lowering, at) : null,
      residual: io.residual,
      activation: epilogue.activation,
      slope: perColumn(epilogue.slope, at),
    },
    weights: step => packed.get(step)!,
    builder: lowering.buffers,
  });
}

/** Copies the weights into the order in which `step` reads them; a flat view. */
function packWeights(
  node: Node,
  lowering: Lowering,
  {problem, step}: {problem: ConvProblem; step: TapsStep},
): View {
  const layout = layoutOf(problem, step);
  const given = lowering.view(node.inputs[1]!);
  const order = identityOrder(given.shape.length);
  const weights = isInjective(given) ? given : denseCopy(lowering, node.name, {view: given, order});
  const packed = lowering.buffers.scratch(packedElements(layout));
  if (hasZeroTaps(layout)) {
    emit(lowering, {op: 'fill', name: node.name, schedule: '', y: packed, value: 0});
  }
  for (const copy of packingCopies(layout, strides(problem, weights), {weights, packed}))
    emitCopy(lowering, node.name, copy);
  return packed;
}

function layoutOf(problem: ConvProblem, step: TapsStep): PackedLayout {
  const {groups, inChannels, outChannels, isDepthwise} = problem;
  const taps = step.packedTaps;
  const fusedPhases = step.fusedY * step.fusedX;
  if (isDepthwise)
    return {groups: 1, columns: groups, panelWidth: groups, rows: 1, taps, fusedPhases};
  const panelWidth = step.op === 'planarTaps' ? planarRows(outChannels) : PANEL;
  return {groups, columns: outChannels, panelWidth, rows: inChannels, taps, fusedPhases};
}

/** Conv weights are [Cout, Cin/g, ..], those of ConvTranspose [Cin, Cout/g, ..]; depthwise ones [C, 1, ..] in both. */
function strides(
  {plane, isDepthwise, inChannels, outChannels}: ConvProblem,
  weights: View,
): WeightStrides {
  const [first, second] = weights.strides as [number, number];
  const [kernelZ, kernelY, kernelX] = [0, 0, ...weights.strides.slice(2)].slice(-3) as [
    number,
    number,
    number,
  ];
  const kernel = {
    kernelZ,
    kernelY,
    kernelX,
    kernelHeight: plane.y.kernelSize,
    kernelWidth: plane.x.kernelSize,
  };
  return plane.transposed && !isDepthwise
    ? {group: inChannels * first, input: first, output: second, ...kernel}
    : {group: outChannels * first, input: second, output: first, ...kernel};
}

/** The bias [Cout] in the order of the columns: constants are packed here, others by copies. */
function packBiasInput(
  node: Node,
  lowering: Lowering,
  at: {problem: ConvProblem; candidate: Candidate},
): View {
  const {problem, candidate} = at;
  const name = node.inputs[2]!;
  const constant = lowering.graph.constants.get(name);
  if (constant !== undefined)
    return perColumn(Float32Array.from(constant.data), {...at, builder: lowering.buffers})!;

  const bias = lowering.view(name);
  const {outChannels} = problem;
  const isPlain = problem.isDepthwise || candidate.name === 'planar';
  const groups = isPlain ? 1 : problem.groups;
  const columns = isPlain ? elementCount(bias.shape) : outChannels;
  const phases = fusedPhasesOf(candidate);
  const width = isPlain ? columns : Math.ceil((columns * phases) / PANEL) * PANEL;
  const packed = lowering.buffers.scratch(groups * width);
  const [stride] = bias.strides as [number];
  for (let phase = 0; phase < phases; phase++) {
    const shape = [groups, columns];
    emitCopy(lowering, node.name, {
      x: {...bias, shape, strides: [columns * stride, stride]},
      y: {...packed, offset: packed.offset + phase * columns, shape, strides: [width, 1]},
    });
  }
  return packed;
}
