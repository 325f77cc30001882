// Layers of real networks with their MACs and bytes as the literature's shapes give them, to the printed precision.

export interface Layer {
  readonly name: string;
  readonly input: readonly [number, number, number];
  readonly output: readonly [number, number, number];
  readonly kernel: number;
  readonly stride: number;
  readonly pad: number;
}

/** Columns: MMAC zero-insert, phases, in-bounds; MB zi+im2col, zi direct, GEMM+col2im, floor. */
export type TransposedRow = readonly [
  Layer,
  readonly [number, number, number],
  readonly [number, number, number, number],
];

function layer(
  name: string,
  input: Layer['input'],
  output: Layer['output'],
  kernel: number,
  stride: number,
  pad: number,
): Layer {
  return {name, input, output, kernel, stride, pad};
}

export const TRANSPOSED: readonly TransposedRow[] = [
  [
    layer('DCGAN k5 DC1', [4, 4, 1024], [8, 8, 512], 5, 2, 2),
    [839, 210, 152],
    [66.9, 53.8, 54.4, 52.6],
  ],
  [
    layer('DCGAN k5 DC2', [8, 8, 512], [16, 16, 256], 5, 2, 2),
    [839, 210, 179],
    [41.4, 15.1, 17.0, 13.5],
  ],
  [
    layer('DCGAN k5 DC3', [16, 16, 256], [32, 32, 128], 5, 2, 2),
    [839, 210, 194],
    [59.1, 6.7, 11.1, 4.1],
  ],
  [
    layer('DCGAN k5 DC4', [32, 32, 128], [64, 64, 3], 5, 2, 2),
    [39.3, 9.8, 9.5],
    [110, 5.3, 1.3, 0.6],
  ],
  [
    layer('DCGAN k4 DC1', [4, 4, 1024], [8, 8, 512], 4, 2, 1),
    [537, 134, 103],
    [43.1, 34.7, 34.9, 33.8],
  ],
  [
    layer('DCGAN k4 DC2', [8, 8, 512], [16, 16, 256], 4, 2, 1),
    [537, 134, 118],
    [27.0, 10.3, 11.1, 8.8],
  ],
  [
    layer('DCGAN k4 DC3', [16, 16, 256], [32, 32, 128], 4, 2, 1),
    [537, 134, 126],
    [38.9, 5.4, 7.6, 2.9],
  ],
  [
    layer('DCGAN k4 DC4', [32, 32, 128], [64, 64, 3], 4, 2, 1),
    [25.2, 6.3, 6.1],
    [72.3, 5.2, 1.0, 0.6],
  ],
  [
    layer('DCGAN-tensorflow TF1', [4, 4, 512], [8, 8, 256], 5, 2, 2),
    [210, 52.4, 37.9],
    [20.3, 13.8, 14.1, 13.2],
  ],
  [
    layer('conditional DCGAN h2', [7, 7, 138], [14, 14, 128], 5, 2, 2),
    [86.6, 21.6, 18.1],
    [7.7, 2.3, 3.2, 1.9],
  ],
  [
    layer('conditional DCGAN h3', [14, 14, 138], [28, 28, 1], 5, 2, 2),
    [2.7, 0.7, 0.6],
    [22.9, 1.3, 0.2, 0.1],
  ],
  [
    layer('pix2pix u8', [1, 1, 512], [2, 2, 512], 4, 2, 1),
    [16.8, 4.2, 1.0],
    [17.2, 16.9, 16.9, 16.8],
  ],
  [
    layer('pix2pix u4', [16, 16, 1024], [32, 32, 256], 4, 2, 1),
    [4295, 1074, 1008],
    [163, 28.9, 28.3, 18.9],
  ],
  [
    layer('pix2pix u2', [64, 64, 256], [128, 128, 64], 4, 2, 1),
    [4295, 1074, 1057],
    [581, 44.6, 47.2, 9.4],
  ],
  [
    layer('pix2pix u1', [128, 128, 128], [256, 256, 3], 4, 2, 1),
    [403, 101, 99.9],
    [1152, 77.9, 16.3, 9.2],
  ],
  [layer('GP-GAN gp0', [1, 1, 4000], [4, 4, 512], 4, 1, 0), [524, 524, 32.8], [141, 133, 131, 131]],
  [
    layer('GP-GAN gp4', [32, 32, 64], [64, 64, 3], 4, 2, 1),
    [12.6, 3.1, 3.0],
    [36.2, 2.6, 0.8, 0.3],
  ],
  [
    layer('EB-GAN EB1', [4, 4, 2048], [8, 8, 1024], 4, 2, 1),
    [2147, 537, 411],
    [153, 137, 137, 135],
  ],
  [
    layer('EB-GAN EB6', [128, 128, 64], [256, 256, 3], 4, 2, 1),
    [201, 50.3, 49.9],
    [576, 39.3, 12.1, 5.0],
  ],
  [
    layer('ENet up4', [64, 64, 32], [128, 128, 32], 2, 2, 0),
    [67.1, 16.8, 16.8],
    [23.7, 6.9, 8.9, 2.6],
  ],
  [
    layer('ENet full', [256, 256, 16], [512, 512, 20], 3, 2, 1),
    [755, 189, 188],
    [361, 59.0, 141, 25.2],
  ],
  [
    layer('ESPNet cls', [256, 256, 20], [512, 512, 20], 2, 2, 0),
    [419, 105, 105],
    [236, 68.3, 89.1, 26.2],
  ],
];

/** Columns: H, W, Cin, Cout, rate; MMAC stuffed, taps, in-bounds; MB stuffed kernel, im2col, floor. */
export const DILATED: readonly (readonly [
  string,
  readonly number[],
  readonly number[],
  readonly number[],
])[] = [
  ['ASPP 513 rate 6', [33, 33, 2048, 256, 6], [96490, 5139, 3968], [354, 189, 28.9]],
  ['ASPP 513 rate 18', [33, 33, 2048, 256, 18], [781630, 5139, 2081], [2871, 189, 28.9]],
  ['ASPP 520 rate 36', [65, 65, 2048, 256, 36], [11804357, 19936, 7932], [11176, 681, 57.8]],
  ['ENet rate 2', [64, 64, 32, 32, 2], [105, 37.7, 36.2], [0.1, 10.5, 1.1]],
  ['ENet 1024 rate 16', [64, 128, 32, 32, 16], [9135, 75.5, 57.7], [4.5, 21.0, 2.1]],
  ['ESPNet level 3 rate 1', [64, 128, 25, 28, 1], [51.6, 51.6, 50.8], [0.0, 16.5, 1.8]],
  ['DRN layer6 first', [28, 28, 256, 512, 4], [8324, 925, 757], [42.5, 21.6, 7.1]],
  ['DRN layer7', [28, 28, 512, 512, 2], [5138, 1850, 1678], [26.2, 41.5, 12.6]],
];
