// Constant weights as one array, scaled by plain index arithmetic.

import type {ConvGeometry} from '../../src/graph/graph.js';
import type {Weights} from '../../src/graph/weights.js';

/** All weights of a convolution to `outChannels` channels, in ONNX order. */
export function convWeights(
  {values, scale}: Weights,
  {transposed, groups, kernel}: Pick<ConvGeometry, 'transposed' | 'groups' | 'kernel'>,
  outChannels: number,
): Float32Array {
  const all = new Float32Array(values.length);
  values.read(0, all);
  const taps = kernel.reduce((product, size) => product * size, 1);
  const perGroup = {
    output: outChannels / groups,
    input: values.length / taps / outChannels,
  };
  return all.map((value, at) => {
    const pair = Math.floor(at / taps);
    const second = transposed ? perGroup.output : perGroup.input;
    const group = Math.floor(pair / second / (transposed ? perGroup.input : perGroup.output));
    const [first, other] = [Math.floor(pair / second), group * second + (pair % second)];
    const [input, output] = transposed ? [first, other] : [other, first];
    return value * (scale.input?.[input] ?? 1) * (scale.output?.[output] ?? 1);
  });
}

/** The matrix [K, N] of a gemm. */
export function gemmWeights(weights: Weights, columns: number): Float32Array {
  return convWeights(weights, {transposed: true, groups: 1, kernel: []}, columns);
}
