// The definitions of Conv and ConvTranspose as loops over NCDHW, sharing no code with src/.

/** Sizes of a convolution; lists have one entry per spatial axis, one to three. Pads may be negative; the output size is given. */
export interface ConvDefinition {
  readonly batch: number;
  readonly groups: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly input: readonly number[];
  readonly output: readonly number[];
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly padBegin: readonly number[];
}

type Triple = readonly [number, number, number];

/** A list with one entry per axis [depth, height, width]; axes that are not there get `missing`. */
function triple(values: readonly number[], missing: number): Triple {
  return [missing, missing, missing, ...values].slice(-3) as unknown as Triple;
}

function sizesOf(conv: ConvDefinition) {
  return {
    input: triple(conv.input, 1),
    output: triple(conv.output, 1),
    kernel: triple(conv.kernel, 1),
    strides: triple(conv.strides, 1),
    dilations: triple(conv.dilations, 1),
    padBegin: triple(conv.padBegin, 0),
    inPerGroup: conv.inChannels / conv.groups,
    outPerGroup: conv.outChannels / conv.groups,
  };
}

type Sizes = ReturnType<typeof sizesOf>;

/** Calls `visit` with every position of a box, the last axis fastest, and its number. */
function forEachPosition(
  size: Triple,
  visit: (z: number, y: number, x: number, at: number) => void,
): void {
  let at = 0;
  for (let z = 0; z < size[0]; z++) {
    for (let y = 0; y < size[1]; y++) {
      for (let x = 0; x < size[2]; x++) visit(z, y, x, at++);
    }
  }
}

/** Conv, gather form: x [N, Cin, D, H, W], w [Cout, Cin/g, kd, kh, kw] to y [N, Cout, OD, OH, OW]. */
export function convReference(
  conv: ConvDefinition,
  x: ArrayLike<number>,
  w: ArrayLike<number>,
): number[] {
  const sizes = sizesOf(conv);
  const y: number[] = [];
  for (let n = 0; n < conv.batch; n++) {
    for (let co = 0; co < conv.outChannels; co++) {
      forEachPosition(sizes.output, (oz, oy, ox) => {
        y.push(gatherPixel(conv, sizes, {x, w, n, co, at: [oz, oy, ox]}));
      });
    }
  }
  return y;
}

/** One output: the sum over the kernel and the channels of its group. */
function gatherPixel(
  conv: ConvDefinition,
  {input, kernel, strides, dilations, padBegin, inPerGroup, outPerGroup}: Sizes,
  pixel: {x: ArrayLike<number>; w: ArrayLike<number>; n: number; co: number; at: Triple},
): number {
  const {x, w, n, co, at} = pixel;
  const group = Math.floor(co / outPerGroup);
  const pixels = input[0] * input[1] * input[2];
  const elements = kernel[0] * kernel[1] * kernel[2];
  let sum = 0;
  forEachPosition(kernel, (kz, ky, kx, element) => {
    const iz = at[0] * strides[0] - padBegin[0] + kz * dilations[0];
    const iy = at[1] * strides[1] - padBegin[1] + ky * dilations[1];
    const ix = at[2] * strides[2] - padBegin[2] + kx * dilations[2];
    if (iz < 0 || iz >= input[0]) return;
    if (iy < 0 || iy >= input[1]) return;
    if (ix < 0 || ix >= input[2]) return;
    for (let c = 0; c < inPerGroup; c++) {
      const ci = group * inPerGroup + c;
      const from = (iz * input[1] + iy) * input[2] + ix;
      sum +=
        x[(n * conv.inChannels + ci) * pixels + from]! *
        w[(co * inPerGroup + c) * elements + element]!;
    }
  });
  return sum;
}

/** ConvTranspose, scatter form: x [N, Cin, D, H, W], w [Cin, Cout/g, kd, kh, kw] to y [N, Cout, OD, OH, OW]. */
export function convTransposeReference(
  conv: ConvDefinition,
  x: ArrayLike<number>,
  w: ArrayLike<number>,
): number[] {
  const sizes = sizesOf(conv);
  const {input, output} = sizes;
  const y = Array<number>(conv.batch * conv.outChannels * output[0] * output[1] * output[2]).fill(
    0,
  );
  let next = 0;
  for (let n = 0; n < conv.batch; n++) {
    for (let ci = 0; ci < conv.inChannels; ci++) {
      forEachPosition(input, (iz, iy, ix) => {
        scatterPixel(conv, sizes, {y, w, n, ci, at: [iz, iy, ix], value: x[next++]!});
      });
    }
  }
  return y;
}

/** Adds one input, times the kernel, to the outputs of its group. */
function scatterPixel(
  conv: ConvDefinition,
  {output, kernel, strides, dilations, padBegin, inPerGroup, outPerGroup}: Sizes,
  pixel: {y: number[]; w: ArrayLike<number>; n: number; ci: number; at: Triple; value: number},
): void {
  const {y, w, n, ci, at, value} = pixel;
  const group = Math.floor(ci / inPerGroup);
  const pixels = output[0] * output[1] * output[2];
  const elements = kernel[0] * kernel[1] * kernel[2];
  forEachPosition(kernel, (kz, ky, kx, element) => {
    const oz = at[0] * strides[0] - padBegin[0] + kz * dilations[0];
    const oy = at[1] * strides[1] - padBegin[1] + ky * dilations[1];
    const ox = at[2] * strides[2] - padBegin[2] + kx * dilations[2];
    if (oz < 0 || oz >= output[0]) return;
    if (oy < 0 || oy >= output[1]) return;
    if (ox < 0 || ox >= output[2]) return;
    for (let c = 0; c < outPerGroup; c++) {
      const co = group * outPerGroup + c;
      const to = (n * conv.outChannels + co) * pixels + (oz * output[1] + oy) * output[2] + ox;
      y[to] = y[to]! + value * w[(ci * outPerGroup + c) * elements + element]!;
    }
  });
}
