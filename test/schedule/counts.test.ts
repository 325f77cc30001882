// Unions of pixels, and counts of views that read one element many times.

import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import {chooseCandidate, convProblem} from '../../src/schedule/candidates.js';
import {overlappingElements} from '../../src/schedule/overlap.js';
import {countIndices, countPixels, type IndexSet} from '../../src/schedule/pixels.js';
import {checkProperty} from '../helpers/properties.js';
import {mapView} from './views.js';

test('a union of products counts every pixel once', t => {
  const progression = fc.record({
    first: fc.nat({max: 12}),
    step: fc.integer({min: 1, max: 4}),
    count: fc.nat({max: 4}),
  });
  const indices = fc.array(progression, {maxLength: 3});
  const some = fc.array(fc.record({rows: indices, columns: indices}), {maxLength: 5});
  // Every rows with every columns, as regions along both axes have them.
  const sides = fc.array(indices, {minLength: 1, maxLength: 3});
  const grid = fc
    .tuple(sides, sides)
    .map(([rows, columns]) =>
      rows.flatMap(row => columns.map(column => ({rows: row, columns: column}))),
    );
  checkProperty(t, fc.oneof(some, grid), products => {
    const pixels = new Set(
      products.flatMap(({rows, columns}) =>
        list(rows).flatMap(row => list(columns).map(column => `${row},${column}`)),
      ),
    );
    assert.equal(countPixels(products), pixels.size);
    for (const {rows} of products) assert.equal(countIndices(rows), new Set(list(rows)).size);
  });
});

test('counting does not take longer for long runs, nor for steps without a small common multiple', t => {
  const long = {first: 5, step: 1, count: 2 ** 30};
  t.is(
    countPixels([{rows: [long], columns: [long, {...long, first: 6}]}]),
    2 ** 30 * (2 ** 30 + 1),
  );
  const steps = [65_537, 65_539].map(step => ({first: 0, step, count: 3}));
  t.is(countIndices(steps), 5);
});

test('views that share elements of a buffer count them once, nested strides or not', t => {
  const view = fc.oneof(
    // Halves and slices of a map [3, 4, 6]: strides are digits of one another.
    fc.record({
      offset: fc.nat({max: 11}),
      shape: fc.tuple(
        fc.integer({min: 1, max: 2}),
        fc.integer({min: 1, max: 3}),
        fc.integer({min: 1, max: 6}),
      ),
      strides: fc.constant([24, 6, 1]),
    }),
    fc.record({
      offset: fc.constant(0),
      shape: fc.constantFrom([72], [24], [6]),
      strides: fc.constant([1]),
    }),
    fc.record({
      offset: fc.nat({max: 9}),
      shape: fc.tuple(fc.integer({min: 1, max: 3}), fc.integer({min: 1, max: 5})),
      strides: fc.constantFrom([10, 2], [7, 1], [11, 2]),
    }),
  );
  checkProperty(t, fc.array(view, {minLength: 1, maxLength: 4}), views => {
    const elements = new Set(
      views.flatMap(({offset, shape, strides}) => addresses(offset, shape, strides)),
    );
    assert.equal(overlappingElements(views.map(one => ({...one, buffer: 0}))), elements.size);
  });
});

function addresses(offset: number, shape: readonly number[], strides: readonly number[]): number[] {
  const [size, ...sizes] = shape;
  if (size === undefined) return [offset];
  return Array.from({length: size}, (_, i) => i).flatMap(i =>
    addresses(offset + i * strides[0]!, sizes, strides.slice(1)),
  );
}

function list(set: IndexSet): number[] {
  return set.flatMap(({first, step, count}) =>
    Array.from({length: count}, (_, i) => first + i * step),
  );
}

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
