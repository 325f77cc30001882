// TensorProto files (.pb): the form in which ONNX test data is kept.

import {checkLimit, type Limits, resolveLimits} from './limits.js';
import type {DataType, Tensor} from './model.js';
import {TENSOR, type TensorProto} from './proto.js';
import {decodeTensorProto, elementTypeNumber} from './tensor.js';
import {readMessage, writeMessage} from './wire.js';

export interface NamedTensor extends Tensor {
  readonly name: string;
}

/**
 * Decodes a .pb file that holds one tensor.
 *
 * @throws ERR_ONNX_FORMAT, ERR_ONNX_LIMIT, ERR_ONNX_EXTERNAL_DATA
 */
export function decodeTensor(bytes: Uint8Array, limits: Partial<Limits> = {}): NamedTensor {
  const resolved = resolveLimits(limits);
  checkLimit(resolved, 'fileBytes', bytes.length);
  const proto = readMessage<TensorProto>(bytes, TENSOR, resolved);
  return {
    name: proto.name ?? '',
    ...decodeTensorProto(proto, {limits: resolved, externalData: null}),
  };
}

export interface TensorToEncode {
  readonly name?: string;
  readonly dims: readonly number[];
  readonly data: ArrayLike<number> | ArrayLike<bigint>;
  readonly dtype?: DataType;
}

/** Encodes one tensor with raw data; `dtype` is float32 by default; float16 and bfloat16 elements are given as their bits. */
export function encodeTensor(tensor: TensorToEncode): Uint8Array {
  return writeMessage(tensorProto(tensor), TENSOR);
}

/** The message for `tensor`, for files that contain tensors. */
export function tensorProto({
  name = '',
  dims,
  data,
  dtype = 'float32',
}: TensorToEncode): Partial<TensorProto> {
  return {name, dims, dataType: elementTypeNumber(dtype), rawData: rawBytes(data, dtype)};
}

function rawBytes(data: TensorToEncode['data'], dtype: DataType): Uint8Array {
  const typed = RAW_WRITERS[dtype](data as ArrayLike<number>);
  return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength);
}

const bigints = (data: ArrayLike<number>): bigint[] => Array.from(data, value => BigInt(value));

const RAW_WRITERS: Readonly<Record<DataType, (data: ArrayLike<number>) => ArrayBufferView>> = {
  float32: data => Float32Array.from(data),
  float64: data => Float64Array.from(data),
  float16: data => Uint16Array.from(data),
  bfloat16: data => Uint16Array.from(data),
  int8: data => Int8Array.from(data),
  uint8: data => Uint8Array.from(data),
  int16: data => Int16Array.from(data),
  uint16: data => Uint16Array.from(data),
  int32: data => Int32Array.from(data),
  uint32: data => Uint32Array.from(data),
  int64: data => BigInt64Array.from(bigints(data)),
  uint64: data => BigUint64Array.from(bigints(data)),
  bool: data => Uint8Array.from(data, value => (value === 0 ? 0 : 1)),
};
