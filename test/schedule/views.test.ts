import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import type {View} from '../../src/schedule/steps.js';
import {
  broadcastView,
  channelsLast,
  collapseByLast,
  collapseViews,
  denseView,
  gemmRows,
  isDense,
  permuteView,
  reshapeOrder,
  reshapeView,
  sameView,
  sliceView,
  viewOrder,
} from '../../src/schedule/view-math.js';
import {checkProperty} from '../helpers/properties.js';

/** Addresses of all elements in logical order. */
function addresses(view: View): number[] {
  return view.shape.reduce<number[]>(
    (starts, size, dim) =>
      starts.flatMap(start => Array.from({length: size}, (_, i) => start + i * view.strides[dim]!)),
    [view.offset],
  );
}

const shapes = fc.array(fc.integer({min: 1, max: 4}), {minLength: 1, maxLength: 5});

/** A dense view in a random memory order. */
const views = shapes.chain(shape =>
  fc
    .shuffledSubarray([...shape.keys()], {minLength: shape.length})
    .map(order => denseView(0, shape, order)),
);

test('a map in channels-last order has channel stride 1', t => {
  const map = denseView(0, [2, 8, 4, 6], channelsLast(4));
  t.deepEqual(map.strides, [192, 1, 48, 8]);
  t.true(isDense(map));
});

test('channels of a channels-last map can be split, but not merged with rows', t => {
  const map = denseView(0, [1, 8, 4, 6], channelsLast(4));
  t.deepEqual(reshapeView(map, [1, 2, 4, 4, 6])?.strides, [0, 4, 1, 48, 8]);
  t.is(reshapeView(map, [32, 6]), null);
});

test('a shuffled map wants to lie like the map before the shuffle', t => {
  const map = denseView(0, [1, 8, 4, 6], channelsLast(4));
  const shuffled = permuteView(reshapeView(map, [1, 2, 4, 4, 6])!, [0, 2, 1, 3, 4]);
  t.is(reshapeView(shuffled, [1, 8, 4, 6]), null);
  t.deepEqual(reshapeOrder(shuffled, [1, 8, 4, 6]), [0, 2, 3, 1]);
});

test('a reshaped view names the same addresses in the same order', t => {
  checkProperty(t, fc.tuple(views, fc.nat()), ([view, pick]) => {
    const elements = addresses(view).length;
    const divisors = Array.from({length: elements}, (_, i) => i + 1).filter(
      d => elements % d === 0,
    );
    const first = divisors[pick % divisors.length]!;
    const reshaped = reshapeView(view, [first, elements / first]);
    if (reshaped !== null) assert.deepEqual(addresses(reshaped), addresses(view));
  });
});

test('reshaping there and back gives the same view', t => {
  checkProperty(t, views, view => {
    const flat = reshapeView(view, [addresses(view).length]);
    if (flat !== null) assert.ok(sameView(reshapeView(flat, view.shape)!, view));
  });
});

test('collapsing keeps the addresses of every view', t => {
  checkProperty(t, views, view => {
    const other = denseView(1, view.shape);
    const collapsed = collapseViews([view, other]);
    assert.deepEqual(addresses(collapsed[0]!), addresses(view));
    assert.deepEqual(addresses(collapsed[1]!), addresses(other));
  });
});

test('collapsing by the last view walks it in memory order', t => {
  checkProperty(t, views, view => {
    const [sorted] = collapseByLast([view]) as [View];
    assert.deepEqual(sorted.shape, [addresses(view).length]);
  });
});

test('a slice backwards reads from the end', t => {
  const view = sliceView(denseView(0, [5]), {starts: [4], steps: [-2], shape: [3]});
  t.deepEqual(addresses(view), [4, 2, 0]);
});

test('broadcasting repeats with stride 0 and aligns at the last dimension', t => {
  t.deepEqual(broadcastView(denseView(0, [3, 1]), [2, 3, 4]).strides, [0, 1, 0]);
});

test('rows of a part of a concat keep their pitch', t => {
  const part = sliceView(denseView(0, [4, 10]), {starts: [0, 6], shape: [4, 4]});
  t.deepEqual(gemmRows(part, 0)?.strides, [0, 0, 10, 1]);
});

test('dimensions of size 1 do not disturb the order', t => {
  t.deepEqual(viewOrder(denseView(0, [1, 3, 1, 2], [1, 0, 3, 2])), [0, 2, 1, 3]);
});
