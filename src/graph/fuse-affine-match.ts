// Reads an elementwise node as scale*x + shift per channel.

import type {Activation, BinaryFunction} from './functions.js';
import {channelConstant, singleStep} from './fuse-match.js';
import type {Graph, Node} from './graph.js';
import {shapeOf} from './rewrite.js';

/** One scale and one shift per channel. */
export interface Affine {
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

/** What `node` does to its `input`-th input along `axis`, or null when that is not affine per channel. */
export function affineOf(graph: Graph, node: Node, input: number, axis: number): Affine | null {
  const step = singleStep(graph, node, input);
  if (step === null) return null;
  const shape = shapeOf(graph, node.output);
  const channels = shape[axis];
  if (channels === undefined) return null;
  if (step.kind === 'unary') return unaryAffine(step.activation, channels);
  const constant = channelConstant(graph, step.other, shape, axis);
  const affine = constant && binaryAffine(step.fn, step.isLeft, constant);
  return affine?.scale.every(Number.isFinite) ? affine : null;
}

function unaryAffine({fn, alpha, beta}: Activation, channels: number): Affine | null {
  if (fn !== 'affine' && fn !== 'neg') return null;
  const [scale, shift] = fn === 'neg' ? [-1, 0] : [alpha, beta];
  return {scale: filled(channels, scale), shift: filled(channels, shift)};
}

function binaryAffine(fn: BinaryFunction, isLeft: boolean, constant: Float64Array): Affine | null {
  const one = filled(constant.length, 1);
  const zero = filled(constant.length, 0);
  switch (fn) {
    case 'add':
      return {scale: one, shift: constant};
    case 'sub':
      return isLeft
        ? {scale: one, shift: constant.map(value => -value)}
        : {scale: one.map(value => -value), shift: constant};
    case 'mul':
      return {scale: constant, shift: zero};
    case 'div':
      return isLeft ? {scale: constant.map(value => 1 / value), shift: zero} : null;
    default:
      return null;
  }
}

function filled(length: number, value: number): Float64Array {
  return new Float64Array(length).fill(value);
}
