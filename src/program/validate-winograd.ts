// Checks of winograd: dense 3x3 tiles whose transformed blocks fit the memory they are given.

import {WINOGRAD_CHANNELS, WORKSPACE_BYTES} from '../schedule/steps.js';
import {PANEL} from '../untangle/pack.js';
import {
  WINOGRAD_TILES,
  type WinogradTile,
  winogradInputs,
  winogradTileElements,
} from '../untangle/winograd.js';
import {NONE} from './commands.js';
import {
  type Checker,
  ensure,
  readable,
  requireDense,
  requireDenseChannels,
  requireMap,
  requireShape,
  writable,
} from './validate-access.js';
import {type CommandOf, checkEpilogue} from './validate-commands.js';

/** Pixels and steps are small numbers; executors compute with them in 32 bits. */
const MAX_STEP = 2 ** 20;

const WORKSPACE_ELEMENTS = WORKSPACE_BYTES / 4;

export function checkWinograd(checker: Checker, command: CommandOf<'winograd'>): void {
  const x = readable(checker, 'x', command.x);
  const y = writable(checker, 'y', command.y);
  const [xN, xH, xW, inChannels] = requireMap(checker, 'x', x);
  const [, yH, yW, outChannels] = requireMap(checker, 'y', y);
  requireShape(checker, 'y', y, [xN, yH, yW, outChannels]);
  requireDenseChannels(checker, 'x', x);
  requireDenseChannels(checker, 'y', y);
  for (const size of [xH, xW, yH, yW])
    ensure(checker, size <= MAX_STEP, () => `a map has ${size} rows or columns`);
  const isFew = inChannels <= WINOGRAD_CHANNELS;
  ensure(checker, isFew, () => `x has ${inChannels} channels; at most ${WINOGRAD_CHANNELS}`);

  const tile = command.tile as WinogradTile;
  ensure(checker, WINOGRAD_TILES.includes(tile), () => `tile is ${tile}; expected 2 or 4`);
  for (const [name, least] of STEPS) {
    const value = command[name];
    const isSmall = value >= least && value <= MAX_STEP;
    ensure(checker, isSmall, () => `${name} is ${value}; expected ${least} to ${MAX_STEP}`);
  }

  const panels = Math.ceil(outChannels / PANEL);
  const weights = readable(checker, 'weights', command.weightsView);
  requireDense(
    checker,
    'weights',
    weights,
    winogradInputs(tile) ** 2 * inChannels * panels * PANEL,
  );
  checkEpilogue(checker, command, y, panels * PANEL);
  checkScratch(checker, command, winogradTileElements(tile, inChannels, panels));
}

const STEPS = [
  ['dilationY', 1],
  ['dilationX', 1],
  ['padTop', 0],
  ['padLeft', 0],
] as const;

/** At least one tile fits the scratch, or the workspace where there is none. */
function checkScratch(
  checker: Checker,
  {scratchView}: CommandOf<'winograd'>,
  tileElements: number,
): void {
  if (scratchView === NONE) {
    ensure(
      checker,
      tileElements <= WORKSPACE_ELEMENTS,
      () => `a tile takes ${tileElements} floats; the workspace has ${WORKSPACE_ELEMENTS}`,
    );
    return;
  }
  const scratch = writable(checker, 'scratch', scratchView);
  const elements = scratch.shape.reduce((product, size) => product * size, 1);
  requireDense(checker, 'scratch', scratch, elements);
  ensure(
    checker,
    elements >= tileElements,
    () => `a tile takes ${tileElements} floats; scratch has ${elements}`,
  );
}
