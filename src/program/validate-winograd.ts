// Checks of winograd: windows of a few taps whose transformed blocks fit the memory they are given.

import {type Region, WINOGRAD_CHANNELS, WORKSPACE_BYTES} from '../schedule/steps.js';
import {PANEL} from '../untangle/pack.js';
import {
  isWinogradForm,
  type WinogradForm,
  type WinogradTile,
  winogradKernelElements,
  winogradTileElements,
} from '../untangle/winograd.js';
import {
  anyView,
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
import {checkRegions} from './validate-regions.js';
import {checkPacked, packedRows} from './validate-weights.js';

const WORKSPACE_ELEMENTS = WORKSPACE_BYTES / 4;

export function checkWinograd(checker: Checker, command: CommandOf<'winograd'>): void {
  const x = readable(checker, 'x', command.x);
  const y = writable(checker, 'y', command.y);
  const [xN, xH, xW, inChannels] = requireMap(checker, 'x', x);
  const [, yH, yW, outChannels] = requireMap(checker, 'y', y);
  requireShape(checker, 'y', y, [xN, yH, yW, outChannels]);
  requireDenseChannels(checker, 'x', x);
  requireDenseChannels(checker, 'y', y);
  const isFew = inChannels <= WINOGRAD_CHANNELS;
  ensure(checker, isFew, () => `x has ${inChannels} channels; at most ${WINOGRAD_CHANNELS}`);

  const {tapsY, tapsX} = command;
  const form: WinogradForm = {tile: command.tile as WinogradTile, taps: [tapsY, tapsX]};
  const isKnown = isWinogradForm(form);
  ensure(
    checker,
    isKnown,
    () => `there are no tiles of ${command.tile} for ${tapsY}x${tapsX} taps`,
  );

  const panels = Math.ceil(outChannels / PANEL);
  const weights = anyView(checker, 'weights', command.weightsView);
  const kTotal = packedRows(weights, panels, PANEL);
  const kernel = tapsY * tapsX * inChannels;
  const isWhole = Number.isInteger(kTotal) && kTotal >= kernel;
  ensure(checker, isWhole, () => `weights has ${kTotal} rows; a kernel takes ${kernel}`);
  checkPacked(checker, command.weightsView, {panels, rows: kTotal, width: PANEL});
  checkEpilogue(checker, command, y, panels * PANEL);
  checkRegions(checker, command, {
    input: [xH, xW],
    output: [yH, yW],
    fused: [1, 1],
    inChannels,
    isRowDense: false,
    // A tap stands for a kernel: the rows of its other taps follow.
    kTotal: kTotal - kernel + inChannels,
  });
  const {regionFirst, regionCount} = command;
  const {program} = checker.context;
  const regions = program.regions.slice(regionFirst, regionFirst + regionCount);
  for (const region of regions)
    ensure(checker, isWindow(region), () => 'a region is no window of one kernel');
  checkScratch(checker, command, {
    tile: winogradTileElements(form, inChannels, panels),
    kernel: winogradKernelElements(form, inChannels, panels),
  });
}

/** One tap at the window's first element, any part of which may lie outside x. */
function isWindow({taps, padded, cropped, perTap, inStepY, inStepX}: Region): boolean {
  const [tap] = taps;
  const isOne = taps.length === 1 && tap!.dy === 0 && tap!.dx === 0;
  return isOne && padded && !cropped && !perTap && inStepY >= 1 && inStepX >= 1;
}

/** Floats of a tile's transforms and of a transformed kernel. */
export interface WinogradSizes {
  readonly tile: number;
  readonly kernel: number;
}

/**
 * Floats of scratch in which a step keeps each kernel in its turn, transformed once: where there is room for it and, unless
 * the workspace has, for a tile; else none.
 */
export function keptElements({tile, kernel}: WinogradSizes, scratchElements: number): number {
  const room = scratchElements - kernel;
  return room >= (tile <= WORKSPACE_ELEMENTS ? 0 : tile) ? kernel : 0;
}

/** A kernel fits the scratch, or a tile does. */
function checkScratch(
  checker: Checker,
  {scratchView}: CommandOf<'winograd'>,
  sizes: WinogradSizes,
): void {
  const scratch = writable(checker, 'scratch', scratchView);
  const elements = scratch.shape.reduce((product, size) => product * size, 1);
  requireDense(checker, 'scratch', scratch, elements);
  ensure(
    checker,
    keptElements(sizes, elements) > 0 || elements >= sizes.tile,
    () =>
      `a tile takes ${sizes.tile} floats and its kernel ${sizes.kernel}; scratch has ${elements}`,
  );
}
