// Which convolutions will run as planarTaps, before anything is placed: their maps may lie in any order.

import type {Graph, Node} from '../graph/graph.js';
import {chooseCandidate, convProblem} from './candidates.js';
import type {ConvOptions} from './lower/conv.js';
import {toMap} from './map-view.js';
import {PLANAR} from './steps.js';
import {channelsLast, denseView} from './view-math.js';

/** The outputs of all convolutions for which `schedule` takes 'planar'; the cost is that of dense maps. */
export function planarNodes(graph: Graph, options: ConvOptions): Set<string> {
  const {schedule} = options;
  const isPossible = schedule === 'auto' || schedule === 'planar';
  const nodes = isPossible ? graph.nodes.filter(node => isPlanar(graph, node, options)) : [];
  return new Set(nodes.map(node => node.output));
}

function isPlanar(
  graph: Graph,
  {operation, inputs, output}: Node,
  {schedule, exact}: ConvOptions,
): boolean {
  if (operation.op !== 'conv' && operation.op !== 'dynamicConv') return false;
  if (operation.geometry.groups !== 1) return false;
  const input = graph.values.get(inputs[0]!)?.shape ?? graph.constants.get(inputs[0]!)!.dims;
  const {shape} = graph.values.get(output)!;
  if (shape[1]! > PLANAR.channels || shape.length > 4) return false;

  const map = (sizes: readonly number[]) => toMap(denseView(0, sizes, channelsLast(sizes.length)));
  const operands = {
    x: map(input),
    y: map(shape),
    residual: null,
    hasBias: operation.op === 'conv' ? operation.bias !== null : operation.hasBias,
    hasSlope: false,
    hasActivation: false,
  };
  const isExact = exact === true || operation.op === 'dynamicConv' || operation.isWhole === true;
  const problem = convProblem(operation.geometry, operands, {isExact});
  return chooseCandidate(problem, schedule).name === 'planar';
}
