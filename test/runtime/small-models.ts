// Small models that together use every command, with integer weights so that sums are exact.

import {float, model, type NodeSpec, type TensorSpec} from '../helpers/onnx-builder.js';

export interface SmallModel {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Integers from -4 to 4, the same for the same seed. */
export function integers(length: number, seed: number): Float32Array {
  let state = seed * 2654435761 + 1;
  return Float32Array.from({length}, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return ((state >>> 16) % 9) - 4;
  });
}

export function weights(dims: readonly number[], seed = 1): TensorSpec {
  return {
    dims,
    data: integers(
      dims.reduce((a, b) => a * b, 1),
      seed,
    ),
  };
}

type Attributes = NonNullable<NodeSpec['attrs']>;

/** A chain of nodes: each reads the one before (first input) and the initializers named in `extra`. */
interface Chain {
  readonly input: readonly number[];
  readonly output: readonly number[];
  readonly nodes: readonly {
    readonly op: string;
    readonly extra?: readonly string[];
    readonly attrs?: Attributes;
  }[];
  readonly initializers?: Readonly<Record<string, TensorSpec>>;
  readonly opset?: number;
}

/** The bytes of a chain from input `x` to output `y`. */
export function chain({input, output, nodes, initializers = {}, opset = 17}: Chain): Uint8Array {
  return model({
    opset,
    inputs: [{name: 'x', dims: input}],
    outputs: [{name: 'y', dims: output}],
    initializers,
    nodes: nodes.map(({op, extra = [], attrs = {}}, index) => ({
      op,
      name: `${op}_${index}`,
      inputs: [index === 0 ? 'x' : `t${index}`, ...extra],
      outputs: [index === nodes.length - 1 ? 'y' : `t${index + 1}`],
      attrs,
    })),
  });
}

const RELU = {op: 'Relu'};

/** A generator's layer: 4x4 kernel, stride 2, padding 1, with bias and Relu. */
export const GENERATOR_LAYER = chain({
  input: [2, 5, 4, 6],
  output: [2, 7, 8, 12],
  nodes: [
    {op: 'ConvTranspose', extra: ['w', 'b'], attrs: {strides: [2, 2], pads: [1, 1, 1, 1]}},
    RELU,
  ],
  initializers: {w: weights([5, 7, 4, 4]), b: weights([7])},
});

const CONVOLUTIONS: Record<string, Uint8Array> = {
  'ConvTranspose 4x4 stride 2': GENERATOR_LAYER,
  'ConvTranspose 3x3 stride 2 with output padding, few channels': chain({
    input: [1, 4, 5, 3],
    output: [1, 2, 10, 6],
    nodes: [
      {
        op: 'ConvTranspose',
        extra: ['w'],
        attrs: {strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1]},
      },
    ],
    initializers: {w: weights([4, 2, 3, 3])},
  }),
  'ConvTranspose 5x5 stride 3 in two groups': chain({
    input: [1, 6, 3, 3],
    output: [1, 8, 9, 9],
    nodes: [
      {op: 'ConvTranspose', extra: ['w'], attrs: {strides: [3, 3], pads: [1, 1, 1, 1], group: 2}},
    ],
    initializers: {w: weights([6, 4, 5, 5])},
  }),
  'Conv 3x3 dilated by 2 with PRelu': chain({
    input: [1, 18, 9, 7],
    output: [1, 20, 9, 7],
    nodes: [
      {op: 'Conv', extra: ['w', 'b'], attrs: {dilations: [2, 2], pads: [2, 2, 2, 2]}},
      {op: 'PRelu', extra: ['slope']},
    ],
    initializers: {w: weights([20, 18, 3, 3]), b: weights([20]), slope: weights([20, 1, 1], 7)},
  }),
  'Conv 3x3 stride 2 into a 1x1': chain({
    input: [1, 3, 11, 10],
    output: [1, 4, 6, 5],
    nodes: [
      {op: 'Conv', extra: ['w'], attrs: {strides: [2, 2], pads: [1, 1, 1, 1]}},
      {op: 'Conv', extra: ['v']},
    ],
    initializers: {w: weights([17, 3, 3, 3]), v: weights([4, 17, 1, 1])},
  }),
  'depthwise Conv 3x3 with Clip': chain({
    input: [1, 19, 6, 7],
    output: [1, 19, 6, 7],
    nodes: [
      {op: 'Conv', extra: ['w', 'b'], attrs: {pads: [1, 1, 1, 1], group: 19}},
      {op: 'Clip', extra: ['low', 'high']},
    ],
    initializers: {
      w: weights([19, 1, 3, 3]),
      b: weights([19]),
      low: {dims: [], data: [0]},
      high: {dims: [], data: [6]},
    },
  }),
  'Conv of one dimension': chain({
    input: [2, 3, 12],
    output: [2, 5, 12],
    nodes: [{op: 'Conv', extra: ['w'], attrs: {pads: [1, 1]}}],
    initializers: {w: weights([5, 3, 3])},
  }),
  'decoder with a bias per element': model({
    opset: 13,
    inputs: [{name: 'x', dims: [2, 5]}],
    outputs: [{name: 'y', dims: [2, 3, 8, 8]}],
    initializers: {
      w: weights([5, 96]),
      b: weights([96], 2),
      shape: {dims: [4], data: [-1, 6, 4, 4], dtype: 'int64'},
      u: weights([6, 3, 4, 4], 3),
    },
    nodes: [
      {op: 'Gemm', name: 'project', inputs: ['x', 'w', 'b'], outputs: ['p']},
      {op: 'Relu', name: 'relu', inputs: ['p'], outputs: ['r']},
      {op: 'Reshape', name: 'map', inputs: ['r', 'shape'], outputs: ['m']},
      {
        op: 'ConvTranspose',
        name: 'up',
        inputs: ['m', 'u'],
        outputs: ['y'],
        attrs: {strides: [2, 2], pads: [1, 1, 1, 1]},
      },
    ],
  }),
  'residual block in place': model({
    inputs: [{name: 'x', dims: [1, 5, 6, 7]}],
    outputs: [{name: 'y', dims: [1, 3, 6, 7]}],
    initializers: {
      w: weights([24, 5, 1, 1]),
      v: weights([24, 24, 3, 3], 2),
      u: weights([3, 24, 1, 1], 3),
    },
    nodes: [
      {op: 'Conv', name: 'first', inputs: ['x', 'w'], outputs: ['a']},
      {op: 'Conv', name: 'second', inputs: ['a', 'v'], outputs: ['b'], attrs: {pads: [1, 1, 1, 1]}},
      {op: 'Conv', name: 'third', inputs: ['b', 'v'], outputs: ['c'], attrs: {pads: [1, 1, 1, 1]}},
      {op: 'Add', name: 'add', inputs: ['a', 'c'], outputs: ['d']},
      {op: 'Conv', name: 'last', inputs: ['d', 'u'], outputs: ['y']},
    ],
  }),
  'residual block': model({
    inputs: [{name: 'x', dims: [1, 8, 5, 5]}],
    outputs: [{name: 'y', dims: [1, 8, 5, 5]}],
    initializers: {w: weights([8, 8, 3, 3])},
    nodes: [
      {op: 'Conv', name: 'conv', inputs: ['x', 'w'], outputs: ['c'], attrs: {pads: [1, 1, 1, 1]}},
      {op: 'Add', name: 'add', inputs: ['c', 'x'], outputs: ['s']},
      {op: 'Relu', name: 'relu', inputs: ['s'], outputs: ['y']},
    ],
  }),
};

const OTHERS: Record<string, Uint8Array> = {
  'scalar functions': chain({
    input: [1, 3, 4, 5],
    output: [1, 3, 4, 5],
    nodes: [
      {op: 'Tanh'},
      {op: 'Sigmoid'},
      {op: 'Exp'},
      {op: 'Sqrt'},
      {op: 'Mul', extra: ['scale']},
      {op: 'LeakyRelu', attrs: {alpha: float(0.2)}},
      {op: 'Softplus'},
      {op: 'Erf'},
    ],
    initializers: {scale: weights([3, 1, 1])},
  }),
  'instance normalisation': chain({
    input: [2, 5, 9, 8],
    output: [2, 5, 9, 8],
    nodes: [{op: 'InstanceNormalization', extra: ['s', 'b']}, RELU],
    initializers: {s: weights([5], 3), b: weights([5], 4)},
  }),
  'softmax over channels': chain({
    input: [1, 12, 4, 3],
    output: [1, 12, 4, 3],
    nodes: [{op: 'Softmax', attrs: {axis: 1}}],
  }),
  pools: chain({
    input: [1, 6, 9, 9],
    output: [1, 6, 3, 3],
    nodes: [
      {op: 'MaxPool', attrs: {kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1]}},
      {
        op: 'AveragePool',
        attrs: {kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], count_include_pad: 1},
      },
    ],
  }),
  'global average': chain({
    input: [2, 7, 5, 6],
    output: [2, 7, 1, 1],
    nodes: [{op: 'GlobalAveragePool'}],
  }),
  'bilinear resize': chain({
    input: [1, 4, 5, 6],
    output: [1, 4, 10, 12],
    nodes: [{op: 'Resize', extra: ['', 'scales'], attrs: {mode: 'linear'}}],
    initializers: {scales: {dims: [4], data: [1, 1, 2, 2]}},
  }),
  'layer normalisation and its gate': chain({
    input: [2, 9, 40],
    output: [2, 9, 40],
    nodes: [{op: 'LayerNormalization', extra: ['s', 'b']}, {op: 'Sigmoid'}],
    initializers: {s: weights([40], 3), b: weights([40], 4)},
  }),
  'group normalisation between convolutions': chain({
    opset: 21,
    input: [2, 6, 7, 5],
    output: [2, 4, 7, 5],
    nodes: [
      {op: 'Conv', extra: ['w1'], attrs: {pads: [1, 1, 1, 1]}},
      {op: 'GroupNormalization', extra: ['s', 'b'], attrs: {num_groups: 4}},
      {op: 'Conv', extra: ['w2']},
    ],
    initializers: {
      w1: weights([8, 6, 3, 3]),
      s: weights([8], 3),
      b: weights([8], 4),
      w2: weights([4, 8, 1, 1], 2),
    },
  }),
  'the class of every pixel': chain({
    input: [1, 5, 6, 7],
    output: [1, 1, 6, 7],
    nodes: [
      {op: 'Conv', extra: ['w']},
      {op: 'ArgMax', attrs: {axis: 1}},
    ],
    initializers: {w: weights([4, 5, 1, 1])},
  }),
  'running sums from the end': chain({
    input: [3, 11, 4],
    output: [3, 11, 4],
    nodes: [{op: 'CumSum', extra: ['axis'], attrs: {reverse: 1, exclusive: 1}}],
    initializers: {axis: {dims: [], data: [1], dtype: 'int64'}},
  }),
  'logarithm of summed exponentials': chain({
    input: [3, 5, 20],
    output: [3, 20],
    nodes: [{op: 'ReduceLogSumExp', attrs: {axes: [1], keepdims: 0}}],
  }),
  'unit vectors': chain({
    input: [2, 6, 5, 4],
    output: [2, 6, 5, 4],
    nodes: [{op: 'LpNormalization', attrs: {axis: 1}}],
  }),
  'transpose, reshape and slice': chain({
    input: [1, 6, 4, 4],
    output: [4, 12],
    nodes: [
      {op: 'Transpose', attrs: {perm: [0, 2, 3, 1]}},
      {op: 'Slice', extra: ['starts', 'ends', 'axes']},
      {op: 'Reshape', extra: ['shape']},
      {op: 'Neg'},
    ],
    initializers: {
      starts: {dims: [1], data: [1], dtype: 'int64'},
      ends: {dims: [1], data: [4], dtype: 'int64'},
      axes: {dims: [1], data: [3], dtype: 'int64'},
      shape: {dims: [2], data: [4, 12], dtype: 'int64'},
    },
  }),
  'convolutions around a mirrored map, which is read from its end': chain({
    input: [1, 3, 4, 5],
    output: [1, 4, 4, 5],
    nodes: [
      {op: 'Conv', extra: ['wide'], attrs: {pads: [1, 1, 1, 1]}},
      {op: 'Slice', extra: ['starts', 'ends', 'axes', 'steps']},
      {op: 'Conv', extra: ['narrow'], attrs: {pads: [1, 1, 1, 1]}},
    ],
    initializers: {
      wide: weights([8, 3, 3, 3]),
      narrow: weights([4, 8, 3, 3]),
      starts: {dims: [2], data: [-1, -1], dtype: 'int64'},
      ends: {dims: [2], data: [-9, -9], dtype: 'int64'},
      axes: {dims: [2], data: [2, 3], dtype: 'int64'},
      steps: {dims: [2], data: [-1, -1], dtype: 'int64'},
    },
  }),
  'reflected border': chain({
    input: [1, 3, 5, 6],
    output: [1, 4, 5, 6],
    nodes: [
      {op: 'Pad', extra: ['pads'], attrs: {mode: 'reflect'}},
      {op: 'Conv', extra: ['w']},
    ],
    initializers: {
      pads: {dims: [8], data: [0, 0, 1, 1, 0, 0, 1, 1], dtype: 'int64'},
      w: weights([4, 3, 3, 3]),
    },
  }),
  'gather of channels': chain({
    input: [1, 5, 3, 4],
    output: [1, 4, 3, 4],
    nodes: [{op: 'Gather', extra: ['indices'], attrs: {axis: 1}}],
    initializers: {indices: {dims: [4], data: [4, 0, 0, 2], dtype: 'int64'}},
  }),
  'dense layer': chain({
    input: [3, 10],
    output: [3, 21],
    nodes: [{op: 'Gemm', extra: ['w', 'b'], attrs: {transB: 1}}, RELU],
    initializers: {w: weights([21, 10]), b: weights([21])},
  }),
  'two inputs, concat and matmul': model({
    inputs: [
      {name: 'a', dims: [2, 3, 4]},
      {name: 'b', dims: [2, 3, 2]},
      {name: 'c', dims: [2, 6, 5]},
    ],
    outputs: [
      {name: 'y', dims: [2, 3, 5]},
      {name: 'joined', dims: [2, 3, 6]},
    ],
    nodes: [
      {op: 'Concat', name: 'concat', inputs: ['a', 'b'], outputs: ['joined'], attrs: {axis: 2}},
      {op: 'MatMul', name: 'matmul', inputs: ['joined', 'c'], outputs: ['y']},
    ],
  }),
};

function list(models: Record<string, Uint8Array>): SmallModel[] {
  return Object.entries(models).map(([name, bytes]) => ({name, bytes}));
}

export const CONVOLUTION_MODELS: readonly SmallModel[] = list(CONVOLUTIONS);
export const SMALL_MODELS: readonly SmallModel[] = [...CONVOLUTION_MODELS, ...list(OTHERS)];
