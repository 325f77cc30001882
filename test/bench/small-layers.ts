// Layers small enough for loops.

import type {Layer} from '../../bench/shapes.js';

const DEFAULTS = {kind: 'layer', family: 'small', batch: 1, outputPadding: 0, groups: 1} as const;

export const SMALL_LAYERS: readonly Layer[] = [
  {
    ...{...DEFAULTS, id: 'k5s2', op: 'transposed', inChannels: 5, outChannels: 4, input: [3, 4]},
    ...{batch: 2, kernel: 5, stride: 2, pad: 2, outputPadding: 1, dilation: 1},
  },
  {
    ...{...DEFAULTS, id: 'k4s2', op: 'transposed', inChannels: 3, outChannels: 17, input: [4, 3]},
    ...{kernel: 4, stride: 2, pad: 1, dilation: 1},
  },
  {
    ...{...DEFAULTS, id: 'k2s2', op: 'transposed', inChannels: 4, outChannels: 3, input: [3, 3]},
    ...{kernel: 2, stride: 2, pad: 0, dilation: 1},
  },
  {
    ...{...DEFAULTS, id: 'k5s3', op: 'transposed', inChannels: 2, outChannels: 2, input: [3, 3]},
    ...{kernel: 5, stride: 3, pad: 1, dilation: 1},
  },
  {
    ...{...DEFAULTS, id: 'k3d2', op: 'conv', inChannels: 4, outChannels: 5, input: [7, 6]},
    ...{batch: 2, kernel: 3, stride: 1, pad: 2, dilation: 2},
  },
  {
    ...{...DEFAULTS, id: 'k3d4', op: 'conv', inChannels: 3, outChannels: 4, input: [6, 6]},
    ...{kernel: 3, stride: 1, pad: 4, dilation: 4},
  },
];
