// The decoded model: what the ONNX file says, typed, with nothing interpreted yet.

export const FLOAT_TYPES = ['float32', 'float16', 'float64', 'bfloat16'] as const;
export const INTEGER_TYPES = [
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'bool',
] as const;

export type FloatType = (typeof FLOAT_TYPES)[number];
/** Integer types and bool. */
export type IntegerType = (typeof INTEGER_TYPES)[number];

/** Element types that can appear in a model; names follow NumPy and ONNX in lower case. */
export type DataType = FloatType | IntegerType;

/**
 * A dense constant, row-major in the order of `dims`.
 *
 * Floating types (float16 and float64 included) are held as Float32Array; integer and bool types
 * as Float64Array, which is exact to 2^53 and saturates beyond (only "infinite" Slice ends use it).
 */
export interface Tensor {
  readonly dtype: DataType;
  readonly dims: readonly number[];
  readonly data: Float32Array | Float64Array;
}

/** One attribute of a node, by ONNX kind. */
export type Attribute =
  | {readonly kind: 'float'; readonly value: number}
  | {readonly kind: 'int'; readonly value: number}
  | {readonly kind: 'string'; readonly value: string}
  | {readonly kind: 'tensor'; readonly value: Tensor}
  | {readonly kind: 'graph'; readonly value: OnnxGraph}
  | {readonly kind: 'floats'; readonly value: readonly number[]}
  | {readonly kind: 'ints'; readonly value: readonly number[]}
  | {readonly kind: 'strings'; readonly value: readonly string[]}
  | {readonly kind: 'unsupported'; readonly value: string};

/** One operator call. An absent optional input or output is the empty string. */
export interface OnnxNode {
  readonly name: string;
  readonly opType: string;
  /** '' for the default ONNX domain. */
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
  /** Opset of the function that the node comes from, where it is not the model's. */
  readonly opset?: number;
}

/** A branch of a node: it also reads values of the graph around it. */
export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly initializers: ReadonlyMap<string, Tensor>;
}

/** A graph input or output. A string dimension is symbolic; null means unknown rank. */
export interface ValueInfo {
  readonly name: string;
  readonly dtype: DataType;
  readonly dims: readonly (number | string)[] | null;
}

/** A decoded ONNX file. `inputs` leaves out the initializers that old files list there. */
export interface OnnxModel {
  readonly irVersion: number;
  readonly opset: number;
  readonly producer: string;
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly initializers: ReadonlyMap<string, Tensor>;
}
