// Convolutions as generators with styles write them: the weights are scaled and normalised at run time.

import {float, model, type NodeSpec} from '../helpers/onnx-builder.js';
import {type SmallModel, weights} from './small-models.js';

/** Sizes of a StyleGAN2 layer; `batch` images have a style each and share one grouped convolution. */
interface Layer {
  readonly batch: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly size: number;
  readonly isUpsampling: boolean;
}

/** style -> scaled, demodulated weights -> grouped Conv or ConvTranspose over [1, N*C, H, W] -> LeakyRelu. */
function modulated(layer: Layer): Uint8Array {
  const {batch, inChannels, outChannels, size, isUpsampling} = layer;
  const ints = (...data: number[]) => ({dims: [data.length], data, dtype: 'int64'}) as const;
  const kernel = isUpsampling
    ? [batch * inChannels, outChannels, 3, 3]
    : [batch * outChannels, inChannels, 3, 3];
  const outSize = isUpsampling ? 2 * size + 1 : size;
  const op = isUpsampling ? 'ConvTranspose' : 'Conv';
  const attrs = isUpsampling ? {strides: [2, 2], group: batch} : {pads: [1, 1, 1, 1], group: batch};
  const swap: NodeSpec[] = isUpsampling
    ? [{op: 'Transpose', inputs: ['w2'], outputs: ['w3'], attrs: {perm: [0, 2, 1, 3, 4]}}]
    : [];
  return model({
    opset: 17,
    inputs: [
      {name: 'x', dims: [batch, inChannels, size, size]},
      {name: 'style', dims: [batch, 1, inChannels, 1, 1]},
    ],
    outputs: [{name: 'y', dims: [batch, outChannels, outSize, outSize]}],
    initializers: {
      w: weights([1, outChannels, inChannels, 3, 3]),
      epsilon: {dims: [], data: [1e-8]},
      axes: ints(2, 3, 4),
      kernel: ints(...kernel),
      joined: ints(1, batch * inChannels, size, size),
      split: ints(batch, outChannels, outSize, outSize),
    },
    nodes: [
      {op: 'Mul', inputs: ['w', 'style'], outputs: ['w1']},
      {op: 'Mul', inputs: ['w1', 'w1'], outputs: ['squares']},
      {op: 'ReduceSum', inputs: ['squares', 'axes'], outputs: ['sums'], attrs: {keepdims: 1}},
      {op: 'Add', inputs: ['sums', 'epsilon'], outputs: ['positive']},
      {op: 'Sqrt', inputs: ['positive'], outputs: ['norms']},
      {op: 'Div', inputs: ['w1', 'norms'], outputs: ['w2']},
      ...swap,
      {op: 'Reshape', inputs: [isUpsampling ? 'w3' : 'w2', 'kernel'], outputs: ['weights']},
      {op: 'Reshape', inputs: ['x', 'joined'], outputs: ['x1']},
      {op, name: 'conv', inputs: ['x1', 'weights'], outputs: ['y1'], attrs},
      {op: 'LeakyRelu', inputs: ['y1'], outputs: ['y2'], attrs: {alpha: float(0.2)}},
      {op: 'Reshape', inputs: ['y2', 'split'], outputs: ['y']},
    ],
  });
}

/** toRGB: a 1x1 kernel whose input channels a style scales, three output channels, a bias that is an input. */
const TO_RGB = model({
  inputs: [
    {name: 'x', dims: [1, 5, 6, 4]},
    {name: 'style', dims: [1, 5, 1, 1]},
    {name: 'bias', dims: [3]},
  ],
  outputs: [{name: 'y', dims: [1, 3, 6, 4]}],
  initializers: {w: weights([3, 5, 1, 1])},
  nodes: [
    {op: 'Mul', inputs: ['w', 'style'], outputs: ['weights']},
    {op: 'Conv', name: 'conv', inputs: ['x', 'weights', 'bias'], outputs: ['y']},
  ],
});

/** A filter of its own for every channel, made from the input itself. */
const DYNAMIC_FILTER = model({
  inputs: [{name: 'x', dims: [1, 6, 5, 7]}],
  outputs: [{name: 'y', dims: [1, 6, 5, 7]}],
  initializers: {
    shape: {dims: [4], data: [6, 1, 3, 3], dtype: 'int64'},
    starts: {dims: [2], data: [1, 2], dtype: 'int64'},
    ends: {dims: [2], data: [4, 5], dtype: 'int64'},
    axes: {dims: [2], data: [2, 3], dtype: 'int64'},
  },
  nodes: [
    {op: 'Slice', inputs: ['x', 'starts', 'ends', 'axes'], outputs: ['patch']},
    {op: 'Reshape', inputs: ['patch', 'shape'], outputs: ['weights']},
    {
      op: 'Conv',
      name: 'conv',
      inputs: ['x', 'weights'],
      outputs: ['y'],
      attrs: {pads: [1, 1, 1, 1], group: 6},
    },
  ],
});

export const MODULATED_MODELS: readonly SmallModel[] = [
  {
    name: 'modulated convolution, one style',
    bytes: modulated({batch: 1, inChannels: 4, outChannels: 20, size: 6, isUpsampling: false}),
  },
  {
    name: 'modulated convolution, a style per image',
    bytes: modulated({batch: 2, inChannels: 3, outChannels: 16, size: 5, isUpsampling: false}),
  },
  {
    name: 'modulated transposed convolution, a style per image',
    bytes: modulated({batch: 2, inChannels: 3, outChannels: 5, size: 4, isUpsampling: true}),
  },
  {name: 'modulated 1x1 head', bytes: TO_RGB},
  {name: 'dynamic depthwise filter', bytes: DYNAMIC_FILTER},
];
