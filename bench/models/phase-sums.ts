// col2im as sums of slices: every output adds up the columns that reach it, phase by phase.
//
// The columns [N, K*K*Cout, H, W] get a border of zeros, once. In one phase of the output grid each tap reads a shifted
// window of its block of channels, and the windows of all taps are added in one pass; the phases are then interleaved. Our Col2Im
// operator is a convolution with one-hot weights, whose products would count as MACs that no col2im has.

import {type Layer, outputSize} from '../shapes.js';
import type {NodeList} from './node-list.js';

interface Tap {
  readonly kernelIndex: number;
  /** Column of a phase's first output, -1 or less in the border. */
  readonly start: number;
}

/** Outputs and columns of all phases, [H, W]. */
interface Sizes {
  /** Outputs of a phase; those past the end of y are cut off last. */
  readonly counts: readonly [number, number];
  /** Zeros before and after the columns. */
  readonly before: number;
  readonly after: readonly [number, number];
}

/** Appends nodes from `columns` and bias `b` [Cout, 1, 1] to `y`. */
export function appendPhaseSums(list: NodeList, layer: Layer): void {
  const {batch, outChannels, stride} = layer;
  const phases = phasesOf(layer);
  const sizes = sizesOf(layer, phases);
  const {counts, before, after} = sizes;
  const pads = list.integers([0, 0, before, before, 0, 0, ...after]);
  list.add('Pad', ['columns', pads], 'edged');
  const rows = phases.map((tapsY, y) => {
    const names = phases.map((tapsX, x) =>
      appendPhase(list, layer, {name: `phase${y}_${x}`, tapsY, tapsX, sizes}),
    );
    list.add('Concat', names, `row${y}`, {axis: 5});
    return `row${y}`;
  });
  list.add('Concat', rows, 'phases', {axis: 3});
  const shape = list.integers([batch, outChannels, counts[0] * stride, counts[1] * stride]);
  list.add('Reshape', ['phases', shape], 'whole');
  const crop = [list.integers([0, 0]), list.integers(outputSize(layer)), list.integers([2, 3])];
  list.add('Slice', ['whole', ...crop], 'y');
}

/** The taps of each phase along one axis: output phase + q*stride adds column q + start of each. */
function phasesOf({kernel, stride, pad, dilation}: Layer): Tap[][] {
  return Array.from({length: stride}, (_, phase) =>
    Array.from({length: kernel}, (_, kernelIndex) => ({
      kernelIndex,
      start: (phase + pad - kernelIndex * dilation) / stride,
    })).filter(({start}) => Number.isInteger(start)),
  );
}

function sizesOf(layer: Layer, phases: readonly (readonly Tap[])[]): Sizes {
  const {stride, input} = layer;
  const output = outputSize(layer);
  // One column to spare, so that there is something to cut off: else the sums would be written straight into y, a channel
  // and two pixels apart, four times slower than channels last and one copy (ebgan_2, 221 ms against 50).
  const counts = [Math.ceil(output[0] / stride), Math.ceil(output[1] / stride) + 1] as const;
  const starts = phases.flatMap(taps => taps.map(({start}) => start));
  const last = Math.max(...starts);
  const after = (axis: 0 | 1) => Math.max(0, last + counts[axis] - input[axis]);
  return {counts, before: Math.max(0, -Math.min(...starts)), after: [after(0), after(1)]};
}

/** Outputs of one phase, [N, Cout, countY, 1, countX, 1]; the name of the result. */
function appendPhase(
  list: NodeList,
  {batch, outChannels, kernel}: Layer,
  phase: {
    readonly name: string;
    readonly tapsY: readonly Tap[];
    readonly tapsX: readonly Tap[];
    readonly sizes: Sizes;
  },
): string {
  const {name, tapsY, tapsX, sizes} = phase;
  const [countY, countX] = sizes.counts;
  const windows = tapsY.flatMap(tapY =>
    tapsX.map(tapX => {
      const block = (tapY.kernelIndex * kernel + tapX.kernelIndex) * outChannels;
      const [top, left] = [tapY.start + sizes.before, tapX.start + sizes.before];
      const starts = list.integers([block, top, left]);
      const ends = list.integers([block + outChannels, top + countY, left + countX]);
      list.add('Slice', ['edged', starts, ends, list.integers([1, 2, 3])], `${name}_${block}`);
      return `${name}_${block}`;
    }),
  );
  list.add('Sum', [...windows, 'b'], `${name}_sum`);
  const shape = list.integers([batch, outChannels, countY, 1, countX, 1]);
  list.add('Reshape', [`${name}_sum`, shape], name);
  return name;
}
