// col2im as sums of slices: every output adds up the columns that reach it, phase by phase.
//
// The columns [N, K*K*Cout, H, W] get a border of zeros, once. In one phase of the output grid each tap reads a shifted
// window of its block of channels, and the windows of all taps are added in one pass; the phases are then interleaved. Our Col2Im
// operator is a convolution with one-hot weights, whose products would count as MACs that no col2im has.

import {type Layer, outputSize} from '../shapes.js';
import type {NodeSpec, TensorSpec} from './onnx-file.js';

interface Tap {
  readonly kernelIndex: number;
  /** Column of a phase's first output, -1 or less in the border. */
  readonly start: number;
}

/** Nodes from `columns` and bias `b` [Cout, 1, 1] to `y`. */
export class PhaseSums {
  readonly nodes: NodeSpec[] = [];
  readonly #constants = new Map<string, TensorSpec>();
  readonly #layer: Layer;
  /** Outputs of a phase, [H, W]; those past the end of y are cut off last. */
  readonly #counts: readonly [number, number];
  /** Rows and columns of zeros at the beginning and end of each axis. */
  readonly #border: {readonly before: number; readonly after: readonly [number, number]};

  constructor(layer: Layer) {
    const {stride, input} = layer;
    const output = outputSize(layer);
    this.#layer = layer;
    // One column to spare, so that there is something to cut off: else the sums would be written straight into y, a channel
    // and two pixels apart, four times slower than channels last and one copy (ebgan_2, 221 ms against 50).
    this.#counts = [Math.ceil(output[0] / stride), Math.ceil(output[1] / stride) + 1];
    const starts = this.#phases().flatMap(taps => taps.map(({start}) => start));
    const [first, last] = [Math.min(...starts), Math.max(...starts)];
    const after = (axis: 0 | 1) => Math.max(0, last + this.#counts[axis] - input[axis]);
    this.#border = {before: Math.max(0, -first), after: [after(0), after(1)]};
    this.#emit();
  }

  get initializers(): Readonly<Record<string, TensorSpec>> {
    return Object.fromEntries(this.#constants);
  }

  /** The taps of each phase along one axis: output phase + q*stride adds column q + start of each. */
  #phases(): Tap[][] {
    const {kernel, stride, pad, dilation} = this.#layer;
    return Array.from({length: stride}, (_, phase) =>
      Array.from({length: kernel}, (_, kernelIndex) => ({
        kernelIndex,
        start: (phase + pad - kernelIndex * dilation) / stride,
      })).filter(({start}) => Number.isInteger(start)),
    );
  }

  #emit(): void {
    const {batch, outChannels, stride} = this.#layer;
    const {before, after} = this.#border;
    const [countY, countX] = this.#counts;
    this.#node('Pad', ['columns', this.#integers([0, 0, before, before, 0, 0, ...after])], 'edged');
    const phases = this.#phases();
    const rows = phases.map((tapsY, y) => {
      const names = phases.map((tapsX, x) => this.#phase(`phase${y}_${x}`, tapsY, tapsX));
      this.#node('Concat', names, `row${y}`, {axis: 5});
      return `row${y}`;
    });
    this.#node('Concat', rows, 'phases', {axis: 3});
    const shape = [batch, outChannels, countY * stride, countX * stride];
    this.#node('Reshape', ['phases', this.#integers(shape)], 'whole');
    const crop = [this.#integers([0, 0]), this.#integers(outputSize(this.#layer))];
    this.#node('Slice', ['whole', ...crop, this.#integers([2, 3])], 'y');
  }

  /** Outputs of one phase, [N, Cout, countY, 1, countX, 1]; the name of the result. */
  #phase(name: string, tapsY: readonly Tap[], tapsX: readonly Tap[]): string {
    const {batch, outChannels, kernel} = this.#layer;
    const [countY, countX] = this.#counts;
    const {before} = this.#border;
    const windows = tapsY.flatMap(tapY =>
      tapsX.map(tapX => {
        const block = (tapY.kernelIndex * kernel + tapX.kernelIndex) * outChannels;
        const starts = [block, tapY.start + before, tapX.start + before];
        const ends = [block + outChannels, starts[1]! + countY, starts[2]! + countX];
        const bounds = [this.#integers(starts), this.#integers(ends), this.#integers([1, 2, 3])];
        const window = `${name}_${block}`;
        this.#node('Slice', ['edged', ...bounds], window);
        return window;
      }),
    );
    this.#node('Sum', [...windows, 'b'], `${name}_sum`);
    const shape = [batch, outChannels, countY, 1, countX, 1];
    this.#node('Reshape', [`${name}_sum`, this.#integers(shape)], name);
    return name;
  }

  #node(op: string, inputs: readonly string[], output: string, attrs: {axis?: number} = {}): void {
    this.nodes.push({op, inputs, outputs: [output], attrs: attrs as Record<string, number>});
  }

  /** The name of an int64 constant. */
  #integers(values: readonly number[]): string {
    const name = `i${values.join('_')}`;
    this.#constants.set(name, {dims: [values.length], data: values, dtype: 'int64'});
    return name;
  }
}
