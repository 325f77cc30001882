// The loops of commands that sweep their operands: all but convolutions (native/cpu/elementwise.cc, copy.cc, pool.cc, ...).

import {type ConvStep, PANEL, type Region, type Step, type View} from '../steps.js';
import {F32_BYTES, inputBytes, outputBlock, outputBytes, type TapsWork} from './conv-work.js';
import {EXECUTOR} from './executor.js';
import {pixelBytes, viewBytes} from './lines.js';
import {type Loop, nest} from './loops.js';

type SweepStep = Exclude<Step, ConvStep>;

/** Row after row of a region: neighbours share the rows of x under their taps. */
export function depthwiseLoop(work: TapsWork, region: Region): Loop {
  const {x, y, residual} = work;
  const channels = x.shape[3]!;
  const rows = y.shape[0]! * region.countY;
  const of = (count: number) => {
    const block = outputBlock(region, count * region.countX);
    const out = outputBytes(y, region, block, channels);
    return new Map([
      ['x', inputBytes(work, region, block, {channels})],
      ['weights', region.taps.length * channels * F32_BYTES],
      ['y', out],
      ['residual', residual === null ? 0 : out],
    ]);
  };
  const row = of(1);
  const pixels = Math.max(1, region.countX);
  const pixel = new Map(
    [...row].map(([operand, bytes]) => [operand, operand === 'weights' ? bytes : bytes / pixels]),
  );
  return nest(
    [
      {trips: rows, isParallel: true, whole: of(rows)},
      {trips: pixels, whole: row},
      {trips: 1, whole: pixel},
    ],
    ['y'],
  );
}

/** A pass over every operand, and a second one over x where moments come first. */
export function sweepLoop(step: SweepStep): Loop {
  if (step.op === 'matmul') return matmulLoop(step);
  if (step.op === 'pool' || step.op === 'resize') return windowLoop(step);
  const whole = new Map(sweptViews(step).map(({operand, view}) => [operand, viewBytes(view)]));
  // Its elements are no f32.
  if (step.op === 'widen') whole.set('x', step.counts.readBytes);
  const pass: Loop = {trips: 1, isParallel: true, whole, writes: ['y'], body: []};
  if (step.op !== 'normalize' || step.part !== 'all') return pass;
  // Image by image: the moments of one, then its outputs.
  const images = step.x.shape[0]!;
  const x = whole.get('x')! / images;
  const image = new Map([...whole].map(([operand, bytes]) => [operand, bytes / images]));
  const moments: Loop = {trips: 1, isParallel: true, whole: new Map([['x', x]]), body: []};
  return {trips: images, whole, once: image, body: [moments, {...pass, whole: image}]};
}

/** What a step reads and writes, named. */
export function sweptViews(step: SweepStep): {readonly operand: string; readonly view: View}[] {
  const named = (operand: string, view: View | null) => (view === null ? [] : [{operand, view}]);
  const y = named('y', step.y);
  switch (step.op) {
    case 'elementwise':
      return [...step.inputs.map((view, i) => ({operand: `input${i}`, view})), ...y];
    case 'fill':
      return y;
    case 'normalize':
      // What only makes moments writes nothing.
      if (step.part === 'moments') return named('x', step.x);
      return [...named('x', step.x), ...named('residual', step.epilogue.residual), ...y];
    case 'gridSample':
      return [...named('x', step.x), ...named('grid', step.grid), ...y];
    case 'matmul':
      return [...named('x', step.a), ...named('weights', step.b), ...y];
    case 'gatherIndexed':
    case 'scatterIndexed':
      return [...named('x', step.x), ...named('indices', step.indices), ...y];
    default:
      return [...named('x', step.x), ...y];
  }
}

/** Output rows one after the other; neighbours share the rows of x under their windows. */
function windowLoop(step: Extract<SweepStep, {op: 'pool' | 'resize'}>): Loop {
  const {x, y} = step;
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const taps = step.op === 'pool' ? step.kernel[0] : step.tapsY;
  const rows = batch * y.shape[1]!;
  const row = pixelBytes(x, {rows: Math.min(taps, height), columns: width, channels});
  return nest(
    [
      {
        trips: rows,
        isParallel: true,
        whole: new Map([
          ['x', viewBytes(x)],
          ['y', viewBytes(y)],
        ]),
      },
      {
        trips: 1,
        whole: new Map([
          ['x', row],
          ['y', viewBytes(y) / rows],
        ]),
      },
    ],
    ['y'],
  );
}

/** A packed panel of the right matrix serves a block of rows of the left. */
function matmulLoop({a, b, y}: Extract<SweepStep, {op: 'matmul'}>): Loop {
  const [batch, rows, columns] = y.shape as [number, number, number];
  const depth = a.shape[2]!;
  const width = 2 * PANEL;
  const blockRows = Math.min(rows, EXECUTOR.matmulRows);
  const panelColumns = Math.min(width, columns);
  const of = (part: {a: number; b: number; y: number; panel: number}) =>
    new Map([
      ['x', part.a],
      ['weights', part.b],
      ['y', part.y],
      ['workspace', part.panel],
    ]);
  const all = {a: viewBytes(a), b: viewBytes(b), y: viewBytes(y)};
  const one = {a: all.a / batch, b: all.b / batch, y: all.y / batch};
  const block = {a: (one.a * blockRows) / rows, b: one.b, y: (one.y * blockRows) / rows};
  const panels = Math.ceil(columns / width);
  const panel = Math.min(depth, EXECUTOR.matmulDepth) * width * F32_BYTES;
  const item = {
    a: block.a,
    b: (block.b * panelColumns) / columns,
    y: (block.y * panelColumns) / columns,
  };
  return nest(
    [
      {trips: batch, whole: of({...all, panel})},
      {trips: Math.ceil(rows / blockRows), isParallel: true, whole: of({...one, panel})},
      {trips: panels, whole: of({...block, panel})},
      {trips: Math.ceil(blockRows / 4), whole: of({...item, panel})},
      {
        trips: 1,
        whole: of({a: (item.a * 4) / blockRows, b: 0, y: (item.y * 4) / blockRows, panel}),
      },
    ],
    ['y'],
  );
}
