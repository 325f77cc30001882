// GridSample: reading a map at positions computed at run time.

import type {GridMode, GridPadding} from '../functions.js';
import type {BuildContext, Operand, Registration} from '../registration.js';
import {formatShape} from '../shapes.js';
import {TYPES} from '../types.js';

export const SAMPLING: readonly Registration[] = [
  {
    opType: 'GridSample',
    types: TYPES.any,
    limits: 'two or three spatial axes; cubic: two',
    since: 16,
    attributes: {
      align_corners: {kind: 'int'},
      mode: {
        kind: 'string',
        values: ['bilinear', 'linear', 'nearest', 'bicubic', 'cubic'],
      },
      padding_mode: {kind: 'string', values: ['zeros', 'border', 'reflection']},
    },
    build: buildGridSample,
  },
];

/** The names before opset 20 and since. */
const MODES: Readonly<Record<string, GridMode>> = {
  bilinear: 'linear',
  linear: 'linear',
  bicubic: 'cubic',
  cubic: 'cubic',
  nearest: 'nearest',
};

function buildGridSample(context: BuildContext): Operand {
  const [x, grid] = [context.input(0), context.input(1)];
  const spatialRank = x.shape.length - 2;
  if (spatialRank === 1 || spatialRank > 3)
    context.unsupported(`GridSample with ${spatialRank} spatial axes`);
  const isFitting =
    spatialRank >= 2 &&
    grid.shape.length === x.shape.length &&
    grid.shape[0] === x.shape[0] &&
    grid.shape.at(-1) === spatialRank;
  if (!isFitting) {
    context.fail(
      `expected a grid [${x.shape[0]}, .., ${spatialRank}] for ${formatShape(x.shape)} but received ${formatShape(grid.shape)}`,
    );
  }

  const mode = MODES[context.string('mode', 'linear')]!;
  if (mode === 'cubic' && spatialRank === 3)
    context.unsupported('GridSample mode=cubic of volumes');
  return context.emit(
    {
      op: 'gridSample',
      mode,
      padding: context.string('padding_mode', 'zeros') as GridPadding,
      alignCorners: context.int('align_corners', 0) === 1,
    },
    [x, grid],
    [...x.shape.slice(0, 2), ...grid.shape.slice(1, -1)],
  );
}
