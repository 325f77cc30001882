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
    const file = encodeNpy({shape, data});
    t.deepEqual(decodeNpy(file, 'a.npy'), {shape, data});
    t.is((file.length - data.byteLength) % 64, 0);
  }
});

test('other element types are converted', t => {
  const read = (descr: string, view: ArrayBufferView): number[] => [
    ...decodeNpy(
      npy(`{'descr': '${descr}', 'fortran_order': False, 'shape': (2,), }`, bytes(view)),
      'a.npy',
    ).data,
  ];
  t.deepEqual(read('<f8', Float64Array.of(0.5, -2)), [0.5, -2]);
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
