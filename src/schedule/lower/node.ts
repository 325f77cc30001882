// One node to its steps.

import type {Node} from '../../graph/graph.js';
import {isViewNode} from '../views.js';
import {lowerArgReduce, lowerCumulative, lowerSoftmax} from './along-axis.js';
import type {ConvOptions} from './conv.js';
import {lowerChain, lowerReduce} from './elementwise.js';
import {lowerGridSample} from './grid-sample.js';
import {lowerGatherIndexed, lowerScatterIndexed} from './indexed.js';
import type {Lowering} from './lowering.js';
import {lowerConvolution, lowerGemm, lowerPool} from './maps.js';
import {lowerMatmul} from './matmul.js';
import {lowerInstanceNorm, lowerMoments} from './normalize.js';
import {lowerConcat, lowerGather, lowerPad, lowerView} from './rearrange.js';
import {lowerResize} from './resize.js';
import {lowerStandardize} from './standardize.js';

/** Emits the steps of `node`; afterwards its output has a view. */
export function lowerNode(node: Node, lowering: Lowering, options: ConvOptions): void {
  if (isViewNode(node)) {
    lowerView(node, lowering);
    return;
  }
  if (node.operation.op === 'moments') {
    lowerMoments(node, node.operation, lowering);
    return;
  }
  lowerComputed(node, lowering, options);
  lowering.setView(node.output, lowering.target(node.output));
}

function lowerComputed(node: Node, lowering: Lowering, options: ConvOptions): void {
  const {operation} = node;
  switch (operation.op) {
    case 'conv':
    case 'dynamicConv':
      lowerConvolution(node, operation, lowering, options);
      break;
    case 'gemm':
      lowerGemm(node, operation, lowering, options);
      break;
    case 'matmul':
      lowerMatmul(node, lowering);
      break;
    case 'chain':
      lowerChain(node, operation, lowering);
      break;
    case 'instanceNorm':
      lowerInstanceNorm(node, operation, lowering);
      break;
    case 'softmax':
      lowerSoftmax(node, operation, lowering);
      break;
    case 'pool':
      lowerPool(node, operation, lowering);
      break;
    case 'reduce':
      lowerReduce(node, operation, lowering);
      break;
    case 'argReduce':
      lowerArgReduce(node, operation, lowering);
      break;
    case 'cumulative':
      lowerCumulative(node, operation, lowering);
      break;
    case 'standardize':
      lowerStandardize(node, operation, lowering);
      break;
    case 'resize':
      lowerResize(node, operation, lowering);
      break;
    case 'gridSample':
      lowerGridSample(node, operation, lowering);
      break;
    case 'concat':
      lowerConcat(node, operation, lowering);
      break;
    case 'pad':
      lowerPad(node, operation, lowering);
      break;
    case 'gather':
      lowerGather(node, operation, lowering);
      break;
    case 'gatherIndexed':
      lowerGatherIndexed(node, operation.map, lowering);
      break;
    case 'scatterIndexed':
      lowerScatterIndexed(node, operation, lowering);
      break;
    case 'reshape':
    case 'transpose':
    case 'expand':
    case 'slice':
      lowerView(node, lowering);
      break;
  }
}
