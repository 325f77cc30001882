// Moves elementwise functions up through concats, resizes and rearrangements to where an epilogue takes them.
//
// conv -> depthToSpace -> clip needs no pass for the clip, and neither does a BatchNormalization behind a
// concat of convolutions or behind a resize: averaging with weights that sum to 1 keeps scales and shifts.

import type {Tensor} from '../onnx/model.js';
import {affineOf} from './fuse-affine-match.js';
import {channelConstant, type SingleStep, singleStep, withEpilogue} from './fuse-match.js';
import type {Graph, Node, Operation, ResizeAxis, Value} from './graph.js';
import {freshName, fusePairs, type Links, type Pair, type Replacement, shapeOf} from './rewrite.js';
import {elementCount} from './shapes.js';

/** Resampling weights are f32. */
const TOLERANCE = 1e-6;

/** Applies functions before a rearrangement instead of behind it, where every input can take them in. */
export function hoistSteps(graph: Graph): Graph {
  return fusePairs(graph, hoistPair);
}

function hoistPair({producer, consumer, input, links}: Pair): Replacement | null {
  const {graph} = links;
  const step = singleStep(graph, consumer, input);
  if (step === null || !commutes(producer.operation, step)) return null;
  const isFree = areTakenIn(links, producer.inputs, step);
  if (!isFree && !isCheaper(links, producer, consumer)) return null;
  const others = otherOperands(graph, producer, step);
  if (others === null) return null;

  const values: Value[] = [];
  const constants = new Map<string, Tensor>();
  const steps = producer.inputs.map((name, index): Node => {
    const output = freshName(graph, consumer.output, `part${index}`);
    values.push({
      name: output,
      dtype: graph.values.get(consumer.output)!.dtype,
      shape: shapeOf(graph, name),
    });
    const other = others[index];
    if (other === undefined) return {...consumer, inputs: [name], output};
    const constant = freshName(graph, consumer.output, `operand${index}`);
    constants.set(constant, other);
    return {
      ...consumer,
      inputs: consumer.inputs.map((_, at) => (at === input ? name : constant)),
      output,
    };
  });
  const rearranged = {
    ...producer,
    inputs: values.map(value => value.name),
    output: consumer.output,
  };
  return {nodes: [...steps, rearranged], values, constants};
}

/** Whether a resize makes more elements of fewer, and what follows could not take the function in. */
function isCheaper(
  {graph, consumers}: Links,
  {operation, inputs, output}: Node,
  consumer: Node,
): boolean {
  if (operation.op !== 'resize') return false;
  const isLarger = elementCount(shapeOf(graph, output)) > elementCount(shapeOf(graph, inputs[0]!));
  const users = [...(consumers.get(consumer.output) ?? [])];
  return (
    isLarger && users.every(user => user.operation.op !== 'conv' && user.operation.op !== 'gemm')
  );
}

/** Whether `step` before `operation` gives what it gives behind it, apart from the split of constants. */
function commutes(operation: Operation, step: SingleStep): boolean {
  switch (operation.op) {
    case 'concat':
      return true;
    case 'reshape':
    case 'transpose':
    case 'slice':
      return step.kind === 'unary';
    case 'resize': {
      const changed = operation.axes.filter(axis => axis.taps > 0);
      if (changed.every(axis => axis.taps === 1 && axis.weights.every(weight => weight === 1)))
        return true;
      return isAffine(step) && changed.every(hasUnitSums);
    }
    default:
      return false;
  }
}

function isAffine(step: SingleStep): boolean {
  if (step.kind === 'unary') return step.activation.fn === 'affine' || step.activation.fn === 'neg';
  return ['add', 'sub', 'mul'].includes(step.fn) || (step.fn === 'div' && step.isLeft);
}

function hasUnitSums({taps, weights}: ResizeAxis): boolean {
  for (let first = 0; first < weights.length; first += taps) {
    const sum = weights.subarray(first, first + taps).reduce((total, weight) => total + weight, 0);
    if (Math.abs(sum - 1) > TOLERANCE) return false;
  }
  return true;
}

/** Nodes looked at on the way up to those that take a function in: beyond, it hardly ever pays. */
const MAX_CLIMB = 64;

/** Whether all of `names` can take `step` in; each climbs its own way up. */
function areTakenIn(links: Links, names: readonly string[], step: SingleStep): boolean {
  return names.every(name => {
    const pending = [name];
    for (let climbed = 0; pending.length > 0; climbed++) {
      const above = climbed < MAX_CLIMB ? takers(links, pending.pop()!, step) : null;
      if (above === null || above.length > MAX_CLIMB) return false;
      pending.push(...above);
    }
    return true;
  });
}

/**
 * What has to take `step` in so that `name` does, which is made for this use only: nothing when a node's weights or
 * epilogue will, null when that cannot be.
 */
function takers(links: Links, name: string, step: SingleStep): readonly string[] | null {
  const node = links.producers.get(name);
  if (node === undefined || links.uses.get(name) !== 1) return null;
  const {graph} = links;
  const operation = withEpilogue(node);
  if (operation !== null) {
    // The columns of a gemm are not the channels of the map that it is reshaped to; weights computed at run time take
    // nothing in.
    const isFitting =
      step.kind === 'unary' || (operation.op !== 'gemm' && operation.op !== 'dynamicConv');
    return isFitting && operation.epilogue.activation.fn === 'identity' ? [] : null;
  }
  const data = node.inputs.findIndex(input => !graph.constants.has(input));
  if (data < 0) return null;
  // A scale or shift that was hoisted before will be in the weights by then.
  const isFolded = affineOf(graph, node, data, 1) !== null;
  if (!isFolded && !commutes(node.operation, step)) return null;
  return isFolded ? [node.inputs[data]!] : node.inputs;
}

/** The constant operand for each input of `producer`; empty for unary steps, null when there is none. */
function otherOperands(graph: Graph, producer: Node, step: SingleStep): readonly Tensor[] | null {
  if (step.kind === 'unary') return [];
  const shape = shapeOf(graph, producer.output);
  const {operation} = producer;
  if (operation.op === 'resize' && operation.axes[1]?.taps !== 0) return null;
  const constant = channelConstant(graph, step.other, shape, 1);
  if (constant === null) return null;
  const isSplit = operation.op === 'concat' && operation.axis === 1;
  let start = 0;
  return producer.inputs.map((name): Tensor => {
    const channels = shapeOf(graph, name)[1]!;
    const data = Float32Array.from(constant.subarray(start, start + channels));
    if (isSplit) start += channels;
    return {dtype: 'float32', dims: [channels, ...shape.slice(2).map(() => 1)], data};
  });
}
