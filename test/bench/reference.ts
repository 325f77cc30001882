// What a model of the benchmark must compute, by loops, and what it does compute.

import {hashValues, SEEDS} from '../../bench/models/hash.js';
import {type ModelSpec, model} from '../../bench/models/onnx-file.js';
import {inputShape, type Layer, outputSize} from '../../bench/shapes.js';
import {type Explanation, type LoadOptions, load} from '../../src/index.js';
import {convReference, convTransposeReference} from '../reference/conv.js';

/** The output of a layer, made from its description alone. */
export function layerReference(layer: Layer, x: ArrayLike<number> = layerInput(layer)): number[] {
  const {op, batch, groups, inChannels, outChannels, input, kernel, stride, dilation, pad} = layer;
  const output = outputSize(layer);
  const weightCount = (inChannels * outChannels * kernel * kernel) / groups;
  const reference = op === 'transposed' ? convTransposeReference : convReference;
  const sums = reference(
    {
      batch,
      groups,
      inChannels,
      outChannels,
      input,
      output,
      kernel: [kernel, kernel],
      strides: [stride, stride],
      dilations: [dilation, dilation],
      padBegin: [pad, pad],
    },
    x,
    hashValues(weightCount, SEEDS.weights),
  );
  const bias = hashValues(outChannels, SEEDS.bias);
  const pixels = output[0] * output[1];
  return sums.map((sum, index) => sum + bias[Math.floor(index / pixels) % outChannels]!);
}

export function layerInput(layer: Layer): Float32Array {
  return hashValues(
    inputShape(layer).reduce((a, b) => a * b),
    SEEDS.input,
  );
}

/** One run on one thread. */
export async function runModel(
  spec: ModelSpec,
  x: Float32Array,
  options: LoadOptions = {},
): Promise<{y: Float32Array; explanation: Explanation}> {
  await using session = await load(model(spec), {threads: 1, ...options});
  const outputs = await session.run({x});
  const y = Object.values(outputs)[0]!.data as Float32Array;
  return {y, explanation: session.explain()};
}

/** Normalized mean square error. */
export function nmse(actual: ArrayLike<number>, expected: readonly number[]): number {
  let error = 0;
  let energy = 0;
  for (const [index, value] of expected.entries()) {
    error += (actual[index]! - value) ** 2;
    energy += value ** 2;
  }
  return error / energy;
}
