// The part of the ONNX protobuf schema this package reads, as tables.
//
// Fields that are not listed (documentation, metadata, inferred shapes, training) are skipped unread. The numbers are
// those of onnx.proto, which never change meaning.

import type {Limits} from './limits.js';

export type FieldKind =
  | 'string'
  | 'bytes'
  | 'int32'
  | 'int64'
  | 'uint64'
  | 'float'
  | 'double'
  | 'message';

export interface Field {
  readonly name: string;
  readonly kind: FieldKind;
  readonly repeated: boolean;
  readonly packed: boolean;
  /** For kind 'message'; a function because graphs contain graphs. */
  readonly schema: (() => Schema) | null;
  /** The limit that each occurrence counts against. */
  readonly limit: keyof Limits | null;
}

export interface Schema {
  readonly title: string;
  readonly fields: ReadonlyMap<number, Field>;
}

/** Repeated numbers: a typed array when they came packed. int64 beyond 2^53 lose their last digits. */
export type Numbers = readonly number[] | Float32Array | Float64Array;

export interface EntryProto {
  readonly key?: string;
  readonly value?: string;
}

export interface TensorProto {
  readonly dims: Numbers;
  readonly dataType?: number;
  readonly segment?: Uint8Array;
  readonly floatData: Numbers;
  readonly int32Data: Numbers;
  readonly stringData: readonly Uint8Array[];
  readonly int64Data: Numbers;
  readonly name?: string;
  readonly rawData?: Uint8Array;
  readonly doubleData: Numbers;
  readonly uint64Data: Numbers;
  readonly externalData: readonly EntryProto[];
  readonly dataLocation?: number;
  /** Not in the file: the tensor that this one repeats under another name (inline-functions.ts). */
  readonly original?: TensorProto;
}

export interface AttributeProto {
  readonly name?: string;
  readonly f?: number;
  readonly i?: number;
  readonly s?: Uint8Array;
  readonly t?: TensorProto;
  readonly g?: GraphProto;
  readonly floats: Numbers;
  readonly ints: Numbers;
  readonly strings: readonly Uint8Array[];
  readonly tensors: readonly TensorProto[];
  readonly graphs: readonly GraphProto[];
  readonly type?: number;
  readonly refAttrName?: string;
}

export interface NodeProto {
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly name?: string;
  readonly opType?: string;
  readonly attribute: readonly AttributeProto[];
  readonly domain?: string;
  readonly overload?: string;
  /** Not in the file: opset of the function whose body the node was in (inline-functions.ts). */
  readonly opset?: number;
}

export interface DimensionProto {
  readonly dimValue?: number;
  readonly dimParam?: string;
}

export interface ShapeProto {
  readonly dim: readonly DimensionProto[];
}

export interface TensorTypeProto {
  readonly elemType?: number;
  readonly shape?: ShapeProto;
}

export interface TypeProto {
  readonly tensorType?: TensorTypeProto;
}

export interface ValueInfoProto {
  readonly name?: string;
  readonly type?: TypeProto;
}

export interface GraphProto {
  readonly node: readonly NodeProto[];
  readonly name?: string;
  readonly initializer: readonly TensorProto[];
  readonly input: readonly ValueInfoProto[];
  readonly output: readonly ValueInfoProto[];
  readonly sparseInitializer: readonly Uint8Array[];
}

export interface OpsetProto {
  readonly domain?: string;
  readonly version?: number;
}

export interface FunctionProto {
  readonly name?: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly node: readonly NodeProto[];
  readonly opsetImport: readonly OpsetProto[];
  readonly domain?: string;
  /** Defaults of attributes. */
  readonly attributeProto: readonly AttributeProto[];
  readonly overload?: string;
}

export interface ModelProto {
  readonly irVersion?: number;
  readonly producerName?: string;
  readonly producerVersion?: string;
  readonly graph?: GraphProto;
  readonly opsetImport: readonly OpsetProto[];
  readonly functions: readonly FunctionProto[];
}

type Row = readonly [
  number: number,
  name: string,
  kind: FieldKind,
  flags?: string,
  schema?: () => Schema,
  limit?: keyof Limits,
];

/** Flags: 'r' repeated, 'p' repeated and written packed (both forms are read). */
function table(title: string, rows: readonly Row[]): Schema {
  const fields = rows.map(([number, name, kind, flags = '', schema, limit]): [number, Field] => {
    const repeated = flags !== '';
    const listed = repeated && (kind === 'message' || kind === 'string' || kind === 'bytes');
    return [
      number,
      {
        name,
        kind,
        repeated,
        packed: flags === 'p',
        schema: schema ?? null,
        limit: limit ?? (listed ? 'entries' : null),
      },
    ];
  });
  return {title, fields: new Map(fields)};
}

const ENTRY = table('StringStringEntryProto', [
  [1, 'key', 'string'],
  [2, 'value', 'string'],
]);

export const TENSOR = table('TensorProto', [
  [1, 'dims', 'int64', 'r'],
  [2, 'dataType', 'int32'],
  [3, 'segment', 'bytes'],
  [4, 'floatData', 'float', 'p'],
  [5, 'int32Data', 'int32', 'p'],
  [6, 'stringData', 'bytes', 'r'],
  [7, 'int64Data', 'int64', 'p'],
  [8, 'name', 'string'],
  [9, 'rawData', 'bytes'],
  [10, 'doubleData', 'double', 'p'],
  [11, 'uint64Data', 'uint64', 'p'],
  [13, 'externalData', 'message', 'r', () => ENTRY],
  [14, 'dataLocation', 'int32'],
]);

const ATTRIBUTE = table('AttributeProto', [
  [1, 'name', 'string'],
  [2, 'f', 'float'],
  [3, 'i', 'int64'],
  [4, 's', 'bytes'],
  [5, 't', 'message', '', () => TENSOR, 'tensors'],
  [6, 'g', 'message', '', () => GRAPH],
  [7, 'floats', 'float', 'r'],
  [8, 'ints', 'int64', 'r'],
  [9, 'strings', 'bytes', 'r'],
  [10, 'tensors', 'message', 'r', () => TENSOR, 'tensors'],
  [11, 'graphs', 'message', 'r', () => GRAPH],
  [20, 'type', 'int32'],
  [21, 'refAttrName', 'string'],
]);

const NODE = table('NodeProto', [
  [1, 'input', 'string', 'r'],
  [2, 'output', 'string', 'r'],
  [3, 'name', 'string'],
  [4, 'opType', 'string'],
  [5, 'attribute', 'message', 'r', () => ATTRIBUTE],
  [7, 'domain', 'string'],
  [8, 'overload', 'string'],
]);

const DIMENSION = table('Dimension', [
  [1, 'dimValue', 'int64'],
  [2, 'dimParam', 'string'],
]);

const SHAPE = table('TensorShapeProto', [[1, 'dim', 'message', 'r', () => DIMENSION]]);

const TENSOR_TYPE = table('TypeProto.Tensor', [
  [1, 'elemType', 'int32'],
  [2, 'shape', 'message', '', () => SHAPE],
]);

const TYPE = table('TypeProto', [[1, 'tensorType', 'message', '', () => TENSOR_TYPE]]);

const VALUE_INFO = table('ValueInfoProto', [
  [1, 'name', 'string'],
  [2, 'type', 'message', '', () => TYPE],
]);

const GRAPH: Schema = table('GraphProto', [
  [1, 'node', 'message', 'r', () => NODE, 'nodes'],
  [2, 'name', 'string'],
  [5, 'initializer', 'message', 'r', () => TENSOR, 'tensors'],
  [11, 'input', 'message', 'r', () => VALUE_INFO],
  [12, 'output', 'message', 'r', () => VALUE_INFO],
  [15, 'sparseInitializer', 'bytes', 'r'],
]);

const OPSET = table('OperatorSetIdProto', [
  [1, 'domain', 'string'],
  [2, 'version', 'int64'],
]);

const FUNCTION = table('FunctionProto', [
  [1, 'name', 'string'],
  [4, 'input', 'string', 'r'],
  [5, 'output', 'string', 'r'],
  [7, 'node', 'message', 'r', () => NODE, 'nodes'],
  [9, 'opsetImport', 'message', 'r', () => OPSET],
  [10, 'domain', 'string'],
  [11, 'attributeProto', 'message', 'r', () => ATTRIBUTE],
  [13, 'overload', 'string'],
]);

export const MODEL = table('ModelProto', [
  [1, 'irVersion', 'int64'],
  [2, 'producerName', 'string'],
  [3, 'producerVersion', 'string'],
  [7, 'graph', 'message', '', () => GRAPH],
  [8, 'opsetImport', 'message', 'r', () => OPSET],
  [25, 'functions', 'message', 'r', () => FUNCTION],
]);
