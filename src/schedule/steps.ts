// The schedule: a list of steps over views of buffers, in execution order.
//
// Produced by `lower/`, placed by `arena.ts`, encoded by `program/encode.ts`. A step says exactly what will
// run and what it touches; nothing after this file decides anything.

import type {
  Activation,
  CumulateFunction,
  ExtremeFunction,
  GridMode,
  GridPadding,
  NormalizePart,
  PoolFunction,
  ReduceFunction,
  ScatterFunction,
} from '../graph/functions.js';
import type {ChainOp} from '../graph/graph.js';
import {type StoredWeights, WEIGHT_BYTES, type WeightType} from '../untangle/stored-weights.js';
import type {WinogradForm} from '../untangle/winograd.js';

/**
 * Where a buffer lives. Arena buffers get their offset from `arena.ts`.
 *
 * Inputs have a place in the arena too, where the executor copies them when it cannot read them where the caller has
 * them; nothing writes there as long as they are needed.
 */
export type Storage =
  | {readonly kind: 'arena'}
  | {readonly kind: 'input'; readonly index: number}
  | {readonly kind: 'constant'}
  /** A constant that stays in the program's file, for `load` to read. */
  | {readonly kind: 'streamed'}
  | {readonly kind: 'output'; readonly index: number};

/** A block of memory; `elements` of its type, f32 but for some constant weights. */
export interface Buffer {
  readonly id: number;
  readonly storage: Storage;
  readonly elements: number;
  readonly type?: WeightType;
  /** The contents, for constants. */
  readonly data?: ConstantData;
}

/** Contents of a constant, or what writes them, as f32 over zeros, when they are needed. */
export type ConstantData = Float32Array | WrittenConstant;

export interface WrittenConstant {
  readonly write: (target: Float32Array) => void;
  /** Of packed weights. */
  readonly stored?: StoredWeights;
}

/** Bytes of the contents of a buffer. */
export function bufferBytes({elements, type = 'fp32'}: Pick<Buffer, 'elements' | 'type'>): number {
  return elements * WEIGHT_BYTES[type];
}

/** Dimensions of a view as programs record it. */
export const MAX_RANK = 6;

/**
 * A strided window on a buffer: element i lies at offset + sum(i[d] * strides[d]), in elements.
 *
 * Strides may be 0 (broadcast) or negative (reversed). Rank is 1 to MAX_RANK. Maps are [N, H, W, C].
 */
export interface View {
  readonly buffer: number;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** act(acc + bias + residual); `residual` has the shape of y. */
export interface StepEpilogue {
  readonly bias: View | null;
  readonly residual: View | null;
  readonly activation: Activation;
  /** Per-channel slopes when activation.fn is 'prelu'. */
  readonly slope: View | null;
}

/** A kernel element of a region: input pixel = in + q*inStep + (dy, dx); weights row = k. */
export interface RegionTap {
  readonly dy: number;
  readonly dx: number;
  /** First row of this tap in the packed weights' k axis (rows of PANEL floats). */
  readonly k: number;
}

/**
 * A rectangle of outputs that share one list of taps.
 *
 * Output pixel (qy, qx), 0 <= q < count, is y[out + q*outStep]; it reads x[in + q*inStep + tap].
 */
export interface Region {
  readonly outY: number;
  readonly outX: number;
  readonly outStepY: number;
  readonly outStepX: number;
  readonly countY: number;
  readonly countX: number;
  readonly inY: number;
  readonly inX: number;
  readonly inStepY: number;
  readonly inStepX: number;
  readonly taps: readonly RegionTap[];
  /** Input channels per tap: inChannels/groups, or a run of taps merged into one (contiguous in x). */
  readonly kc: number;
  /** Some tap may fall outside the input: such reads count as zero. */
  readonly padded: boolean;
  /** Some output may fall outside y: such writes are dropped (KS's surplus, fused phases' crop). */
  readonly cropped: boolean;
  /** Sweep tap by tap, each clipped to the input and accumulated in y (HUGE2), instead of in registers. */
  readonly perTap: boolean;
}

/** The steps of a convolution. */
export type ConvStep = GemmTapsStep | PlanarTapsStep | DepthwiseStep | WinogradStep;

interface StepBase {
  /** The node's name, for explain and messages. */
  readonly name: string;
  /** The chosen candidate's name for convolutions; '' elsewhere. */
  readonly schedule: string;
  readonly counts: Counts;
}

/** Exact counts of one step: multiply-accumulates and bytes at arena level (see docs/01-architecture.md, Counting). */
export interface Counts {
  readonly macs: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

export interface GemmTapsStep extends StepBase {
  readonly op: 'gemmTaps';
  /** [N, H, W, Cin] with channel stride 1. */
  readonly x: View;
  /** [N, OH, OW, Cout] with channel stride 1. */
  readonly y: View;
  /** Packed [groups][panels][kTotal][PANEL] of `weightType`; a flat view. */
  readonly weights: View;
  readonly weightType: WeightType;
  readonly kTotal: number;
  readonly groups: number;
  /** Output phases held side by side in the GEMM's N: columns are [fusedY][fusedX][Cout/groups]. 1 and 1 normally. */
  readonly fusedY: number;
  readonly fusedX: number;
  readonly regions: readonly Region[];
  readonly epilogue: StepEpilogue;
}

/**
 * A convolution with few output channels, pixels in the vector lanes; x and y with any strides.
 *
 * Regions step alike through x, by one column; kc is all input channels.
 */
export interface PlanarTapsStep extends StepBase {
  readonly op: 'planarTaps';
  readonly x: View;
  readonly y: View;
  /** [kTotal][Cout]; a flat view. */
  readonly weights: View;
  readonly kTotal: number;
  readonly regions: readonly Region[];
  readonly epilogue: StepEpilogue;
}

/**
 * Convolutions in Winograd's form (untangle/winograd.ts): tiles of neighbouring outputs of each region.
 *
 * The window of a region's first output begins at x[in]; its only tap, (0, 0), has in k the first row of its kernel. Regions of
 * one kernel follow one another.
 */
export interface WinogradStep extends StepBase {
  readonly op: 'winograd';
  /** [N, H, W, Cin] with channel stride 1. */
  readonly x: View;
  /** [N, OH, OW, Cout] with channel stride 1. */
  readonly y: View;
  /** Packed: [panels][kernels * taps * Cin][PANEL] of `weightType`, taps row by row of their window; a flat view. */
  readonly weights: View;
  readonly weightType: WeightType;
  readonly form: WinogradForm;
  readonly regions: readonly Region[];
  /** Arena memory for the kernels that are kept transformed, and for the tiles of a block unless they fit a thread's workspace. */
  readonly scratch: View;
  readonly epilogue: StepEpilogue;
}

/** One weight per tap and channel, [kTotal][C]. Region.kc is 1 and tap.k the weights' row. */
export interface DepthwiseStep extends StepBase {
  readonly op: 'depthwise';
  readonly x: View;
  readonly y: View;
  readonly weights: View;
  readonly regions: readonly Region[];
  readonly epilogue: StepEpilogue;
}

/** A fused chain of scalar functions; every input view has the shape of y (broadcast by stride 0). */
export interface ElementwiseStep extends StepBase {
  readonly op: 'elementwise';
  readonly inputs: readonly View[];
  readonly y: View;
  readonly ops: readonly ChainOp[];
}

/** y = x, same shape, any strides: transposes, gathers of slices, borders of pads, concat parts. */
export interface CopyStep extends StepBase {
  readonly op: 'copy';
  readonly x: View;
  readonly y: View;
}

/** Stored weights x, a flat view, as f32 y [panels, rows, width]. */
export interface WidenStep extends StepBase {
  readonly op: 'widen';
  readonly x: View;
  readonly y: View;
  readonly type: WeightType;
}

export interface FillStep extends StepBase {
  readonly op: 'fill';
  readonly y: View;
  readonly value: number;
}

/** x, y [N, H, W, C]. */
export interface PoolStep extends StepBase {
  readonly op: 'pool';
  readonly x: View;
  readonly y: View;
  readonly fn: PoolFunction;
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly padBegin: readonly [number, number];
  readonly padEnd: readonly [number, number];
  readonly countIncludePad: boolean;
}

/** x has the dims of y first, then the reduced ones. */
export interface ReduceStep extends StepBase {
  readonly op: 'reduce';
  readonly x: View;
  readonly y: View;
  readonly fn: ReduceFunction;
}

/** x has the dims of y first, then the one searched; y holds indices along it. */
export interface ArgReduceStep extends StepBase {
  readonly op: 'argReduce';
  readonly x: View;
  readonly y: View;
  readonly fn: ExtremeFunction;
  /** The last of equal elements instead of the first. */
  readonly last: boolean;
}

/** Running sums or products along the last dim of the views. */
export interface CumulativeStep extends StepBase {
  readonly op: 'cumulative';
  readonly x: View;
  readonly y: View;
  readonly fn: CumulateFunction;
  readonly exclusive: boolean;
}

/** Instance normalisation of x [N, H, W, C] over H, W; epilogue.bias is the shift, `scale` the factor. */
export interface NormalizeStep extends StepBase {
  readonly op: 'normalize';
  readonly x: View;
  readonly y: View;
  /** Null: 1. */
  readonly scale: View | null;
  readonly epsilon: number;
  /** [NORMALIZE_CHUNKS * 2 + 2, N, C] partial sums: scratch in the arena. */
  readonly scratch: View;
  readonly epilogue: StepEpilogue;
  /** Making moments reads x and scratches (y is x then); applying them finds them in the scratch. */
  readonly part: NormalizePart;
  /** The first row of x in the whole map, and the rows of that: bands make its moments one after another. */
  readonly row: number;
  readonly rows: number;
}

/** Over the last dim of the views. */
export interface SoftmaxStep extends StepBase {
  readonly op: 'softmax';
  readonly x: View;
  readonly y: View;
  readonly log: boolean;
}

/** x, y [N, H, W, C]; per axis `taps` indices and weights per output row (column). */
export interface ResizeStep extends StepBase {
  readonly op: 'resize';
  readonly x: View;
  readonly y: View;
  readonly tapsY: number;
  readonly tapsX: number;
  readonly indicesY: Int32Array;
  readonly indicesX: Int32Array;
  readonly weightsY: View;
  readonly weightsX: View;
}

/** x [N, D, H, W, C] read at the positions grid [N, OD, OH, OW, 2 or 3], two where D is 1, to y [N, OD, OH, OW, C]. */
export interface GridSampleStep extends StepBase {
  readonly op: 'gridSample';
  readonly x: View;
  readonly grid: View;
  readonly y: View;
  readonly mode: GridMode;
  readonly padding: GridPadding;
  readonly alignCorners: boolean;
}

/** [B, M, K] x [B, K, N] -> [B, M, N]. */
export interface MatmulStep extends StepBase {
  readonly op: 'matmul';
  readonly a: View;
  readonly b: View;
  readonly y: View;
}

/** y[i, j, k] = x[i, indices[j], k]; all rank 3. */
export interface GatherStep extends StepBase {
  readonly op: 'gather';
  readonly x: View;
  readonly y: View;
  readonly indices: Int32Array;
}

/**
 * y[i] = x[i, indices[i, 0], .., indices[i, K-1]]; negative indices count from the end.
 *
 * x has the dims of y first, with stride 0 where it has no such dim, then the K indexed axes; indices have the dims of
 * y, then K.
 */
export interface GatherIndexedStep extends StepBase {
  readonly op: 'gatherIndexed';
  readonly x: View;
  readonly y: View;
  readonly indices: View;
}

/**
 * y[i, indices[i, 0], .., indices[i, K-1]] = fn(what is there, x[i]), for i in the order of x's dims.
 *
 * y has the dims of x first, as x has those of y above; what no index names stays as it is.
 */
export interface ScatterIndexedStep extends StepBase {
  readonly op: 'scatterIndexed';
  readonly x: View;
  readonly y: View;
  readonly indices: View;
  readonly fn: ScatterFunction;
}

/**
 * Begins to read x, a run of a streamed constant, from the program's file to y; both flat.
 *
 * Steps that follow run meanwhile, as far as they touch other memory.
 */
export interface LoadStep extends StepBase {
  readonly op: 'load';
  readonly x: View;
  readonly y: View;
  readonly type: WeightType;
}

export type Step =
  | GemmTapsStep
  | PlanarTapsStep
  | DepthwiseStep
  | ElementwiseStep
  | CopyStep
  | WidenStep
  | FillStep
  | PoolStep
  | ReduceStep
  | ArgReduceStep
  | CumulativeStep
  | NormalizeStep
  | SoftmaxStep
  | ResizeStep
  | GridSampleStep
  | MatmulStep
  | GatherStep
  | GatherIndexedStep
  | ScatterIndexedStep
  | WinogradStep
  | LoadStep;

export {PANEL, planarRows} from '../untangle/pack.js';
export * from './limits.js';
