// Conv and ConvTranspose of a graph by their definition, for evaluate.ts.

import type {ConvGeometry} from '../../src/graph/graph.js';
import {convReference, convTransposeReference} from '../reference/conv.js';
import type {Evaluated} from './evaluate.js';

/** A convolution with its weights, wherever they come from. */
interface Convolution {
  readonly geometry: ConvGeometry;
  readonly weights: ArrayLike<number>;
  readonly bias: ArrayLike<number> | null;
}

export function convolve({geometry, weights, bias}: Convolution, x: Evaluated, y: Evaluated): void {
  const definition = {
    ...geometry,
    batch: x.shape[0]!,
    inChannels: x.shape[1]!,
    outChannels: y.shape[1]!,
    input: x.shape.slice(2),
    output: y.shape.slice(2),
  };
  const reference = geometry.transposed ? convTransposeReference : convReference;
  const pixels = y.shape.slice(2).reduce((product, size) => product * size, 1);
  reference(definition, x.data, weights).forEach((sum, at) => {
    y.data[at] = sum + (bias?.[Math.floor(at / pixels) % y.shape[1]!] ?? 0);
  });
}
