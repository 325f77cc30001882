// NumPy .npy files: little-endian numbers in C order.

import {UntangleError} from '../errors.js';
import {type DataType, FLOAT_TYPES} from '../onnx/model.js';
import {halfToFloat} from '../onnx/tensor.js';
import type {OutputArray} from '../runtime/outputs.js';
import type {CliTensor} from './tensor.js';

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const EXPECTED = 'a .npy file with little-endian numbers in C order';

type Reader = (view: DataView, at: number) => number;
interface Descr {
  readonly dtype: DataType;
  readonly bytes: number;
  readonly read: Reader;
}

const DESCRS: ReadonlyMap<string, Descr> = new Map([
  ['f4', {dtype: 'float32', bytes: 4, read: (view, at) => view.getFloat32(at, true)}],
  ['f8', {dtype: 'float64', bytes: 8, read: (view, at) => view.getFloat64(at, true)}],
  ['f2', {dtype: 'float16', bytes: 2, read: (view, at) => halfToFloat(view.getUint16(at, true))}],
  ['i1', {dtype: 'int8', bytes: 1, read: (view, at) => view.getInt8(at)}],
  ['u1', {dtype: 'uint8', bytes: 1, read: (view, at) => view.getUint8(at)}],
  ['b1', {dtype: 'bool', bytes: 1, read: (view, at) => view.getUint8(at)}],
  ['i2', {dtype: 'int16', bytes: 2, read: (view, at) => view.getInt16(at, true)}],
  ['u2', {dtype: 'uint16', bytes: 2, read: (view, at) => view.getUint16(at, true)}],
  ['i4', {dtype: 'int32', bytes: 4, read: (view, at) => view.getInt32(at, true)}],
  ['u4', {dtype: 'uint32', bytes: 4, read: (view, at) => view.getUint32(at, true)}],
  ['i8', {dtype: 'int64', bytes: 8, read: (view, at) => Number(view.getBigInt64(at, true))}],
  ['u8', {dtype: 'uint64', bytes: 8, read: (view, at) => Number(view.getBigUint64(at, true))}],
]);

/**
 * Reads a .npy file; floating numbers become f32, others f64.
 *
 * @throws ERR_FILE_FORMAT
 */
export function decodeNpy(bytes: Uint8Array, path: string): CliTensor {
  const fail = (found: string): UntangleError =>
    new UntangleError('ERR_FILE_FORMAT', [path, EXPECTED, found]);
  if (!MAGIC.every((byte, index) => bytes[index] === byte) || bytes.length < 12)
    throw fail('something else');

  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isLong = bytes[6]! >= 2;
  const headerBytes = isLong ? view.getUint32(8, true) : view.getUint16(8, true);
  const start = (isLong ? 12 : 10) + headerBytes;
  if (start > bytes.length) throw fail('a header that breaks off');
  const header = new TextDecoder('latin1').decode(bytes.subarray(isLong ? 12 : 10, start));

  const descr = /'descr': *'([<>|=]?)([a-z][0-9]+)'/.exec(header);
  const shape = parseShape(header);
  if (descr === null || shape === null) throw fail('a header that is not understood');
  const type = DESCRS.get(descr[2]!);
  if (type === undefined || descr[1] === '>') throw fail(`elements of type ${descr[1]}${descr[2]}`);
  if (/'fortran_order': *True/.test(header)) throw fail('Fortran order');

  const count = shape.reduce((product, size) => product * size, 1);
  if (bytes.length - start !== count * type.bytes) {
    throw fail(`${bytes.length - start} bytes of data where ${count * type.bytes} are declared`);
  }
  const isFloat = FLOAT_TYPES.some(name => name === type.dtype);
  const data = isFloat ? new Float32Array(count) : new Float64Array(count);
  for (let i = 0; i < count; i++) data[i] = type.read(view, start + i * type.bytes);
  return {shape, dtype: type.dtype, data};
}

function parseShape(header: string): number[] | null {
  const text = /'shape': *\(([0-9, ]*)\)/.exec(header)?.[1];
  if (text === undefined) return null;
  const shape = text
    .split(',')
    .filter(part => part.trim() !== '')
    .map(Number);
  return shape.every(Number.isSafeInteger) ? shape : null;
}

/** A tensor whose array holds its elements as a file does. */
export type WritableTensor = Pick<CliTensor, 'shape' | 'dtype'> & {readonly data: OutputArray};

/** The bytes of a .npy file. */
export function encodeNpy({shape, dtype, data}: WritableTensor): Uint8Array {
  const list = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const descr = [...DESCRS].find(([, type]) => type.dtype === dtype)![0];
  const order = data.BYTES_PER_ELEMENT === 1 ? '|' : '<';
  const text = `{'descr': '${order}${descr}', 'fortran_order': False, 'shape': (${list}), }`;
  // The data starts at a multiple of 64; the header ends with a line feed.
  const headerBytes = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const bytes = new Uint8Array(10 + headerBytes + data.byteLength);
  bytes.set([...MAGIC, 1, 0, headerBytes & 0xff, headerBytes >> 8]);
  bytes.set(new TextEncoder().encode(`${text.padEnd(headerBytes - 1)}\n`), 10);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 10 + headerBytes);
  return bytes;
}
