// The reuse model against a simulated cache: loops whose accesses are listed one by one.

import test from 'ava';
import fc from 'fast-check';
import {distinctIndices, lineBytes} from '../../../src/schedule/traffic/lines.js';
import {crossing, type Loop, nest, residentShare} from '../../../src/schedule/traffic/loops.js';

const LINE = 64;

/** A cache of one set: least recently used lines leave first. */
function missesOf(accesses: Iterable<number>, lines: number): number {
  const held = new Map<number, true>();
  let misses = 0;
  for (const line of accesses) {
    if (held.delete(line)) {
      held.set(line, true);
      continue;
    }
    misses++;
    held.set(line, true);
    if (held.size > lines) held.delete(held.keys().next().value!);
  }
  return misses;
}

interface Product {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

/** for row: for column: for k: y[row][column] += x[row][k] * w[column][k], a line an element. */
function* productAccesses({rows, columns, depth}: Product): Generator<number> {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let k = 0; k < depth; k++) {
        yield row * depth + k;
        yield 1e6 + column * depth + k;
      }
      yield 2e6 + row * columns + column;
    }
  }
}

function productLoop({rows, columns, depth}: Product): Loop {
  const of = (x: number, weights: number, y: number) =>
    new Map([
      ['x', x * LINE],
      ['weights', weights * LINE],
      ['y', y * LINE],
    ]);
  return nest([
    {trips: rows, whole: of(rows * depth, columns * depth, rows * columns)},
    {trips: columns, whole: of(depth, columns * depth, columns)},
    {trips: depth, whole: of(depth, depth, 1)},
  ]);
}

const ONE_CORE = {sharers: 1, copies: 1};
const sum = (bytes: ReadonlyMap<string, number>) => [...bytes.values()].reduce((a, b) => a + b, 0);

test('bytes of a product are the misses of a cache that is clearly large or small enough', t => {
  fc.assert(
    fc.property(
      fc.record({
        rows: fc.integer({min: 2, max: 8}),
        columns: fc.integer({min: 6, max: 12}),
        depth: fc.integer({min: 4, max: 16}),
      }),
      fc.constantFrom('all', 'weights', 'row'),
      (product, holds) => {
        const {rows, columns, depth} = product;
        // What one iteration of some loop touches, and what is new in the next.
        const room = {
          all: rows * depth + columns * depth + rows * columns,
          weights: columns * depth + 2 * (depth + columns),
          row: 3 * depth + 2,
        }[holds];
        const {bytes} = crossing(
          productLoop(product),
          {bytes: room * LINE, ways: room, ...ONE_CORE},
          new Set(),
        );
        const misses = missesOf(productAccesses(product), room);
        t.true(
          Math.abs(sum(bytes) / LINE - misses) <= 0.2 * misses,
          `${sum(bytes) / LINE} ${misses}`,
        );
      },
    ),
    {numRuns: 200},
  );
});

test('threads with caches of their own fetch what they share each, threads of one cache once', t => {
  const loop: Loop = {
    trips: 8,
    isParallel: true,
    whole: new Map([
      ['x', 8000],
      ['weights', 1000],
    ]),
    body: [],
  };
  const shared = new Set(['weights']);
  const of = (sharers: number, copies: number) =>
    Object.fromEntries(crossing(loop, {bytes: 1e6, ways: 8, sharers, copies}, shared).bytes);
  t.deepEqual(of(1, 1), {x: 8000, weights: 1000});
  t.deepEqual(of(1, 4), {x: 8000, weights: 4000});
  t.deepEqual(of(4, 1), {x: 8000, weights: 1000});
});

test('a sweep a little larger than the cache keeps the sets that are not full', t => {
  // 16 sets of 4 ways; rows of consecutive lines, swept again and again.
  const [sets, ways] = [16, 4];
  for (let lines = 48; lines <= 96; lines += 3) {
    const bySet = Array.from({length: sets}, (_, set) =>
      Array.from({length: lines}, (_, line) => line).filter(line => line % sets === set),
    );
    const again = bySet.reduce(
      (misses, own) => misses + missesOf([...own, ...own], ways) - own.length,
      0,
    );
    const share = residentShare(lines * LINE, {bytes: sets * ways * LINE, ways});
    t.true(Math.abs((1 - share) * lines - again) <= ways + 1, `${lines}: ${share} ${again}`);
  }
});

test('lines and indices of strided accesses are those that are listed', t => {
  fc.assert(
    fc.property(
      fc.integer({min: 1, max: 40}),
      fc.integer({min: 1, max: 40}),
      fc.integer({min: 0, max: 4}),
      (count, run, gap) => {
        // Runs of whole vectors of four floats that begin at a line.
        const [runBytes, stepBytes] = [run * 16, (run + gap) * 16];
        const lines = new Set<number>();
        for (let i = 0; i < count; i++)
          for (let byte = 0; byte < runBytes; byte += 4)
            lines.add(Math.floor((i * stepBytes + byte) / LINE));
        const counted = lineBytes(count, runBytes, stepBytes) / LINE;
        t.true(Math.abs(counted - lines.size) <= 2, `${counted} ${lines.size}`);
      },
    ),
  );
  fc.assert(
    fc.property(
      fc.integer({min: 0, max: 20}),
      fc.integer({min: 1, max: 4}),
      fc.array(fc.integer({min: -3, max: 3}), {maxLength: 4}),
      (count, step, offsets) => {
        const listed = new Set<number>();
        for (let q = 0; q < count; q++) for (const offset of offsets) listed.add(q * step + offset);
        t.is(distinctIndices(count, step, offsets, Infinity), listed.size);
      },
    ),
  );
});
