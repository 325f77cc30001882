// Checks of gridSample.

import {GRID_MODE, GRID_PADDING} from '../graph/functions.js';
import {
  type Checker,
  ensure,
  readable,
  requireFlag,
  requireRank,
  requireShape,
  writable,
} from './validate-access.js';
import type {CommandOf} from './validate-commands.js';

/** Positions are computed in f32: pixels beyond 2^23 could not be told apart. */
const MAX_SIZE = 2 ** 23;

export function checkGridSample(checker: Checker, command: CommandOf<'gridSample'>): void {
  const x = readable(checker, 'x', command.x);
  const y = writable(checker, 'y', command.y);
  const grid = readable(checker, 'grid', command.gridView);
  requireRank(checker, 'x', x, 5);
  requireRank(checker, 'y', y, 5);
  const [batch, depth, ...sizes] = x.shape as [number, number, ...number[]];
  requireShape(checker, 'y', y, [batch, ...y.shape.slice(1, 4), x.shape[4]!]);
  const axes = grid.shape.at(-1)!;
  requireShape(checker, 'grid', grid, [...y.shape.slice(0, 4), axes]);

  const isFlat = axes === 2 && depth === 1;
  ensure(checker, isFlat || axes === 3, () => `the grid has ${axes} axes for a depth of ${depth}`);
  const isSmall = [depth, ...sizes.slice(0, 2)].every(size => size <= MAX_SIZE);
  ensure(checker, isSmall, () => `x has an axis of more than ${MAX_SIZE} pixels`);
  ensure(checker, command.mode <= GRID_MODE.cubic, () => `mode is ${command.mode}`);
  ensure(
    checker,
    command.mode !== GRID_MODE.cubic || isFlat,
    () => 'mode cubic needs a grid of two axes',
  );
  ensure(
    checker,
    command.padding <= GRID_PADDING.reflection,
    () => `padding is ${command.padding}`,
  );
  requireFlag(checker, 'alignCorners', command.alignCorners);
}
