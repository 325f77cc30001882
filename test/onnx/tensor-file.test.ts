import test from 'ava';
import type {DataType} from '../../src/onnx/model.js';
import {TENSOR} from '../../src/onnx/proto.js';
import {decodeTensor, encodeTensor} from '../../src/onnx/tensor-file.js';
import {writeMessage} from '../../src/onnx/wire.js';

const RAW_VALUES: Readonly<Record<Exclude<DataType, 'float16' | 'bfloat16'>, readonly number[]>> = {
  float32: [0, -1.5, 3.4028234663852886e38, Infinity],
  float64: [0.5, -2, 1e30],
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [-(2 ** 53), 2 ** 53, -1, 0],
  uint64: [0, 2 ** 53],
  bool: [0, 1, 1],
};

for (const [dtype, values] of Object.entries(RAW_VALUES) as [DataType, number[]][]) {
  test(`${dtype} goes through raw data unchanged`, t => {
    const tensor = decodeTensor(
      encodeTensor({name: 't', dims: [1, values.length], data: values, dtype}),
    );
    t.is(tensor.name, 't');
    t.is(tensor.dtype, dtype);
    t.deepEqual(tensor.dims, [1, values.length]);
    t.deepEqual(
      [...tensor.data],
      values.map(value => (dtype === 'float64' ? Math.fround(value) : value)),
    );
  });
}

const HALVES: readonly (readonly [number, number])[] = [
  [0x3c00, 1],
  [0xc000, -2],
  [0x0001, 2 ** -24],
  [0x03ff, 1023 * 2 ** -24],
  [0x7bff, 65504],
  [0x7c00, Infinity],
  [0xfc00, -Infinity],
  [0x8000, -0],
];

test('float16 bits are converted from raw data and from int32_data', t => {
  const bits = HALVES.map(([half]) => half);
  const expected = HALVES.map(([, value]) => value);
  const raw = decodeTensor(encodeTensor({dims: [bits.length], data: bits, dtype: 'float16'}));
  const typed = decodeTensor(
    writeMessage({dims: [bits.length], dataType: 10, int32Data: bits}, TENSOR),
  );
  t.deepEqual([...raw.data], expected);
  t.deepEqual([...typed.data], expected);
  t.true(raw.data instanceof Float32Array);
  t.true(
    Number.isNaN(decodeTensor(encodeTensor({dims: [], data: [0x7e01], dtype: 'float16'})).data[0]),
  );
});

test('bfloat16 bits are the upper half of a float32', t => {
  const tensor = decodeTensor(
    encodeTensor({dims: [3], data: [0x3f80, 0xc040, 0x7f80], dtype: 'bfloat16'}),
  );
  t.deepEqual([...tensor.data], [1, -3, Infinity]);
});

test('typed fields are read packed, unpacked and in pieces', t => {
  const read = (message: object): number[] => [...decodeTensor(writeMessage(message, TENSOR)).data];
  t.deepEqual(read({dims: [2], dataType: 1, floatData: [1.5, -2]}), [1.5, -2]);
  t.deepEqual(read({dims: [2], dataType: 7, int64Data: [-5, 2 ** 40]}), [-5, 2 ** 40]);
  t.deepEqual(read({dims: [2], dataType: 3, int32Data: [-1, 127]}), [-1, 127]);
  t.deepEqual(read({dims: [2], dataType: 9, int32Data: [0, 1]}), [0, 1]);
  t.deepEqual(read({dims: [1], dataType: 11, doubleData: [0.25]}), [0.25]);
  t.deepEqual(read({dims: [1], dataType: 12, uint64Data: [2 ** 32 - 1]}), [2 ** 32 - 1]);

  // float_data as one unpacked element (tag 0x25), one packed pair (tag 0x22), one unpacked.
  const one = [0x25, 0, 0, 0x80, 0x3f];
  const pieces = Uint8Array.from([
    8,
    4,
    16,
    1,
    ...one,
    0x22,
    8,
    0,
    0,
    0,
    0x40,
    0,
    0,
    0x40,
    0x40,
    ...one,
  ]);
  t.deepEqual([...decodeTensor(pieces).data], [1, 2, 3, 1]);
});

test('raw data at any alignment gives the same values', t => {
  const bytes = encodeTensor({name: 'abc', dims: [3], data: [1, 2, 3]});
  for (let shift = 0; shift < 8; shift++) {
    const shifted = new Uint8Array(bytes.length + shift);
    shifted.set(bytes, shift);
    t.deepEqual([...decodeTensor(shifted.subarray(shift)).data], [1, 2, 3]);
    t.deepEqual([...decodeTensor(Buffer.from(shifted.buffer, shift)).data], [1, 2, 3]);
  }
});

test('scalars and empty tensors are tensors', t => {
  t.deepEqual([...decodeTensor(encodeTensor({dims: [], data: [4]})).data], [4]);
  const empty = decodeTensor(encodeTensor({dims: [0, 3], data: []}));
  t.deepEqual(empty.dims, [0, 3]);
  t.is(empty.data.length, 0);
});

test('sizes that contradict each other are refused before memory is taken', t => {
  const refused = (message: object): string =>
    t.throws(() => decodeTensor(writeMessage(message, TENSOR)), {code: 'ERR_ONNX_FORMAT'})
      ?.message ?? '';
  const raw = new Uint8Array(8);
  t.regex(
    refused({name: 'w', dims: [3], dataType: 1, rawData: raw}),
    /tensor "w" has 8 bytes .* needs 12/,
  );
  t.regex(refused({dims: [2 ** 30], dataType: 1, rawData: raw}), /needs 4294967296/);
  t.regex(refused({dims: [3], dataType: 1, floatData: [1]}), /1 elements/);
  t.regex(refused({dims: [1], dataType: 1}), /has no data/);
  t.regex(refused({dims: [2], dataType: 1, rawData: raw, floatData: [1, 2]}), /data twice/);
  t.regex(refused({dims: [2], dataType: 1, int64Data: [1, 2], floatData: [1, 2]}), /data twice/);
  t.regex(
    refused({dims: [2], dataType: 1, int64Data: [1, 2]}),
    /float32 but its data lies in int64Data/,
  );
  t.regex(refused({dims: [-1], dataType: 1, rawData: raw}), /dimension of size -1/);
  t.regex(refused({dims: [1], dataType: 8, stringData: [raw]}), /element type string/);
  t.regex(refused({dims: [1], dataType: 99, rawData: raw}), /element type number 99/);
  t.regex(refused({dims: [1], dataType: 1, segment: raw, rawData: raw}), /segments/);
});
