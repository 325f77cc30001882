// TensorProto → Tensor: finds the data among the places ONNX allows, checks its size, converts its elements.

import {UntangleError} from '../errors.js';
import type {DeferredBytes} from './deferred.js';
import {RawTensor} from './floats.js';
import {checkLimit, type Limits} from './limits.js';
import type {DataType, Tensor} from './model.js';
import type {Numbers, TensorProto} from './proto.js';
import {formatError} from './wire.js';

/** Reads bytes of a file beside the model. */
export type ExternalDataReader = (location: string, offset: number, length: number) => Uint8Array;

export interface TensorContext {
  readonly limits: Limits;
  readonly externalData: ExternalDataReader | null;
  /** Where weights are read that the file's bytes do not have yet. */
  readonly deferred?: DeferredBytes | undefined;
  /** Tensors decoded so far: bodies of functions repeat theirs with every call. */
  readonly decoded?: Map<TensorProto, Tensor>;
}

type TypedField = 'floatData' | 'int32Data' | 'int64Data' | 'doubleData' | 'uint64Data';

interface ElementType {
  readonly dtype: DataType;
  readonly bytes: number;
  readonly typedField: TypedField;
}

const ELEMENT_TYPES: ReadonlyMap<number, ElementType> = new Map([
  [1, {dtype: 'float32', bytes: 4, typedField: 'floatData'}],
  [2, {dtype: 'uint8', bytes: 1, typedField: 'int32Data'}],
  [3, {dtype: 'int8', bytes: 1, typedField: 'int32Data'}],
  [4, {dtype: 'uint16', bytes: 2, typedField: 'int32Data'}],
  [5, {dtype: 'int16', bytes: 2, typedField: 'int32Data'}],
  [6, {dtype: 'int32', bytes: 4, typedField: 'int32Data'}],
  [7, {dtype: 'int64', bytes: 8, typedField: 'int64Data'}],
  [9, {dtype: 'bool', bytes: 1, typedField: 'int32Data'}],
  [10, {dtype: 'float16', bytes: 2, typedField: 'int32Data'}],
  [11, {dtype: 'float64', bytes: 8, typedField: 'doubleData'}],
  [12, {dtype: 'uint32', bytes: 4, typedField: 'uint64Data'}],
  [13, {dtype: 'uint64', bytes: 8, typedField: 'uint64Data'}],
  [16, {dtype: 'bfloat16', bytes: 2, typedField: 'int32Data'}],
]);

const OTHER_TYPES: ReadonlyMap<number, string> = new Map([
  [0, 'undefined'],
  [8, 'string'],
  [14, 'complex64'],
  [15, 'complex128'],
  [17, 'float8e4m3fn'],
  [18, 'float8e4m3fnuz'],
  [19, 'float8e5m2'],
  [20, 'float8e5m2fnuz'],
  [21, 'uint4'],
  [22, 'int4'],
  [23, 'float4e2m1'],
]);

const EXTERNAL = 1;
const TYPED_FIELDS: readonly TypedField[] = [
  'floatData',
  'int32Data',
  'int64Data',
  'doubleData',
  'uint64Data',
];

/** The type with this ONNX number, or null when it is not supported. */
export function elementType(number: number | undefined): ElementType | null {
  return ELEMENT_TYPES.get(number ?? 0) ?? null;
}

/** The ONNX number of a type, for writing. */
export function elementTypeNumber(dtype: DataType): number {
  for (const [number, type] of ELEMENT_TYPES) if (type.dtype === dtype) return number;
  throw new UntangleError('ERR_INTERNAL', [`no ONNX number for ${dtype}`]);
}

/** A name for any ONNX type number, for messages. */
export function elementTypeName(number: number | undefined): string {
  return elementType(number)?.dtype ?? OTHER_TYPES.get(number ?? 0) ?? `number ${number}`;
}

/**
 * Decodes one tensor. float32 raw data stays where it lies in the file's bytes.
 *
 * @throws ERR_ONNX_FORMAT, ERR_ONNX_LIMIT, ERR_ONNX_EXTERNAL_DATA
 */
export function decodeTensorProto(proto: TensorProto, context: TensorContext): Tensor {
  const key = proto.original ?? proto;
  const tensor = context.decoded?.get(key) ?? decodeOnce(proto, context);
  context.decoded?.set(key, tensor);
  return tensor;
}

function decodeOnce(proto: TensorProto, context: TensorContext): Tensor {
  const title = `tensor "${proto.name ?? ''}"`;
  const type = elementType(proto.dataType);
  if (type === null)
    throw formatError(
      `${title} has element type ${elementTypeName(proto.dataType)}, which is not supported`,
    );
  if (proto.segment !== undefined)
    throw formatError(`${title} is split into segments, which is not supported`);

  const dims = decodeDims(proto, title, context.limits);
  const elements = dims.reduce((product, size) => product * size, 1);
  const source = findData(proto, title, type, elements, context);
  if (source === null) return {dtype: type.dtype, dims, data: emptyData(type.dtype, elements)};
  if (source instanceof Uint8Array) {
    if (source.length !== elements * type.bytes) {
      throw formatError(
        `${title} has ${source.length} bytes of data but its shape [${dims.join(', ')}] needs ${elements * type.bytes}`,
      );
    }
    const {deferred = null} = context;
    if (type.dtype === 'float32') return new RawTensor(dims, source, deferred);
    if (deferred?.covers(source)) deferred.read(source, 0, source);
    return {dtype: type.dtype, dims, data: convertRaw(source, type)};
  }
  if (source.length !== elements) {
    throw formatError(
      `${title} has ${source.length} elements of data but its shape [${dims.join(', ')}] needs ${elements}`,
    );
  }
  return {dtype: type.dtype, dims, data: convertTyped(source, type.dtype)};
}

function decodeDims(proto: TensorProto, title: string, limits: Limits): number[] {
  checkLimit(limits, 'rank', proto.dims.length);
  const dims = Array.from(proto.dims);
  let elements = 1;
  for (const size of dims) {
    if (!Number.isSafeInteger(size) || size < 0)
      throw formatError(`${title} has a dimension of size ${size}`);
    // Checked with zeros left out, so [0, 2^40] is refused whatever the order.
    elements *= Math.max(size, 1);
    checkLimit(limits, 'elements', elements);
  }
  return dims;
}

function findData(
  proto: TensorProto,
  title: string,
  type: ElementType,
  elements: number,
  context: TensorContext,
): Uint8Array | Numbers | null {
  const raw = proto.rawData ?? new Uint8Array(0);
  const typed = TYPED_FIELDS.filter(field => proto[field].length > 0);
  const sources = typed.length + (raw.length > 0 ? 1 : 0) + (proto.stringData.length > 0 ? 1 : 0);
  if (sources > 1) throw formatError(`${title} has its data twice (raw_data and typed fields)`);

  if (proto.dataLocation === EXTERNAL) {
    if (sources > 0) throw formatError(`${title} has its data twice (in the model and in a file)`);
    return readExternal(proto, elements * type.bytes, context);
  }
  if (raw.length > 0) return raw;
  const field = typed[0];
  if (field === undefined) {
    if (elements > 0)
      throw formatError(
        `${title} has no data but its shape [${Array.from(proto.dims).join(', ')}] needs ${elements} elements`,
      );
    return null;
  }
  if (field !== type.typedField)
    throw formatError(`${title} is ${type.dtype} but its data lies in ${field}`);
  return proto[field];
}

function readExternal(
  proto: TensorProto,
  expectedBytes: number,
  context: TensorContext,
): Uint8Array {
  const name = proto.name ?? '';
  const fail = (reason: string): UntangleError =>
    new UntangleError('ERR_ONNX_EXTERNAL_DATA', [name, reason]);
  const entries = new Map<string, string>();
  for (const {key = '', value = ''} of proto.externalData) {
    if (entries.has(key)) throw fail(`the key "${key}" appears twice`);
    entries.set(key, value);
  }
  const location = entries.get('location');
  if (location === undefined) throw fail('it names no location');
  const offset = parseCount(entries.get('offset') ?? '0');
  const length = parseCount(entries.get('length') ?? String(expectedBytes));
  if (offset === null || length === null) throw fail('offset or length is not a plain number');
  if (length !== expectedBytes)
    throw fail(`it has length ${length} but the shape needs ${expectedBytes} bytes`);
  if (context.externalData === null)
    throw fail(
      'the model was given as bytes; load it by its path so that the file beside it can be read',
    );

  try {
    return context.externalData(location, offset, length);
  } catch (error) {
    if (error instanceof UntangleError) throw error;
    throw fail(error instanceof Error ? error.message : String(error));
  }
}

function parseCount(text: string): number | null {
  if (!/^[0-9]{1,16}$/.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : null;
}

function isFloating(dtype: DataType): boolean {
  return dtype === 'float32' || dtype === 'float16' || dtype === 'bfloat16' || dtype === 'float64';
}

function emptyData(dtype: DataType, elements: number): Float32Array | Float64Array {
  return isFloating(dtype) ? new Float32Array(elements) : new Float64Array(elements);
}

function convertRaw(
  bytes: Uint8Array,
  {dtype, bytes: size}: ElementType,
): Float32Array | Float64Array {
  const count = bytes.length / size;
  const data = emptyData(dtype, count);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = RAW_READERS[dtype];
  for (let i = 0; i < count; i++) data[i] = read(view, i * size);
  return data;
}

const RAW_READERS: Readonly<Record<DataType, (view: DataView, at: number) => number>> = {
  float32: (view, at) => view.getFloat32(at, true),
  float64: (view, at) => view.getFloat64(at, true),
  float16: (view, at) => halfToFloat(view.getUint16(at, true)),
  bfloat16: (view, at) => bfloatToFloat(view.getUint16(at, true)),
  int8: (view, at) => view.getInt8(at),
  uint8: (view, at) => view.getUint8(at),
  int16: (view, at) => view.getInt16(at, true),
  uint16: (view, at) => view.getUint16(at, true),
  int32: (view, at) => view.getInt32(at, true),
  uint32: (view, at) => view.getUint32(at, true),
  int64: (view, at) => view.getInt32(at + 4, true) * 2 ** 32 + view.getUint32(at, true),
  uint64: (view, at) => view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true),
  bool: (view, at) => (view.getUint8(at) === 0 ? 0 : 1),
};

/** Typed fields hold wider integers than the type they stand for; what does not fit is cut as C would. */
function convertTyped(source: Numbers, dtype: DataType): Float32Array | Float64Array {
  if (dtype === 'float32' || dtype === 'float64') return Float32Array.from(source);
  const data = emptyData(dtype, source.length);
  const convert = TYPED_CONVERTERS[dtype];
  for (let i = 0; i < source.length; i++) data[i] = convert(source[i]!);
  return data;
}

const TYPED_CONVERTERS: Readonly<
  Record<Exclude<DataType, 'float32' | 'float64'>, (value: number) => number>
> = {
  float16: halfToFloat,
  bfloat16: bfloatToFloat,
  int8: value => (value << 24) >> 24,
  uint8: value => value & 0xff,
  int16: value => (value << 16) >> 16,
  uint16: value => value & 0xffff,
  int32: value => value,
  uint32: value => value >>> 0,
  int64: value => value,
  uint64: value => value,
  bool: value => (value === 0 ? 0 : 1),
};

/** The value of IEEE 754 half precision bits. */
export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const scratch = new DataView(new ArrayBuffer(4));

/** The value of bfloat16 bits: the upper half of a float32. */
export function bfloatToFloat(bits: number): number {
  scratch.setUint32(0, ((bits & 0xffff) << 16) >>> 0);
  return scratch.getFloat32(0);
}
