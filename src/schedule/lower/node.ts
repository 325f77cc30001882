// One node to its steps.

import type {Node} from '../../graph/graph.js';
import {isViewNode} from '../views.js';
import {lowerChain, lowerReduce, lowerSoftmax} from './elementwise.js';
import type {Lowering} from './lowering.js';
import {type ConvOptions, lowerConvolution, lowerGemm, lowerInstanceNorm, lowerPool} from './maps.js';
import {lowerMatmul} from './matmul.js';
import {lowerConcat, lowerGather, lowerPad, lowerView} from './rearrange.js';
import {lowerResize} from './resize.js';

/** Emits the steps of `node`; afterwards its output has a view. */
export function lowerNode(node: Node, lowering: Lowering, options: ConvOptions): void {
  if (isViewNode(node)) {
    lowerView(node, lowering);
    return;
  }
  lowerComputed(node, lowering, options);
  lowering.setView(node.output, lowering.target(node.output));
}

function lowerComputed(node: Node, lowering: Lowering, options: ConvOptions): void {
  const {operation} = node;
  switch (operation.op) {
    case 'conv':
      return lowerConvolution(node, operation, lowering, options);
    case 'gemm':
      return lowerGemm(node, operation, lowering, options);
    case 'matmul':
      return lowerMatmul(node, lowering);
    case 'chain':
      return lowerChain(node, operation, lowering);
    case 'instanceNorm':
      return lowerInstanceNorm(node, operation, lowering);
    case 'softmax':
      return lowerSoftmax(node, operation, lowering);
    case 'pool':
      return lowerPool(node, operation, lowering);
    case 'reduce':
      return lowerReduce(node, operation, lowering);
    case 'resize':
      return lowerResize(node, operation, lowering);
    case 'concat':
      return lowerConcat(node, lowering);
    case 'pad':
      return lowerPad(node, operation, lowering);
    case 'gather':
      return lowerGather(node, operation, lowering);
    case 'reshape':
    case 'transpose':
    case 'expand':
    case 'slice':
      return lowerView(node, lowering);
  }
}
