// The graph: what the model computes, with every shape known and every constant folded.
//
// Built from the decoded model in one forward pass (`build.ts`); rewritten by pure passes
// (`fuse.ts` and friends). Values are named by strings, as in ONNX. All shapes are the logical ONNX shapes
// (NCHW for maps); how a value lies in memory is decided later, by `layout.ts`.

import type {DataType, Tensor} from '../onnx/model.js';
import type {
  Activation,
  BinaryFunction,
  CumulateFunction,
  ExtremeFunction,
  GridMode,
  GridPadding,
  PoolFunction,
  ReduceFunction,
  ScatterFunction,
  TernaryFunction,
} from './functions.js';
import type {RunTimeType} from './types.js';
import type {Weights} from './weights.js';

export interface Value {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
}

/**
 * Geometry of a convolution over `kernel.length` spatial axes (1 to 3).
 *
 * Pads are resolved (auto_pad and output_shape are gone) and may be negative. For a transposed
 * convolution the output size is stated by the output value; padEnd is implied by it.
 */
export interface ConvGeometry {
  readonly transposed: boolean;
  readonly groups: number;
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly padBegin: readonly number[];
}

/** Work done on the accumulated result before it is written: act(acc + bias + residual). */
export interface Epilogue {
  /**
   * Name of a value with the shape of the output, or of a constant that broadcasts to it, added
   * before the activation. It is also the node's last input.
   */
  readonly residual?: string;
  readonly activation: Activation;
  /** Per-channel slopes [C] when activation.fn is 'prelu'. */
  readonly slope?: Float32Array;
}

/** One step of a fused elementwise chain; operands are input indices or earlier results. */
export interface ChainOp {
  readonly fn:
    | {readonly kind: 'unary'; readonly activation: Activation}
    | {readonly kind: 'binary'; readonly fn: BinaryFunction}
    | {readonly kind: 'ternary'; readonly fn: TernaryFunction};
  /** 0..inputs-1 name the inputs of the chain; inputs+k names the result of step k. */
  readonly a: number;
  readonly b: number;
  /** The third operand of ternary functions, which others leave out. */
  readonly c?: number;
}

/** A chain has at most this many inputs and steps: one command holds six inputs. */
export const MAX_CHAIN_INPUTS = 6;
export const MAX_CHAIN_OPS = 16;

/** Operations after import. `inputs[0]` of the node is the data unless said. */
export type Operation =
  /** x [N,C,...]; weights as in ONNX: Conv [Cout, Cin/g, K..], ConvTranspose [Cin, Cout/g, K..]; bias [Cout]. */
  | {
      readonly op: 'conv';
      readonly geometry: ConvGeometry;
      /** Sums of whole numbers, to be formed without rounding. */
      readonly isWhole?: boolean;
      readonly weights: Weights;
      readonly bias: Float32Array | null;
      readonly epilogue: Epilogue;
    }
  /** A conv whose weights are computed at run time: inputs x, weights (shaped as above) and, with hasBias, bias [Cout]. */
  | {
      readonly op: 'dynamicConv';
      readonly geometry: ConvGeometry;
      readonly hasBias: boolean;
      readonly epilogue: Epilogue;
    }
  /** x [.., K] times a constant [K, N] (row-major) plus bias [N]. */
  | {
      readonly op: 'gemm';
      readonly weights: Weights;
      readonly bias: Float32Array | null;
      readonly epilogue: Epilogue;
    }
  /** inputs a [..,M,K], b [..,K,N], neither constant; batch dims broadcast. */
  | {readonly op: 'matmul'}
  | {readonly op: 'chain'; readonly ops: readonly ChainOp[]}
  /** With `rows`, inputs x and its moments, of a map of that many rows of which x are some. */
  | {
      readonly op: 'instanceNorm';
      readonly rows?: number;
      readonly epsilon: number;
      readonly scale: Float32Array;
      readonly bias: Float32Array;
      readonly epilogue: Epilogue;
    }
  /** inputs x, rows row.. of a map of `rows`, and the moments of the rows before (none when row is 0): what 'instanceNorm' applies. */
  | {readonly op: 'moments'; readonly row: number; readonly rows: number}
  | {readonly op: 'softmax'; readonly axis: number; readonly log: boolean}
  | {
      readonly op: 'pool';
      readonly fn: PoolFunction;
      readonly kernel: readonly number[];
      readonly strides: readonly number[];
      readonly dilations: readonly number[];
      readonly padBegin: readonly number[];
      readonly padEnd: readonly number[];
      readonly countIncludePad: boolean;
    }
  /** axes are sorted and non-negative; the output shape says whether they were kept. */
  | {readonly op: 'reduce'; readonly fn: ReduceFunction; readonly axes: readonly number[]}
  /** The index along `axis` of the extreme element, the first (or last) of equal ones; keeps the axis as 1 or leaves it out. */
  | {
      readonly op: 'argReduce';
      readonly fn: ExtremeFunction;
      readonly axis: number;
      readonly last: boolean;
    }
  /** out[i] = fn of x[0..i] along `axis`, of x[0..i-1] when exclusive; from the end when reversed. */
  | {
      readonly op: 'cumulative';
      readonly fn: CumulateFunction;
      readonly axis: number;
      readonly exclusive: boolean;
      readonly reverse: boolean;
    }
  /** (x - mean) / sqrt(variance + epsilon), both over the sorted `axes`. */
  | {readonly op: 'standardize'; readonly axes: readonly number[]; readonly epsilon: number}
  /** One entry per axis of x: out[i] = sum_t weights[i*taps+t] * x[indices[i*taps+t]]. Identity axes have taps 0. */
  | {readonly op: 'resize'; readonly axes: readonly ResizeAxis[]}
  /** inputs x [N, C, (D,) H, W] and the positions [N, (OD,) OH, OW, 2 or 3] at which to read it: x, y (and z) in [-1, 1]. */
  | {
      readonly op: 'gridSample';
      readonly mode: GridMode;
      readonly padding: GridPadding;
      readonly alignCorners: boolean;
    }
  | {readonly op: 'reshape'}
  | {readonly op: 'transpose'; readonly perm: readonly number[]}
  | {readonly op: 'expand'}
  /** isBanded: of rows, each part written to its place when it is computed, the whole there from the first on. */
  | {readonly op: 'concat'; readonly axis: number; readonly isBanded?: boolean}
  /** Per axis: start and step (step may be negative); sizes are those of the output. */
  | {readonly op: 'slice'; readonly starts: readonly number[]; readonly steps: readonly number[]}
  | {
      readonly op: 'pad';
      readonly mode: 'constant' | 'reflect' | 'edge' | 'wrap';
      readonly begin: readonly number[];
      readonly end: readonly number[];
      readonly value: number;
    }
  /** out[.., i, ..] = x[.., indices[i], ..]; the indices are constant. */
  | {readonly op: 'gather'; readonly axis: number; readonly indices: readonly number[]}
  /** inputs x, indices: every output element is one element of x, found by a tuple of indices. */
  | {readonly op: 'gatherIndexed'; readonly map: IndexMap}
  /** inputs x, indices, updates: x with every update put at, or joined with, the element its tuple finds. */
  | {readonly op: 'scatterIndexed'; readonly map: IndexMap; readonly fn: ScatterFunction};

/**
 * How a tuple of indices finds an element of x; one entry per dimension of the output (of the updates when scattering).
 *
 * Indices [.., K] are whole numbers, negative ones count from the end. Dimensions that an operand does not have are
 * null there.
 */
export interface IndexMap {
  /** The K axes of x that the tuple's entries index. */
  readonly axes: readonly number[];
  /** Axis of x that the dimension runs along. */
  readonly data: readonly (number | null)[];
  /** Axis of the indices that the dimension runs along. */
  readonly indices: readonly (number | null)[];
}

/** Separable resampling of one axis; taps = 0 means the axis is copied as it is. */
export interface ResizeAxis {
  readonly taps: number;
  readonly indices: Int32Array;
  readonly weights: Float32Array;
}

export interface Node {
  /** The ONNX node's name (or its first output), for messages and explain. */
  readonly name: string;
  readonly operation: Operation;
  readonly inputs: readonly string[];
  readonly output: string;
}

/** Nodes in an order in which every input is defined before its use. */
export interface Graph {
  readonly nodes: readonly Node[];
  readonly values: ReadonlyMap<string, Value>;
  /** Constants that nodes read at run time (operands of chains, concat parts, ...). */
  readonly constants: ReadonlyMap<string, Tensor>;
  readonly inputs: readonly string[];
  /** The graph's output values, under the names the caller uses. */
  readonly outputs: readonly GraphOutput[];
  /** What to know about results, one sentence each. */
  readonly notes?: readonly string[];
}

export interface GraphOutput {
  /** The name in the ONNX file. */
  readonly name: string;
  /** The value that holds it; differs from `name` when an Identity was removed. */
  readonly value: string;
  /** What the caller is told; differs from the value's type when a Cast had nothing to do. */
  readonly dtype: RunTimeType;
}
