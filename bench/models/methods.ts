// The usual ways of computing a transposed or dilated convolution, as graphs that our own runtime runs.
//
// They are what the published methods compare themselves with. Everything else is equal: the same executor, kernels
// and threads. Zeros are inserted by Pad between two Reshapes, and padding is written into the map instead of given to the
// convolution, so that no pass can leave either out: the counted MACs are those of the closed forms
// (schedule/baselines.ts).

import {type Layer, outputSize} from '../shapes.js';
import {layerBias, layerPorts, layerWeights, OPSET} from './layer-model.js';
import {NodeList} from './node-list.js';
import type {ModelSpec, TensorSpec} from './onnx-file.js';
import {appendPhaseSums} from './phase-sums.js';
import {appendZeroMap} from './zero-map.js';

export const METHODS = ['zero-insert-im2col', 'zero-insert-direct', 'gemm-col2im'] as const;
export type Method = (typeof METHODS)[number];

/** The graph of `method`; there has to be one, see `methodRefusal`. */
export function methodModel(method: Method, layer: Layer): ModelSpec {
  return BUILDERS[method](layer);
}

const BUILDERS: Readonly<Record<Method, (layer: Layer) => ModelSpec>> = {
  'zero-insert-im2col': zeroInsertIm2col,
  'zero-insert-direct': zeroInsertDirect,
  'gemm-col2im': gemmCol2im,
};

const F32_BYTES = 4;
/** Of a map, a matrix of columns or the weights. More would measure the memory of the machine, not the method. */
const MAX_TENSOR_BYTES = 2 ** 29;

/** Why `method` has no graph for `layer`; null when it has one. */
export function methodRefusal(method: Method, layer: Layer): string | null {
  if (layer.groups > 1) return 'its graphs have no groups';
  if (layer.op === 'conv' && method === 'gemm-col2im') return 'only for transposed convolutions';
  if (layer.op === 'conv' && layer.dilation === 1) return 'neither transposed nor dilated';
  if (method === 'gemm-col2im' && layer.kernel < layer.stride) return 'some outputs have no tap';
  const bytes = largestTensor(method, layer) * F32_BYTES;
  if (bytes <= MAX_TENSOR_BYTES) return null;
  return `it would hold a tensor of ${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

/** Elements of the largest thing that `method` writes or, for zero-stuffed weights, reads. */
function largestTensor(method: Method, layer: Layer): number {
  const {batch, inChannels, outChannels, kernel, input} = layer;
  const [height, width] = outputSize(layer);
  const taps = kernel * kernel;
  if (method === 'gemm-col2im') return batch * outChannels * taps * input[0] * input[1];
  if (method === 'zero-insert-im2col') return batch * inChannels * taps * height * width;
  const extent = layer.op === 'conv' ? layer.dilation * (kernel - 1) + 1 : kernel;
  return Math.max(
    inChannels * outChannels * extent * extent,
    batch * inChannels * (height + extent) * (width + extent),
  );
}

/** One direct convolution over the map with zeros; of a dilated one, with zeros between its weights instead. */
function zeroInsertDirect(layer: Layer): ModelSpec {
  const isTransposed = layer.op === 'transposed';
  const weights = isTransposed ? flippedWeights(layer) : stuffedWeights(layer);
  const [size, dilation] = [weights.dims[2]!, isTransposed ? layer.dilation : 1];
  const stride = isTransposed ? 1 : layer.stride;
  const list = new NodeList();
  appendZeroMap(list, layer);
  list.add('Conv', ['map', 'w', 'b'], 'y', {
    kernel_shape: [size, size],
    strides: [stride, stride],
    dilations: [dilation, dilation],
  });
  return methodSpec(layer, list, {w: weights, b: layerBias(layer)});
}

/** Every tap's view of the map with zeros side by side, then one product with all weights. */
function zeroInsertIm2col(layer: Layer): ModelSpec {
  const {op, inChannels, outChannels, kernel, dilation} = layer;
  const stride = op === 'transposed' ? 1 : layer.stride;
  const taps = kernel * kernel;
  const list = new NodeList();
  appendZeroMap(list, layer);
  const [height, width] = outputSize(layer);
  const names = Array.from({length: taps}, (_, tap) => {
    const [top, left] = [Math.floor(tap / kernel) * dilation, (tap % kernel) * dilation];
    const starts = list.integers([top, left]);
    // One past the last element of the slice.
    const ends = list.integers([top + (height - 1) * stride + 1, left + (width - 1) * stride + 1]);
    const [axes, steps] = [list.integers([2, 3]), list.integers([stride, stride])];
    list.add('Slice', ['map', starts, ends, axes, steps], `tap${tap}`);
    return `tap${tap}`;
  });
  list.add('Concat', names, 'columns', {axis: 1});
  list.add('Conv', ['columns', 'w', 'b'], 'y', {kernel_shape: [1, 1]});
  const {data} = op === 'transposed' ? flippedWeights(layer) : layerWeights(layer);
  const weights = {
    dims: [outChannels, taps * inChannels, 1, 1],
    data: tapsFirst(data, {outChannels, inChannels, taps}),
  };
  return methodSpec(layer, list, {w: weights, b: layerBias(layer)});
}

/** One product into columns [N, K*K*Cout, H, W], which are added up where they overlap. */
function gemmCol2im(layer: Layer): ModelSpec {
  const {inChannels, outChannels, kernel} = layer;
  const taps = kernel * kernel;
  const list = new NodeList();
  list.add('Conv', ['x', 'w'], 'columns', {kernel_shape: [1, 1]});
  appendPhaseSums(list, layer);
  const {data} = layerWeights(layer);
  const columns = new Float32Array(data.length);
  let from = 0;
  for (let input = 0; input < inChannels; input++) {
    for (let output = 0; output < outChannels; output++) {
      for (let tap = 0; tap < taps; tap++)
        columns[(tap * outChannels + output) * inChannels + input] = data[from++]!;
    }
  }
  return methodSpec(layer, list, {
    w: {dims: [taps * outChannels, inChannels, 1, 1], data: columns},
    b: {...layerBias(layer), dims: [outChannels, 1, 1]},
  });
}

function methodSpec(
  layer: Layer,
  {nodes, initializers}: NodeList,
  weights: Readonly<Record<'w' | 'b', TensorSpec>>,
): ModelSpec {
  return {
    ...layerPorts(layer),
    opset: OPSET,
    nodes,
    initializers: {...initializers, ...weights},
  };
}

/** Weights [Cin, Cout, K, K] of a transposed convolution as those [Cout, Cin, K, K] of the plain one over the map with zeros. */
function flippedWeights(layer: Layer): TensorSpec {
  const {inChannels, outChannels, kernel} = layer;
  const taps = kernel * kernel;
  const {data} = layerWeights(layer);
  const flipped = new Float32Array(data.length);
  let from = 0;
  for (let input = 0; input < inChannels; input++) {
    for (let output = 0; output < outChannels; output++) {
      for (let tap = taps - 1; tap >= 0; tap--)
        flipped[(output * inChannels + input) * taps + tap] = data[from++]!;
    }
  }
  return {dims: [outChannels, inChannels, kernel, kernel], data: flipped};
}

/** Weights of a dilated convolution with the zeros between them written out. */
function stuffedWeights(layer: Layer): TensorSpec {
  const {inChannels, outChannels, kernel, dilation} = layer;
  const extent = dilation * (kernel - 1) + 1;
  const {data} = layerWeights(layer);
  const stuffed = new Float32Array(outChannels * inChannels * extent * extent);
  for (const [index, value] of (data as Float32Array).entries()) {
    const pair = Math.floor(index / (kernel * kernel));
    const [row, column] = [Math.floor(index / kernel) % kernel, index % kernel];
    stuffed[(pair * extent + row * dilation) * extent + column * dilation] = value;
  }
  return {dims: [outChannels, inChannels, extent, extent], data: stuffed};
}

/** [Cout, Cin, taps] to [Cout, taps, Cin]. */
function tapsFirst(
  data: ArrayLike<number>,
  {outChannels, inChannels, taps}: Record<'outChannels' | 'inChannels' | 'taps', number>,
): Float32Array {
  const moved = new Float32Array(data.length);
  let from = 0;
  for (let output = 0; output < outChannels; output++) {
    for (let input = 0; input < inChannels; input++) {
      for (let tap = 0; tap < taps; tap++)
        moved[(output * taps + tap) * inChannels + input] = data[from++]!;
    }
  }
  return moved;
}
