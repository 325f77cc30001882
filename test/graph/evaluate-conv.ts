// Conv and ConvTranspose of a graph as loops, for evaluate.ts.

import type {ConvGeometry} from '../../src/graph/graph.js';
import type {Evaluated} from './evaluate.js';

/** Sizes as [rows, columns]; one spatial axis counts as columns. */
function plane(sizes: readonly number[], missing: number): [number, number] {
  return sizes.length === 1 ? [missing, sizes[0]!] : [sizes[0]!, sizes[1]!];
}

/** A convolution with its weights, wherever they come from. */
interface Convolution {
  readonly geometry: ConvGeometry;
  readonly weights: ArrayLike<number>;
  readonly bias: ArrayLike<number> | null;
}

export function convolve({geometry, weights, bias}: Convolution, x: Evaluated, y: Evaluated): void {
  const [batch, inChannels] = [x.shape[0]!, x.shape[1]!];
  const outChannels = y.shape[1]!;
  const input = plane(x.shape.slice(2), 1);
  const output = plane(y.shape.slice(2), 1);
  if (bias !== null) {
    const pixels = output[0] * output[1];
    y.data.forEach((_, at) => {
      y.data[at] = bias[Math.floor(at / pixels) % outChannels]!;
    });
  }
  const perGroup = {in: inChannels / geometry.groups, out: outChannels / geometry.groups};
  for (let n = 0; n < batch; n++) {
    for (let ci = 0; ci < inChannels; ci++) {
      const group = Math.floor(ci / perGroup.in);
      for (let m = 0; m < perGroup.out; m++) {
        const co = group * perGroup.out + m;
        const kernel = geometry.transposed
          ? ci * perGroup.out + m
          : co * perGroup.in + (ci % perGroup.in);
        const from = {
          data: x.data,
          start: (n * inChannels + ci) * input[0] * input[1],
          size: input,
        };
        const to = {
          data: y.data,
          start: (n * outChannels + co) * output[0] * output[1],
          size: output,
        };
        convolvePlane(geometry, weights, kernel, from, to);
      }
    }
  }
}

interface Plane {
  readonly data: Float64Array;
  readonly start: number;
  readonly size: readonly [number, number];
}

/** Adds one input channel's part of one output channel. */
function convolvePlane(
  geometry: ConvGeometry,
  weights: ArrayLike<number>,
  kernelIndex: number,
  x: Plane,
  y: Plane,
): void {
  const [kernelY, kernelX] = plane(geometry.kernel, 1);
  const [strideY, strideX] = plane(geometry.strides, 1);
  const [dilationY, dilationX] = plane(geometry.dilations, 1);
  const [padY, padX] = plane(geometry.padBegin, 0);
  // A transposed convolution is the adjoint: input and output change places.
  const [small, large] = geometry.transposed ? [x, y] : [y, x];
  for (let ky = 0; ky < kernelY; ky++) {
    for (let kx = 0; kx < kernelX; kx++) {
      const weight = weights[(kernelIndex * kernelY + ky) * kernelX + kx]!;
      for (let sy = 0; sy < small.size[0]; sy++) {
        const ly = sy * strideY + ky * dilationY - padY;
        if (ly < 0 || ly >= large.size[0]) continue;
        for (let sx = 0; sx < small.size[1]; sx++) {
          const lx = sx * strideX + kx * dilationX - padX;
          if (lx < 0 || lx >= large.size[1]) continue;
          const smallAt = small.start + sy * small.size[1] + sx;
          const largeAt = large.start + ly * large.size[1] + lx;
          const [from, to] = geometry.transposed ? [smallAt, largeAt] : [largeAt, smallAt];
          y.data[to] = y.data[to]! + weight * x.data[from]!;
        }
      }
    }
  }
}
