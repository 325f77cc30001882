// Covering a phase with regions: the product of the pieces of its axes.
//
// In space, the rows of all planes are rows of one map, and every plane of the output gets regions of its own: then a
// tap of another plane is only a tap some planes of rows further. Rows above and below a plane are not padding but
// those of its neighbours, so phases are cut exactly along z and y.

import {borderClasses, type Piece, wholePhase} from '../../untangle/borders.js';
import {isDeep, type PlanePhase} from '../../untangle/conv.js';
import type {Phase} from '../../untangle/phases.js';
import type {Region, RegionTap} from '../steps.js';
import {type ConvProblem, rowsPerTap} from './problem.js';

/** How an axis of a phase is cut: whole, with reads outside the input; or into border classes without any. */
export type AxisCut = 'padded' | 'exact';

export interface Cut {
  readonly y: AxisCut;
  readonly x: AxisCut;
}

export const PADDED: Cut = {y: 'padded', x: 'padded'};
export const EXACT: Cut = {y: 'exact', x: 'exact'};

/** All ways to cut a plane, from the fewest multiplications to the fewest regions. */
export const CUTS: readonly Cut[] = [
  EXACT,
  {y: 'exact', x: 'padded'},
  {y: 'padded', x: 'exact'},
  PADDED,
];

/** What covering a phase needs besides the phase. */
export interface CoverOptions {
  readonly cut: Cut;
  /** First row of the phase's taps in the packed weights. */
  readonly firstRow: number;
  /** Outputs per point of the phase and axis: more than 1 when phases are fused. */
  readonly fusedY: number;
  readonly fusedX: number;
  /** Whether adjacent taps may become one of more channels. */
  readonly mergesTaps: boolean;
}

/** Runs shorter than this many rows make the k loop's start and end show; measured with 12-row tiles. */
const SHORT_RUN_ROWS = 64;

/** Covers one phase with regions that partition its outputs. */
export function coverPhase(
  problem: ConvProblem,
  phase: PlanePhase,
  options: CoverOptions,
): Region[] {
  const {plane} = problem;
  const hasTaps = phase.taps.length > 0;
  const cut = affordable(
    problem,
    phase,
    isDeep(plane) ? {...options.cut, y: 'exact'} : options.cut,
  );
  const piecesZ = borderClasses(phase.z, plane.z.inputSize);
  const piecesY = cutAxis(phase.y, plane.y.inputSize, hasTaps ? cut.y : 'padded');
  const piecesX = cutAxis(phase.x, plane.x.inputSize, hasTaps ? cut.x : 'padded');
  return piecesZ.flatMap(z =>
    planesOf(z).flatMap(first =>
      piecesY.flatMap(y =>
        piecesX.map(x => region(problem, phase, {z: {...z, first, count: 1}, y, x}, options)),
      ),
    ),
  );
}

/** Taps that the border classes of all phases of a convolution may list: large kernels have many of both. */
const MAX_CLASS_TAPS = 2 ** 20;

/** `cut`, or as little of it as can be where a kernel of so many elements would be listed too often. */
function affordable({phases, plane}: ConvProblem, {z, y, x}: PlanePhase, cut: Cut): Cut {
  // An axis of n taps has at most 2n + 1 classes, which together list at most n * (n + 1) taps.
  const listed = (axis: AxisCut, {taps}: Phase): number =>
    axis === 'exact' ? taps.length * (taps.length + 1) : taps.length;
  const planes = isDeep(plane) ? z.outCount * z.taps.length : 1;
  const count = planes * listed(cut.y, y) * listed(cut.x, x);
  if (count * phases.length <= MAX_CLASS_TAPS) return cut;
  return isDeep(plane) ? {y: 'exact', x: 'padded'} : PADDED;
}

/** The planes of a piece along z. */
function planesOf({first, count}: Piece): number[] {
  return Array.from({length: count}, (_, i) => first + i);
}

function cutAxis(phase: Phase, inputSize: number, cut: AxisCut): Piece[] {
  return cut === 'exact' ? borderClasses(phase, inputSize) : wholePhase(phase, inputSize);
}

/** A run of outputs of every axis; a single one along z. */
interface Pieces {
  readonly z: Piece;
  readonly y: Piece;
  readonly x: Piece;
}

function region(
  problem: ConvProblem,
  phase: PlanePhase,
  pieces: Pieces,
  options: CoverOptions,
): Region {
  const {z, y, x} = pieces;
  const {pitch} = problem;
  const rows = rowsPerTap(problem);
  const packed = {firstRow: options.firstRow, rows, pitch: pitch.input};
  const taps = productTaps(phase, pieces, packed);
  const padded = taps.length > 0 && !(y.isInside && x.isInside);
  const run = padded || !options.mergesTaps ? 1 : mergeableRun(problem, taps);

  const outY = phase.y.outStart + y.first * phase.y.outStep;
  const outX = phase.x.outStart + x.first * phase.x.outStep;
  const cropped =
    isCropped(
      {first: outY, step: phase.y.outStep, count: y.count, fused: options.fusedY},
      problem.plane.y.outputSize,
    ) ||
    isCropped(
      {first: outX, step: phase.x.outStep, count: x.count, fused: options.fusedX},
      problem.plane.x.outputSize,
    );

  return {
    outY: outY + (phase.z.outStart + z.first * phase.z.outStep) * pitch.output,
    outX,
    outStepY: phase.y.outStep,
    outStepX: phase.x.outStep,
    countY: y.count,
    countX: x.count,
    inY: y.first * phase.y.inStep + z.first * phase.z.inStep * pitch.input,
    inX: x.first * phase.x.inStep,
    inStepY: phase.y.inStep,
    inStepX: phase.x.inStep,
    taps: taps.filter((_, i) => i % run === 0),
    kc: rows * run,
    padded,
    cropped,
    perTap: false,
  };
}

function productTaps(
  phase: PlanePhase,
  {z, y, x}: Pieces,
  packed: {firstRow: number; rows: number; pitch: number},
): RegionTap[] {
  const taps: RegionTap[] = [];
  const [height, width] = [phase.y.taps.length, phase.x.taps.length];
  for (let tz = z.tapFirst; tz < z.tapFirst + z.tapCount; tz++) {
    for (let ty = y.tapFirst; ty < y.tapFirst + y.tapCount; ty++) {
      for (let tx = x.tapFirst; tx < x.tapFirst + x.tapCount; tx++) {
        const index = (tz * height + ty) * width + tx;
        const {dz, dy, dx} = phase.taps[index]!;
        taps.push({dy: dz * packed.pitch + dy, dx, k: packed.firstRow + index * packed.rows});
      }
    }
  }
  return taps;
}

function isCropped(
  axis: {first: number; step: number; count: number; fused: number},
  outputSize: number,
): boolean {
  return axis.first < 0 || axis.first + (axis.count - 1) * axis.step + axis.fused > outputSize;
}

/**
 * How many taps in a row can be read as one: adjacent in x and in the packed weights, in equal full runs.
 *
 * Then a run of pixels is one stretch of memory, and one k loop replaces several short ones.
 */
function mergeableRun(problem: ConvProblem, taps: readonly RegionTap[]): number {
  const {groups, inChannels, operands} = problem;
  const isContiguous = groups === 1 && operands.x.strides[2] === inChannels;
  if (!isContiguous || inChannels >= SHORT_RUN_ROWS || taps.length < 2) return 1;

  const starts = taps.flatMap((tap, i) => {
    const before = taps[i - 1];
    const continues =
      before?.dy === tap.dy && before.dx + 1 === tap.dx && before.k + inChannels === tap.k;
    return continues ? [] : [i];
  });
  const run = taps.length / starts.length;
  return starts.every((start, i) => start === i * run) ? run : 1;
}
