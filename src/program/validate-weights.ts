// Checks of packed weights, as any type that a program may hold them in.

import {type PanelLayout, storedElements} from '../untangle/stored-weights.js';
import type {ViewRecord} from './program.js';
import {anyView, type Checker, requireDense, requireRank, writable} from './validate-access.js';
import type {CommandOf} from './validate-commands.js';

/** The weights of a command whose kernels widen them on the way: a flat view of any type. */
export function checkPacked(checker: Checker, index: number, layout: PanelLayout): void {
  const weights = anyView(checker, 'weights', index);
  requireDense(checker, 'weights', weights, storedElements(weights.type, layout));
}

export function checkWiden(checker: Checker, command: CommandOf<'widen'>): void {
  const y = writable(checker, 'y', command.y);
  requireRank(checker, 'y', y, 3);
  const [panels, rows, width] = y.shape as [number, number, number];
  requireDense(checker, 'y', y, panels * rows * width);
  const x = anyView(checker, 'x', command.x);
  requireDense(checker, 'x', x, storedElements(x.type, {panels, rows, width}));
}

/** Rows of weights in panels of a multiple of 4 columns; a fraction or less than 1 where they are no whole ones. */
export function packedRows({type, shape}: ViewRecord, panels: number, width: number): number {
  const elements = shape.reduce((product, size) => product * size, 1);
  return (elements / panels - storedElements(type, {panels: 1, rows: 0, width})) / width;
}
