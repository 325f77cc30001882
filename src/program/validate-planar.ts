// Checks of planarTaps: maps of any strides, regions that read one small window of rows alike.

import {PANEL, PLANAR, planarRows, type Region} from '../schedule/steps.js';
import {
  type Checker,
  ensure,
  readable,
  requireDense,
  requireMap,
  requireShape,
  writable,
} from './validate-access.js';
import {type CommandOf, checkEpilogue} from './validate-commands.js';
import {checkRegions} from './validate-regions.js';

export function checkPlanarTaps(checker: Checker, command: CommandOf<'planarTaps'>): void {
  const {kTotal, regionFirst, regionCount} = command;
  const x = readable(checker, 'x', command.x);
  const y = writable(checker, 'y', command.y);
  const [xN, xH, xW, xC] = requireMap(checker, 'x', x);
  const [, yH, yW, yC] = requireMap(checker, 'y', y);
  requireShape(checker, 'y', y, [xN, yH, yW, yC]);
  const isFew = yC <= PLANAR.channels;
  ensure(checker, isFew, () => `y has ${yC} channels; at most ${PLANAR.channels} are accepted`);
  ensure(checker, kTotal >= 1, () => 'kTotal is 0');
  const weights = readable(checker, 'weights', command.weightsView);
  const rows = planarRows(yC);
  requireDense(checker, 'weights', weights, kTotal * Math.ceil(yC / rows) * rows);
  checkEpilogue(checker, command, y, yC);
  checkRegions(checker, command, {
    input: [xH, xW],
    output: [yH, yW],
    fused: [1, 1],
    inChannels: xC,
    isRowDense: false,
    kTotal,
  });
  const {regions} = checker.context.program;
  checkWindow(checker, regions.slice(regionFirst, regionFirst + regionCount));
}

/** The executor packs one window of x for all regions. */
function checkWindow(checker: Checker, regions: readonly Region[]): void {
  const {tapBounds} = checker.context;
  const [{inStepY}] = regions as [Region];
  const isAlike = regions.every(
    region =>
      region.inStepX === 1 &&
      region.inStepY === inStepY &&
      inStepY >= 1 &&
      !region.cropped &&
      !region.perTap,
  );
  ensure(checker, isAlike, () => 'its regions do not read whole rows alike');

  const reading = regions.filter(region => region.taps.length > 0);
  if (reading.length === 0) return;
  const bounds = reading.map(region => ({region, taps: tapBounds.get(region.taps)!}));
  const lowY = Math.min(...bounds.map(({region, taps}) => region.inY + taps.minDy));
  const highY = Math.max(...bounds.map(({region, taps}) => region.inY + taps.maxDy));
  const lowX = Math.min(...bounds.map(({region, taps}) => region.inX + taps.minDx));
  const highX = Math.max(...bounds.map(({region, taps}) => region.inX + taps.maxDx));
  const width = Math.ceil((PLANAR.tile + highX - lowX) / PANEL) * PANEL;
  const floats = (highY - lowY + 1) * width;
  ensure(
    checker,
    floats <= PLANAR.window,
    () => `its taps span ${floats} floats a channel; at most ${PLANAR.window} are accepted`,
  );
}
