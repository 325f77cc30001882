// A layer of the list as an ONNX model of one node.

import {inputShape, type Layer, outputSize} from '../shapes.js';
import {hashValues, SEEDS} from './hash.js';
import type {ModelSpec, TensorSpec} from './onnx-file.js';

export const OPSET = 17;

/** The layer as it is: x [N, C, H, W] to y, weights and bias by hash. */
export function layerModel(layer: Layer): ModelSpec {
  const {op, kernel, stride, pad, outputPadding, dilation, groups} = layer;
  const shared = {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [pad, pad, pad, pad],
    dilations: [dilation, dilation],
    group: groups,
  };
  const isTransposed = op === 'transposed';
  return {
    ...layerPorts(layer),
    opset: OPSET,
    nodes: [
      {
        op: isTransposed ? 'ConvTranspose' : 'Conv',
        inputs: ['x', 'w', 'b'],
        outputs: ['y'],
        attrs: isTransposed ? {...shared, output_padding: [outputPadding, outputPadding]} : shared,
      },
    ],
    initializers: {w: layerWeights(layer), b: layerBias(layer)},
  };
}

/** Input x and output y, the same for every way of computing the layer. */
export function layerPorts(layer: Layer): Pick<ModelSpec, 'inputs' | 'outputs'> {
  return {
    inputs: [{name: 'x', dims: inputShape(layer)}],
    outputs: [{name: 'y', dims: [layer.batch, layer.outChannels, ...outputSize(layer)]}],
  };
}

/** In ONNX order: [Cin, Cout/groups, K, K] of a transposed convolution, [Cout, Cin/groups, K, K] of a plain one. */
export function layerWeights(layer: Layer): TensorSpec {
  const {op, inChannels, outChannels, groups, kernel} = layer;
  const channels =
    op === 'transposed' ? [inChannels, outChannels / groups] : [outChannels, inChannels / groups];
  const dims = [...channels, kernel, kernel];
  return {
    dims,
    data: hashValues(
      dims.reduce((a, b) => a * b),
      SEEDS.weights,
    ),
  };
}

/** [Cout] */
export function layerBias({outChannels}: Layer): TensorSpec {
  return {dims: [outChannels], data: hashValues(outChannels, SEEDS.bias)};
}
