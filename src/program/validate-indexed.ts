// Checks of gathers and scatters by run-time indices: whatever the indices, they lead into the table.
//
// Executors refuse an index outside its axis when they meet it; with that, every element of the table's view, which lies
// inside its memory, is all that can be reached.

import {SCATTER} from '../graph/functions.js';
import {SLOT} from './commands.js';
import type {ViewRecord} from './program.js';
import {type Checker, ensure, readable, requireShape, writable} from './validate-access.js';
import type {CommandOf} from './validate-commands.js';

export function checkGatherIndexed(checker: Checker, command: CommandOf<'gatherIndexed'>): void {
  const x = readable(checker, 'x', command.x);
  const y = writable(checker, 'y', command.y);
  checkIndexed(checker, {table: x, tableName: 'x', loops: y, indices: command.indices});
}

/** Updates may meet in y: they are applied one after the other. */
export function checkScatterIndexed(checker: Checker, command: CommandOf<'scatterIndexed'>): void {
  const x = readable(checker, 'x', command.x);
  const y = readable(checker, 'y', command.y);
  ensure(checker, y.slot !== SLOT.constants, () => `y (view ${command.y}) writes constants`);
  ensure(checker, command.fn <= SCATTER.max, () => `fn is ${command.fn}`);
  checkIndexed(checker, {table: y, tableName: 'y', loops: x, indices: command.indices});
}

/** The table has the dims of the loops and at least one axis; indices those of the loops and one entry per axis. */
function checkIndexed(
  checker: Checker,
  views: {table: ViewRecord; tableName: string; loops: ViewRecord; indices: number},
): void {
  const {table, tableName, loops} = views;
  const axes = table.shape.length - loops.shape.length;
  ensure(checker, axes >= 1, () => `${tableName} has no axis that is indexed`);
  const shared = {...table, shape: table.shape.slice(0, loops.shape.length)};
  requireShape(checker, `${tableName} without its indexed axes`, shared, loops.shape);
  const indices = readable(checker, 'indices', views.indices);
  requireShape(checker, 'indices', indices, [...loops.shape, axes]);
}
