// Which convolutions will run as planarTaps, before anything is placed: their maps may lie in any order.

import type {Graph, Node} from '../graph/graph.js';
import {chooseCandidate, convProblem, type ScheduleName} from './candidates.js';
import {toMap} from './map-view.js';
import {PLANAR} from './steps.js';
import {channelsLast, denseView} from './view-math.js';

/** The outputs of all convolutions for which `schedule` takes 'planar'; the cost is that of dense maps. */
export function planarNodes(graph: Graph, schedule: ScheduleName): Set<string> {
  const isPossible = schedule === 'auto' || schedule === 'planar';
  const nodes = isPossible ? graph.nodes.filter(node => isPlanar(graph, node, schedule)) : [];
  return new Set(nodes.map(node => node.output));
}

function isPlanar(
  graph: Graph,
  {operation, inputs, output}: Node,
  schedule: ScheduleName,
): boolean {
  if (operation.op !== 'conv' && operation.op !== 'dynamicConv') return false;
  if (operation.geometry.groups !== 1) return false;
  const input = graph.values.get(inputs[0]!)?.shape ?? graph.constants.get(inputs[0]!)!.dims;
  const {shape} = graph.values.get(output)!;
  if (shape[1]! > PLANAR.channels || shape.length > 4) return false;

  const map = (sizes: readonly number[]) => toMap(denseView(0, sizes, channelsLast(sizes.length)));
  const problem = convProblem(operation.geometry, {
    x: map(input),
    y: map(shape),
    residual: null,
    hasBias: operation.op === 'conv' ? operation.bias !== null : operation.hasBias,
    hasSlope: false,
    hasActivation: false,
  });
  return chooseCandidate(problem, schedule).name === 'planar';
}
