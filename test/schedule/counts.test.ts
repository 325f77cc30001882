// Unions of pixels, and counts of views that read one element many times.

import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import {chooseCandidate, convProblem} from '../../src/schedule/candidates.js';
import {countPixels} from '../../src/schedule/pixels.js';
import {checkProperty} from '../helpers/properties.js';
import {mapView} from './views.js';

test('a union of products counts every pixel once', t => {
  const indices = fc.uniqueArray(fc.nat({max: 9}), {maxLength: 6});
  checkProperty(
    t,
    fc.array(fc.record({rows: indices, columns: indices}), {maxLength: 5}),
    products => {
      const pixels = new Set(
        products.flatMap(({rows, columns}) =>
          rows.flatMap(row => columns.map(column => `${row},${column}`)),
        ),
      );
      assert.equal(countPixels(products), pixels.size);
    },
  );
});

test('a stride of 0 reads its elements once', t => {
  const geometry = {
    transposed: false,
    groups: 1,
    kernel: [1, 1],
    strides: [1, 1],
    dilations: [1, 1],
    padBegin: [0, 0],
  };
  const dense = mapView([2, 4, 5, 3]);
  const count = (x: typeof dense): number => {
    const operands = {
      x,
      y: mapView([2, 4, 5, 16]),
      residual: null,
      hasBias: false,
      hasSlope: false,
      hasActivation: false,
    };
    return chooseCandidate(convProblem(geometry, operands), 'uks').counts.readBytes / 4 - 3 * 16;
  };
  t.is(count(dense), 2 * 4 * 5 * 3);
  t.is(count({...dense, strides: [0, 15, 3, 1]}), 4 * 5 * 3);
  t.is(count({...dense, strides: [0, 0, 3, 1]}), 5 * 3);
  t.is(count({...dense, strides: [60, 15, 0, 1]}), 2 * 4 * 3);
});
