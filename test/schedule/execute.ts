// A plain-loop executor of convolution steps that draws a bitmap of every pass: the ground truth of counts.
//
// It follows docs/01-architecture.md word by word and checks the promises of a region's flags on the way.

import assert from 'node:assert/strict';
import type {Activation} from '../../src/graph/functions.js';
import type {
  ConvStep as AnyConvStep,
  Counts,
  Region,
  RegionTap,
  View,
} from '../../src/schedule/steps.js';

/** Steps over regions and taps; `execute-winograd.ts` has the other. */
type ConvStep = Exclude<AnyConvStep, {op: 'winograd'}>;

/** Contents by buffer id. */
export type Memory = ReadonlyMap<number, Float32Array>;

/** The step as gemmTaps sees it: depthwise is a gemm of one column per group, planarTaps one without panels. */
interface Work {
  readonly step: ConvStep;
  readonly memory: Memory;
  readonly groups: number;
  readonly fusedY: number;
  readonly fusedX: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly tally: Tally;
}

interface Tally {
  macs: number;
  reads: number;
  writes: number;
  pass: {reads: Set<string>; writes: Set<string>};
}

/** Executes one step, writing into `memory`, and returns what was counted. */
export function executeConvStep(step: ConvStep, memory: Memory): Counts {
  const groups =
    step.op === 'depthwise' ? step.x.shape[3]! : step.op === 'gemmTaps' ? step.groups : 1;
  const work: Work = {
    step,
    memory,
    groups,
    fusedY: step.op === 'gemmTaps' ? step.fusedY : 1,
    fusedX: step.op === 'gemmTaps' ? step.fusedX : 1,
    inChannels: step.x.shape[3]! / groups,
    outChannels: step.y.shape[3]! / groups,
    tally: {macs: 0, reads: 0, writes: 0, pass: {reads: new Set(), writes: new Set()}},
  };

  const plain = step.regions.filter(region => !region.perTap);
  if (plain.length > 0) {
    pass(work, () => {
      readColumns(work, step.epilogue.bias);
      readColumns(work, step.epilogue.slope);
      for (const region of plain) accumulate(work, region);
    });
  }
  for (const region of step.regions.filter(one => one.perTap)) sweep(work, region);

  const {macs, reads, writes} = work.tally;
  return {macs, readBytes: 4 * reads, writtenBytes: 4 * writes};
}

function pass({tally}: Work, body: () => void): void {
  tally.pass = {reads: new Set(), writes: new Set()};
  body();
  tally.reads += tally.pass.reads.size;
  tally.writes += tally.pass.writes.size;
}

function accumulate(work: Work, region: Region): void {
  for (const tap of region.taps) readWeights(work, region, tap);
  forEachColumn(work, region, (group, column, pixel, y) => {
    let sum = columnValue(work, work.step.epilogue.bias, group, column);
    for (const tap of region.taps) sum += dot(work, region, tap, {group, column, pixel});
    if (y) store(work, y, finish(work, sum, {group, column, y}));
  });
}

function sweep(work: Work, region: Region): void {
  const {epilogue} = work.step;
  pass(work, () => {
    readColumns(work, epilogue.bias);
    forEachColumn(work, region, (group, column, _, y) =>
      store(work, y!, columnValue(work, epilogue.bias, group, column)),
    );
  });
  for (const [index, tap] of region.taps.entries()) {
    pass(work, () => {
      readWeights(work, region, tap);
      forEachColumn(work, region, (group, column, pixel, y) => {
        if (!isInside(work, region, tap, pixel)) return;
        const before = index === 0 ? peek(work, work.step.y, y!) : load(work, work.step.y, y!);
        store(work, y!, before + dot(work, region, tap, {group, column, pixel}));
      });
    });
  }
  if (!epilogue.residual && epilogue.activation.fn === 'identity') return;
  pass(work, () => {
    readColumns(work, epilogue.slope);
    forEachColumn(work, region, (group, column, _, y) => {
      store(work, y!, finish(work, load(work, work.step.y, y!), {group, column, y: y!}));
    });
  });
}

interface Pixel {
  readonly n: number;
  readonly qy: number;
  readonly qx: number;
}

/** Visits every column of every output of a region; `y` is its index in the output map, null when dropped. */
function forEachColumn(
  work: Work,
  region: Region,
  visit: (group: number, column: number, pixel: Pixel, y: number[] | null) => void,
): void {
  const {groups, fusedY, fusedX, outChannels, step} = work;
  for (let n = 0; n < step.y.shape[0]!; n++) {
    for (let qy = 0; qy < region.countY; qy++) {
      for (let qx = 0; qx < region.countX; qx++) {
        for (let group = 0; group < groups; group++) {
          for (let column = 0; column < fusedY * fusedX * outChannels; column++) {
            const phase = Math.floor(column / outChannels);
            const oy = region.outY + qy * region.outStepY + Math.floor(phase / fusedX);
            const ox = region.outX + qx * region.outStepX + (phase % fusedX);
            const isWritten = oy >= 0 && oy < step.y.shape[1]! && ox >= 0 && ox < step.y.shape[2]!;
            assert(isWritten || region.cropped, 'an uncropped region writes outside y');
            visit(
              group,
              column,
              {n, qy, qx},
              isWritten ? [n, oy, ox, group * outChannels + (column % outChannels)] : null,
            );
          }
        }
      }
    }
  }
}

function isInside({step}: Work, region: Region, tap: RegionTap, {qy, qx}: Pixel): boolean {
  const iy = region.inY + qy * region.inStepY + tap.dy;
  const ix = region.inX + qx * region.inStepX + tap.dx;
  return iy >= 0 && iy < step.x.shape[1]! && ix >= 0 && ix < step.x.shape[2]!;
}

/** One tap's share of a column: kc products. */
function dot(
  work: Work,
  region: Region,
  tap: RegionTap,
  at: {group: number; column: number; pixel: Pixel},
): number {
  const {step, inChannels, tally} = work;
  const {group, column, pixel} = at;
  tally.macs += region.kc;
  if (!isInside(work, region, tap, pixel)) {
    assert(region.padded, 'an unpadded region reads outside x');
    return 0;
  }

  const iy = region.inY + pixel.qy * region.inStepY + tap.dy;
  const ix = region.inX + pixel.qx * region.inStepX + tap.dx;
  assert(
    ix + region.kc / inChannels <= step.x.shape[2]!,
    'a run of taps reads past the end of a row',
  );
  let sum = 0;
  for (let k = 0; k < region.kc; k++) {
    // A run of merged taps goes on into the next pixels: contiguous memory.
    const x =
      step.op === 'planarTaps'
        ? load(work, step.x, [pixel.n, iy, ix, k])
        : load(work, step.x, [pixel.n, iy, ix, group * inChannels], k);
    sum += x * weight(work, tap.k + k, group, column);
  }
  return sum;
}

function finish(work: Work, sum: number, at: {group: number; column: number; y: number[]}): number {
  const {residual, activation, slope} = work.step.epilogue;
  const value = sum + (residual ? load(work, residual, at.y) : 0);
  return activate(activation, value, columnValue(work, slope, at.group, at.column));
}

function activate({fn}: Activation, value: number, slope: number): number {
  if (fn === 'relu') return Math.max(0, value);
  return fn === 'prelu' && value < 0 ? value * slope : value;
}

// Weights [groups][panels][kTotal][16], [tap][C] or, planar, [panels][kTotal][at most 8, panels equally wide]; bias and
// slope [groups][panels][16] or [C].

function panelsOf({fusedY, fusedX, outChannels}: Work): number {
  return Math.ceil((fusedY * fusedX * outChannels) / 16);
}

function planarPanels({outChannels}: Work): number {
  return Math.ceil(outChannels / 8);
}

function planarWidth(work: Work): number {
  return Math.ceil(work.outChannels / planarPanels(work));
}

function weightColumns(work: Work): number {
  if (work.step.op === 'gemmTaps') return panelsOf(work) * 16;
  return work.step.op === 'planarTaps' ? planarPanels(work) * planarWidth(work) : work.outChannels;
}

function weightIndex(work: Work, row: number, group: number, column: number): number {
  if (work.step.op === 'depthwise') return row * work.groups + group;
  if (work.step.op === 'planarTaps') {
    const width = planarWidth(work);
    return (Math.floor(column / width) * work.step.kTotal + row) * width + (column % width);
  }
  const panel = group * panelsOf(work) + Math.floor(column / 16);
  return (panel * work.step.kTotal + row) * 16 + (column % 16);
}

function weight(work: Work, row: number, group: number, column: number): number {
  const value = work.memory.get(work.step.weights.buffer)![weightIndex(work, row, group, column)];
  assert(value !== undefined, 'a weight outside the packed weights');
  return value;
}

function readWeights(work: Work, region: Region, tap: RegionTap): void {
  const width = weightColumns(work);
  for (let k = tap.k; k < tap.k + region.kc; k++) {
    for (let group = 0; group < work.groups; group++) {
      for (let column = 0; column < width; column++)
        work.tally.pass.reads.add(`w${weightIndex(work, k, group, column)}`);
    }
  }
}

function readColumns(work: Work, view: View | null): void {
  if (!view) return;
  for (const i of work.memory.get(view.buffer)!.keys()) {
    work.tally.pass.reads.add(`${view.buffer}:${i}`);
  }
}

function columnValue(work: Work, view: View | null, group: number, column: number): number {
  if (!view) return 0;
  return work.memory.get(view.buffer)![
    work.step.op === 'gemmTaps'
      ? group * panelsOf(work) * 16 + column
      : group * work.outChannels + column
  ]!;
}

function address(view: View, index: readonly number[]): number {
  return index.reduce((sum, i, d) => sum + i * view.strides[d]!, view.offset);
}

function load(work: Work, view: View, index: readonly number[], further = 0): number {
  const at = address(view, index) + further;
  work.tally.pass.reads.add(`${view.buffer}:${at}`);
  return work.memory.get(view.buffer)![at]!;
}

function peek({memory}: Work, view: View, index: readonly number[]): number {
  return memory.get(view.buffer)![address(view, index)]!;
}

function store(work: Work, index: readonly number[], value: number): void {
  const at = address(work.step.y, index);
  work.tally.pass.writes.add(`${work.step.y.buffer}:${at}`);
  work.memory.get(work.step.y.buffer)![at] = value;
}
