// Which convolutions will run as planarTaps, before anything is placed: their maps may lie in any order.

import type {Graph, Node, Operation} from '../graph/graph.js';
import type {Target} from './candidates/problem.js';
import {type ConvProblem, chooseCandidate, convProblem, priceOf} from './candidates.js';
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
  {schedule, exact, choices, target = null}: ConvOptions,
): boolean {
  const choice = choices?.get(node.output);
  if (choice !== undefined) return choice.schedule === 'planar';
  const {operation} = node;
  if (operation.op !== 'conv' && operation.op !== 'dynamicConv') return false;
  if (operation.geometry.groups !== 1) return false;
  const shapes = mapShapes(graph, node);
  if (shapes.y[1]! > PLANAR.channels || shapes.y.length > 4) return false;

  const last = {x: pixelMap(shapes.x), y: pixelMap(shapes.y)};
  const how = {isExact: exact === true, target};
  const asPixels = problemOf(operation, last, how);
  const chosen = chooseCandidate(asPixels, schedule);
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
  const inPlanes = problemOf(operation, places, how);
  const planar = chooseCandidate(inPlanes, 'planar');
  const copying =
    target === null
      ? copied * COST.layoutCopy
      : predictCopyNs(copied * F32_BYTES, target.board, target.threads);
  const price = priceOf(asPixels, chosen) + copying;
  return planar.name === 'planar' && priceOf(inPlanes, planar) < price;
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

function problemOf(
  operation: Extract<Operation, {op: 'conv' | 'dynamicConv'}>,
  maps: {readonly x: View; readonly y: View},
  how: {readonly isExact: boolean; readonly target: Target | null},
): ConvProblem {
  const operands = {
    ...maps,
    residual: null,
    hasBias: operation.op === 'conv' ? operation.bias !== null : operation.hasBias,
    hasSlope: false,
    hasActivation: false,
  };
  const isExact = how.isExact || operation.op === 'dynamicConv' || operation.isWhole === true;
  return convProblem(operation.geometry, operands, {...how, isExact});
}
