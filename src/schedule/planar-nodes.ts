// Which convolutions will run as planarTaps, before anything is placed: their maps may lie in any order.

import type {Graph, Node, Operation} from '../graph/graph.js';
import {type Decision, type Decisions, decide} from './candidates/decide.js';
import type {Target} from './candidates/problem.js';
import {priceOf, type ScheduleName} from './candidates.js';
import {COST} from './cost.js';
import type {ConvOptions} from './lower/conv.js';
import {toMap} from './map-view.js';
import {predictCopyNs} from './predict.js';
import {PLANAR, type View} from './steps.js';
import {channelsLast, denseView, elementCount, identityOrder} from './view-math.js';

const F32_BYTES = 4;

/** The outputs of all convolutions for which `schedule` takes 'planar'; the cost is that of dense maps. */
export function planarNodes(graph: Graph, options: ConvOptions): Set<string> {
  const {schedule, device = 'cpu'} = options;
  const isPossible = device === 'cpu' && (schedule === 'auto' || schedule === 'planar');
  const nodes = isPossible ? graph.nodes.filter(node => isPlanar(graph, node, options)) : [];
  return new Set(nodes.map(node => node.output));
}

/**
 * All methods but 'planar' want channels last: where the graph's inputs and outputs lie plane by plane, copies come
 * on top of their cost.
 */
function isPlanar(
  graph: Graph,
  node: Node,
  {schedule, exact, choices, decisions = new Map(), target = null}: ConvOptions,
): boolean {
  const choice = choices?.get(node.output);
  if (choice !== undefined) return choice.schedule === 'planar';
  const {operation} = node;
  if (operation.op !== 'conv' && operation.op !== 'dynamicConv') return false;
  if (operation.geometry.groups !== 1) return false;
  const shapes = mapShapes(graph, node);
  if (shapes.y[1]! > PLANAR.channels || shapes.y.length > 4) return false;

  const last = {x: pixelMap(shapes.x), y: pixelMap(shapes.y)};
  const how = {isExact: exact === true, target, decisions};
  const pixels = decisionOf(operation, last, {...how, schedule});
  const chosen = pixels.candidate;
  if (schedule === 'planar' || chosen.name === 'planar') return chosen.name === 'planar';

  const edges = {
    x: graph.inputs.includes(node.inputs[0]!),
    y: graph.outputs.some(({value}) => value === node.output),
  };
  const copies = (['x', 'y'] as const).filter(side => edges[side] && shapes[side][1]! > 1);
  const copied = copies.reduce((sum, side) => sum + elementCount(shapes[side]), 0);
  const places = {
    x: edges.x ? planeMap(shapes.x) : last.x,
    y: edges.y ? planeMap(shapes.y) : last.y,
  };
  const planes = decisionOf(operation, places, {...how, schedule: 'planar'});
  const copying =
    target === null
      ? copied * COST.layoutCopy
      : predictCopyNs(copied * F32_BYTES, target.board, target.threads);
  const price = priceOf(pixels.problem, chosen) + copying;
  const {problem, candidate} = planes;
  return candidate.name === 'planar' && priceOf(problem, candidate) < price;
}

function mapShapes(graph: Graph, {inputs, output}: Node) {
  const x = graph.values.get(inputs[0]!)?.shape ?? graph.constants.get(inputs[0]!)!.dims;
  return {x, y: graph.values.get(output)!.shape};
}

function pixelMap(sizes: readonly number[]): View {
  return toMap(denseView(0, sizes, channelsLast(sizes.length)));
}

function planeMap(sizes: readonly number[]): View {
  return toMap(denseView(0, sizes, identityOrder(sizes.length)));
}

function decisionOf(
  operation: Extract<Operation, {op: 'conv' | 'dynamicConv'}>,
  maps: {readonly x: View; readonly y: View},
  how: {
    readonly isExact: boolean;
    readonly target: Target | null;
    readonly schedule: ScheduleName;
    readonly decisions: Decisions;
  },
): Decision {
  const operands = {
    ...maps,
    residual: null,
    hasBias: operation.op === 'conv' ? operation.bias !== null : operation.hasBias,
    hasSlope: false,
    hasActivation: false,
  };
  const {target, schedule, decisions} = how;
  const isExact = how.isExact || operation.op === 'dynamicConv' || operation.isWhole === true;
  const {geometry} = operation;
  return decide(decisions, {geometry, operands, options: {target, isExact}, schedule});
}
