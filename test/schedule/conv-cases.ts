// Random convolutions: every combination the ONNX operators allow, on maps small enough to check by definition.

import fc from 'fast-check';
import {IDENTITY} from '../../src/graph/functions.js';
import type {ConvGeometry, Graph} from '../../src/graph/graph.js';
import {plainWeights} from '../../src/graph/weights.js';
import {type ConvDefinition, convReference, convTransposeReference} from '../reference/conv.js';

/** A convolution with integer data, in ONNX (NC...) order. */
export interface ConvCase {
  readonly transposed: boolean;
  readonly definition: ConvDefinition;
  readonly seed: number;
}

export interface ConvData {
  readonly x: Float32Array;
  readonly weights: Float32Array;
  readonly bias: Float32Array;
}

interface AxisCase {
  readonly input: number;
  readonly output: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly padBegin: number;
}

type SizeRanges = Readonly<
  Record<'input' | 'kernel' | 'stride' | 'dilation', fc.Arbitrary<number>>
>;

function sizesUpTo(size: number): SizeRanges {
  return {
    input: fc.integer({min: 1, max: size}),
    kernel: fc.integer({min: 1, max: size}),
    stride: fc.integer({min: 1, max: 4}),
    dilation: fc.integer({min: 1, max: 3}),
  };
}

/** Three taps, dilated up to beyond the map. */
const THREE_TAPS: SizeRanges = {
  input: fc.integer({min: 1, max: 13}),
  kernel: fc.constant(3),
  stride: fc.constant(1),
  dilation: fc.oneof(fc.constant(1), fc.integer({min: 1, max: 3}), fc.integer({min: 1, max: 16})),
};

/** Pads from -2 to beyond the kernel; output sizes both of the operator (with output padding) and unrelated to it. */
function axisCases(
  transposed: boolean,
  {sizes = sizesUpTo(7), mostOutput = 14}: {sizes?: SizeRanges; mostOutput?: number} = {},
): fc.Arbitrary<AxisCase> {
  return fc.record(sizes).chain(({input, kernel, stride, dilation}) => {
    const extent = dilation * (kernel - 1) + 1;
    return fc
      .record({
        padBegin: fc.integer({min: -2, max: extent}),
        padEnd: fc.integer({min: -2, max: extent}),
        outputPadding: fc.integer({min: 0, max: stride - 1}),
        anySize: fc.option(fc.integer({min: 1, max: 9}), {freq: 3}),
      })
      .map(({padBegin, padEnd, outputPadding, anySize}) => {
        const natural = transposed
          ? (input - 1) * stride + extent - padBegin - padEnd + outputPadding
          : Math.floor((input + padBegin + padEnd - extent) / stride) + 1;
        const output = Math.min(mostOutput, Math.max(1, anySize ?? natural));
        return {input, output, kernel, stride, dilation, padBegin};
      });
  });
}

const POINT: AxisCase = {input: 1, output: 1, kernel: 1, stride: 1, dilation: 1, padBegin: 0};

type Channels = Readonly<Record<'groups' | 'inPerGroup' | 'outPerGroup', number>>;

const CHANNELS: fc.Arbitrary<Channels> = fc
  .record({
    groups: fc.constantFrom(1, 1, 1, 2, 3, 17),
    inPerGroup: fc.integer({min: 1, max: 4}),
    outPerGroup: fc.integer({min: 1, max: 19}),
  })
  .map(({groups, inPerGroup, outPerGroup}) =>
    groups === 17 ? {groups, inPerGroup: 1, outPerGroup: 1} : {groups, inPerGroup, outPerGroup},
  );

const KEYS = {
  input: 'input',
  output: 'output',
  kernel: 'kernel',
  strides: 'stride',
  dilations: 'dilation',
  padBegin: 'padBegin',
} as const;

/** A convolution over the axes that `axes` draws. */
function convCases(
  axes: (transposed: boolean) => fc.Arbitrary<readonly AxisCase[]>,
  channels = CHANNELS,
): fc.Arbitrary<ConvCase> {
  return fc.boolean().chain(transposed =>
    fc
      .record({
        axes: axes(transposed),
        channels,
        batch: fc.constantFrom(1, 1, 3),
        seed: fc.nat(),
      })
      .map(drawn => {
        const list = (key: keyof AxisCase) => drawn.axes.map(axis => axis[key]);
        const {groups, inPerGroup, outPerGroup} = drawn.channels;
        const definition: ConvDefinition = {
          batch: drawn.batch,
          groups,
          inChannels: groups * inPerGroup,
          outChannels: groups * outPerGroup,
          input: list(KEYS.input),
          output: list(KEYS.output),
          kernel: list(KEYS.kernel),
          strides: list(KEYS.strides),
          dilations: list(KEYS.dilations),
          padBegin: list(KEYS.padBegin),
        };
        return {transposed, definition, seed: drawn.seed};
      }),
  );
}

/** Dense 3x3 convolutions of stride 1; Winograd's form applies to many. */
export const THREE_BY_THREE_CASES: fc.Arbitrary<ConvCase> = convCases(
  transposed => {
    const axis = axisCases(transposed, {sizes: THREE_TAPS});
    return fc.tuple(axis, axis);
  },
  fc.record({
    groups: fc.constant(1),
    inPerGroup: fc.integer({min: 1, max: 19}),
    outPerGroup: fc.integer({min: 1, max: 35}),
  }),
);

/** Two axes; the first is sometimes a point. 3x3 kernels of stride 1 would be rare if only chance made them. */
export const CONV_CASES: fc.Arbitrary<ConvCase> = fc.oneof(
  {
    weight: 5,
    arbitrary: convCases(transposed =>
      fc.tuple(
        fc.oneof(
          {arbitrary: axisCases(transposed), weight: 5},
          {arbitrary: fc.constant(POINT), weight: 1},
        ),
        axisCases(transposed),
      ),
    ),
  },
  {weight: 1, arbitrary: THREE_BY_THREE_CASES},
);

/** A single axis. */
export const LINE_CASES: fc.Arbitrary<ConvCase> = convCases(transposed =>
  fc.tuple(axisCases(transposed)),
);

/** Three axes, smaller so that the definition stays quick; some do not convolve along an axis. */
export const VOLUME_CASES: fc.Arbitrary<ConvCase> = convCases(transposed => {
  const small = axisCases(transposed, {sizes: sizesUpTo(4), mostOutput: 8});
  const axis = fc.oneof(
    {arbitrary: small, weight: 6},
    {arbitrary: fc.constant(POINT), weight: 1},
    {arbitrary: fc.constant({...POINT, input: 3, output: 3}), weight: 1},
  );
  return fc.tuple(axis, axis, axis);
});

/** One, two or three axes. */
export const RANKED_CASES: fc.Arbitrary<ConvCase> = fc.oneof(
  {arbitrary: LINE_CASES, weight: 1},
  {arbitrary: CONV_CASES, weight: 2},
  {arbitrary: VOLUME_CASES, weight: 2},
);

export function geometryOf({transposed, definition}: ConvCase): ConvGeometry {
  const {groups, kernel, strides, dilations, padBegin} = definition;
  return {transposed, groups, kernel, strides, dilations, padBegin};
}

/** relu(conv(x) + bias) as a graph of one node. */
export function graphOf(conv: ConvCase, weights: Float32Array, bias: Float32Array | null): Graph {
  const {batch, inChannels, outChannels, input, output} = conv.definition;
  const value = (name: string, shape: readonly number[]) =>
    [name, {name, dtype: 'float32', shape}] as const;
  const epilogue = {activation: {...IDENTITY, fn: 'relu'}} as const;
  const operation = {
    op: 'conv',
    geometry: geometryOf(conv),
    weights: plainWeights(weights),
    bias,
    epilogue,
  } as const;
  return {
    nodes: [{name: 'conv', operation, inputs: ['x'], output: 'y'}],
    values: new Map([
      value('x', [batch, inChannels, ...input]),
      value('y', [batch, outChannels, ...output]),
    ]),
    constants: new Map(),
    inputs: ['x'],
    outputs: [{name: 'y', value: 'y', dtype: 'float32'}],
  };
}

/** Small integers: sums of their products are exact in f32, in any order. */
export function integers(count: number, seed: number): Float32Array {
  let state = (seed | 0) + 0x9e3779b9;
  return Float32Array.from({length: count}, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return ((state >>> 16) % 7) - 3;
  });
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((all, size) => all * size, 1);
}

export function dataOf({definition, seed}: ConvCase): ConvData {
  const {batch, groups, inChannels, outChannels, input, kernel} = definition;
  return {
    x: integers(batch * inChannels * product(input), seed),
    weights: integers((inChannels / groups) * outChannels * product(kernel), seed + 1),
    bias: integers(outChannels, seed + 2),
  };
}

/** The result by definition, [N, Cout, OH, OW], without bias. */
export function definitionOf({transposed, definition}: ConvCase, {x, weights}: ConvData): number[] {
  return (transposed ? convTransposeReference : convReference)(definition, x, weights);
}
