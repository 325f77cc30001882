// The map with zeros that the usual methods convolve over.

import {inputShape, type Layer, outputSize} from '../shapes.js';
import type {NodeList} from './node-list.js';

/**
 * Appends nodes from x to `map`: zeros between the pixels of a transposed convolution and around those of any, so that a
 * convolution of stride 1 (or the layer's, of a plain one) without pads yields y.
 */
export function appendZeroMap(list: NodeList, layer: Layer): void {
  const {op, kernel, stride, pad, dilation} = layer;
  const [batch, channels, height, width] = inputShape(layer);
  const [outHeight, outWidth] = outputSize(layer);
  const extent = dilation * (kernel - 1);
  const isTransposed = op === 'transposed';
  const gap = isTransposed ? stride : 1;
  const before = isTransposed ? extent - pad : pad;
  const sizes = isTransposed
    ? [outHeight + extent, outWidth + extent]
    : [height + 2 * pad, width + 2 * pad];
  // Less than nothing where the zeros behind the last pixels reach too far.
  const after = [height, width].map((size, axis) => sizes[axis]! - before - size * gap);
  const steps = [
    ['Reshape', [batch, channels, height, 1, width, 1]],
    ['Pad', [0, 0, 0, 0, 0, 0, 0, 0, 0, gap - 1, 0, gap - 1]],
    // The last axis keeps Pad from becoming pads of the convolution.
    ['Reshape', [batch, channels, height * gap, width * gap, 1]],
    ['Pad', [0, 0, before, before, 0, 0, 0, after[0]!, after[1]!, 0]],
    ['Reshape', [batch, channels, ...sizes]],
  ] as const;
  let input = 'x';
  for (const [index, [name, numbers]] of steps.entries()) {
    const output = index === steps.length - 1 ? 'map' : `map${index}`;
    list.add(name, [input, list.integers(numbers)], output);
    input = output;
  }
}
