import test from 'ava';
import {decodeNpy, encodeNpy} from '../../src/cli/npy.js';

/** A version 1 file with this header text and these bytes. */
function npy(header: string, data: Uint8Array): Uint8Array {
  const text = `${header}\n`;
  return Uint8Array.from([
    0x93,
    ...Buffer.from('NUMPY'),
    1,
    0,
    text.length & 0xff,
    text.length >> 8,
    ...Buffer.from(text),
    ...data,
  ]);
}

function bytes(...arrays: ArrayBufferView[]): Uint8Array {
  return Uint8Array.from(
    arrays.flatMap(view => [...new Uint8Array(view.buffer, view.byteOffset, view.byteLength)]),
  );
}

test('arrays of any rank survive writing and reading', t => {
  for (const shape of [[], [3], [2, 3], [1, 2, 1, 4], [0, 2]]) {
    const data = Float32Array.from({length: shape.reduce((a, b) => a * b, 1)}, (_, i) => i - 1.5);
    const tensor = {shape, dtype: 'float32' as const, data};
    const file = encodeNpy(tensor);
    t.deepEqual(decodeNpy(file, 'a.npy'), tensor);
    t.is((file.length - data.byteLength) % 64, 0);
  }
});

test('integers are written as such', t => {
  for (const [dtype, data, descr] of [
    ['int64', BigInt64Array.of(-1n, 2n ** 40n), '<i8'],
    ['uint64', BigUint64Array.of(1n, 2n), '<u8'],
    ['int32', Int32Array.of(-1, 2), '<i4'],
    ['uint16', Uint16Array.of(1, 65535), '<u2'],
    ['int8', Int8Array.of(-1, 2), '|i1'],
    ['bool', Uint8Array.of(0, 1), '|b1'],
  ] as const) {
    const file = encodeNpy({shape: [2], dtype, data});
    t.regex(
      Buffer.from(file).toString('latin1'),
      new RegExp(`'descr': '[${descr[0]}]${descr.slice(1)}'`),
    );
    t.deepEqual(decodeNpy(file, 'a.npy'), {
      shape: [2],
      dtype,
      data: Float64Array.from(data as ArrayLike<number | bigint>, Number),
    });
  }
});

test('other element types are converted', t => {
  const read = (descr: string, view: ArrayBufferView): (number | bigint)[] => [
    ...decodeNpy(
      npy(`{'descr': '${descr}', 'fortran_order': False, 'shape': (2,), }`, bytes(view)),
      'a.npy',
    ).data,
  ];
  t.deepEqual(read('<f8', Float64Array.of(0.5, -2)), [0.5, -2]);
  t.deepEqual(read('<f2', Uint16Array.of(0x3c00, 0xc000)), [1, -2]);
  t.deepEqual(read('<i8', BigInt64Array.of(-1n, 7n)), [-1, 7]);
  t.deepEqual(read('<u8', BigUint64Array.of(1n, 7n)), [1, 7]);
  t.deepEqual(read('<i4', Int32Array.of(-1, 7)), [-1, 7]);
  t.deepEqual(read('<u2', Uint16Array.of(65535, 7)), [65535, 7]);
  t.deepEqual(read('|u1', Uint8Array.of(255, 7)), [255, 7]);
  t.deepEqual(read('|b1', Uint8Array.of(1, 0)), [1, 0]);
});

test('what cannot be read is refused with the reason', t => {
  const refused = (file: Uint8Array, message: RegExp) =>
    t.throws(() => decodeNpy(file, 'a.npy'), {code: 'ERR_FILE_FORMAT', message});
  const data = bytes(Float32Array.of(1, 2));
  refused(new Uint8Array(0), /something else/);
  refused(new Uint8Array(100), /something else/);
  refused(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }", data), /Fortran/);
  refused(npy("{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }", data), />f4/);
  refused(npy("{'descr': '<c8', 'fortran_order': False, 'shape': (2,), }", data), /c8/);
  refused(
    npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", data),
    /8 bytes .* 12 are declared/,
  );
  refused(
    npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", data),
    /not understood/,
  );
  refused(npy('{}', data), /not understood/);
  refused(
    npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", data).subarray(0, 20),
    /breaks off/,
  );
});
