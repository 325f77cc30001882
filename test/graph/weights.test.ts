// Weights read where they lie: rows of their first axis, scaled by channel, whatever their alignment and size.

import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import {allWeights, forEachRow, plainWeights, scaleWeights} from '../../src/graph/weights.js';
import {RawTensor} from '../../src/onnx/floats.js';
import {checkProperty} from '../helpers/properties.js';
import {convWeights} from '../helpers/weights.js';

const SHAPES = fc.record({
  transposed: fc.boolean(),
  groups: fc.integer({min: 1, max: 3}),
  inChannels: fc.integer({min: 1, max: 4}),
  outChannels: fc.integer({min: 1, max: 5}),
  // Rows of several chunks, and chunks of several rows.
  kernelElements: fc.constantFrom(1, 2, 9, 20_000),
});

/** 0, 1, 2 and so on, `offset` bytes into a buffer. */
function countingTensor(length: number, offset: number): RawTensor {
  const bytes = new Uint8Array(offset + 4 * length);
  bytes.set(new Uint8Array(Float32Array.from({length}, (_, i) => i).buffer), offset);
  return new RawTensor([length], bytes.subarray(offset));
}

test('each weight is multiplied by the factors of its channels', t => {
  const property = fc.tuple(SHAPES, fc.integer({min: 0, max: 3}), fc.constantFrom(0, 1, 2, 3));
  checkProperty(
    t,
    property,
    ([shape, offset, scales]) => {
      const {groups, inChannels, outChannels, kernelElements, transposed} = shape;
      const length = groups * inChannels * outChannels * kernelElements;
      const factors = (count: number) => Float64Array.from({length: count}, (_, i) => 2 ** (i % 5));
      let weights = plainWeights(countingTensor(length, offset));
      for (let time = 0; time < scales; time++)
        weights = scaleWeights(weights, {
          ...(time !== 1 && {output: factors(groups * outChannels)}),
          ...(time !== 0 && {input: factors(groups * inChannels)}),
        });
      const geometry = {transposed, groups, kernel: [kernelElements]};
      const expected = convWeights(weights, geometry, groups * outChannels);
      assert.deepEqual(allWeights(weights, shape), expected);

      const second = (transposed ? outChannels : inChannels) * kernelElements;
      const rows: number[] = [];
      forEachRow(weights, shape, (channel, row) => {
        rows.push(channel);
        assert.deepEqual(row, expected.subarray(channel * second, (channel + 1) * second));
      });
      assert.deepEqual(rows, [...Array(length / second).keys()]);
    },
    100,
  );
});

test('a raw tensor copies its data once, and only where its bytes are not aligned', t => {
  const aligned = countingTensor(5, 4);
  t.is(aligned.data.buffer, aligned.raw.buffer);
  const shifted = countingTensor(5, 3);
  t.deepEqual([...shifted.data], [0, 1, 2, 3, 4]);
  t.not(shifted.data.buffer, shifted.raw.buffer);
  t.is(shifted.data, shifted.data);
});
