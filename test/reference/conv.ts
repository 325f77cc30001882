// The definitions of Conv and ConvTranspose as loops over NCHW, sharing no code with src/.

/** Sizes of a 2-D convolution; pairs are [height, width]. Pads may be negative; the output size is given. */
export interface ConvDefinition {
  readonly batch: number;
  readonly groups: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly input: readonly [number, number];
  readonly output: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly padBegin: readonly [number, number];
}

/** Conv, gather form: x [N, Cin, H, W], w [Cout, Cin/g, kh, kw] to y [N, Cout, OH, OW]. */
export function convReference(
  conv: ConvDefinition,
  x: ArrayLike<number>,
  w: ArrayLike<number>,
): number[] {
  const {
    batch,
    groups,
    inChannels,
    outChannels,
    input,
    output,
    kernel,
    strides,
    dilations,
    padBegin,
  } = conv;
  const y: number[] = [];

  for (let n = 0; n < batch; n++) {
    for (let co = 0; co < outChannels; co++) {
      const group = Math.floor(co / (outChannels / groups));
      for (let oy = 0; oy < output[0]; oy++) {
        for (let ox = 0; ox < output[1]; ox++) {
          let sum = 0;
          for (let c = 0; c < inChannels / groups; c++) {
            const ci = group * (inChannels / groups) + c;
            for (let ky = 0; ky < kernel[0]; ky++) {
              for (let kx = 0; kx < kernel[1]; kx++) {
                const iy = oy * strides[0] - padBegin[0] + ky * dilations[0];
                const ix = ox * strides[1] - padBegin[1] + kx * dilations[1];
                if (iy < 0 || iy >= input[0] || ix < 0 || ix >= input[1]) continue;
                const xIndex = ((n * inChannels + ci) * input[0] + iy) * input[1] + ix;
                const wIndex = ((co * (inChannels / groups) + c) * kernel[0] + ky) * kernel[1] + kx;
                sum += x[xIndex]! * w[wIndex]!;
              }
            }
          }
          y.push(sum);
        }
      }
    }
  }

  return y;
}

/** ConvTranspose, scatter form: x [N, Cin, H, W], w [Cin, Cout/g, kh, kw] to y [N, Cout, OH, OW]. */
export function convTransposeReference(
  conv: ConvDefinition,
  x: ArrayLike<number>,
  w: ArrayLike<number>,
): number[] {
  const {
    batch,
    groups,
    inChannels,
    outChannels,
    input,
    output,
    kernel,
    strides,
    dilations,
    padBegin,
  } = conv;
  const outPerGroup = outChannels / groups;
  const y = Array<number>(batch * outChannels * output[0] * output[1]).fill(0);

  for (let n = 0; n < batch; n++) {
    for (let ci = 0; ci < inChannels; ci++) {
      const group = Math.floor(ci / (inChannels / groups));
      for (let iy = 0; iy < input[0]; iy++) {
        for (let ix = 0; ix < input[1]; ix++) {
          const value = x[((n * inChannels + ci) * input[0] + iy) * input[1] + ix]!;
          for (let c = 0; c < outPerGroup; c++) {
            const co = group * outPerGroup + c;
            for (let ky = 0; ky < kernel[0]; ky++) {
              for (let kx = 0; kx < kernel[1]; kx++) {
                const oy = iy * strides[0] - padBegin[0] + ky * dilations[0];
                const ox = ix * strides[1] - padBegin[1] + kx * dilations[1];
                if (oy < 0 || oy >= output[0] || ox < 0 || ox >= output[1]) continue;
                const yIndex = ((n * outChannels + co) * output[0] + oy) * output[1] + ox;
                const wIndex = ((ci * outPerGroup + c) * kernel[0] + ky) * kernel[1] + kx;
                y[yIndex] = y[yIndex]! + value * w[wIndex]!;
              }
            }
          }
        }
      }
    }
  }

  return y;
}
