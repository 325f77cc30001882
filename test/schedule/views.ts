// Views for tests of the scheduler.

import type {View} from '../../src/schedule/steps.js';

/** A dense map [N, H, W, C] at the start of buffer 0. */
export function mapView(shape: readonly number[]): View {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  return {buffer: 0, offset: 0, shape, strides};
}
