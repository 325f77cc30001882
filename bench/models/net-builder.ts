// Writes a network down layer by layer; its weights are made only when it becomes a model.

import {type Layer, layerMacs, type Macs, outputSize} from '../shapes.js';
import {hashValues} from './hash.js';
import {OPSET} from './layer-model.js';
import type {AttributeSpec, ModelSpec, NodeSpec, TensorSpec} from './onnx-file.js';

/** Weights whose variance keeps activations near 1 through layers of Relu: uniform ones have 1/12. */
const WEIGHT_GAIN = 3.4;
const FIRST_SEED = 101;
const EPSILON = 1e-5;

interface Weights {
  readonly dims: readonly number[];
  readonly scale: number;
  readonly offset: number;
}

export interface ConvOptions {
  readonly kernel: number;
  readonly stride?: number;
  /** Default: as much as keeps the size. */
  readonly pad?: number;
  readonly outputPadding?: number;
  readonly hasBias?: boolean;
}

/** A value [N, channels, H, W] of the network. */
export interface Value {
  readonly name: string;
  readonly channels: number;
  readonly size: readonly [number, number];
}

/** A chain of layers with one current value; `at` names it for layers that come back to it. */
export class NetBuilder {
  readonly #batch: number;
  readonly #inputDims: readonly number[];
  readonly #nodes: NodeSpec[] = [];
  readonly #weights = new Map<string, Weights>();
  readonly #pads = new Map<string, readonly number[]>();
  readonly #convolutions: Layer[] = [];
  #at: Value;

  constructor([batch, channels, height, width]: readonly [number, number, number, number]) {
    this.#batch = batch;
    this.#inputDims = [batch, channels, height, width];
    this.#at = {name: 'x', channels, size: [height, width]};
  }

  /** The current value. */
  get at(): Value {
    return this.#at;
  }

  /** Zero-padded, or by reflection in a node of its own as PyTorch exports it. */
  conv(outChannels: number, options: ConvOptions & {readonly reflects?: boolean}): this {
    const {pad = (options.kernel - 1) / 2, reflects = false} = options;
    if (reflects) this.#reflect(pad);
    return this.#convolve('conv', outChannels, {...options, pad: reflects ? 0 : pad});
  }

  convTranspose(outChannels: number, options: ConvOptions): this {
    return this.#convolve('transposed', outChannels, options);
  }

  batchNorm(): this {
    const {channels} = this.#at;
    const inputs = [
      this.#weight([channels], 0.2, 1),
      this.#weight([channels], 0.2),
      this.#weight([channels], 0.2),
      this.#weight([channels], 0.2, 1),
    ];
    return this.#append('BatchNormalization', inputs, {epsilon: EPSILON});
  }

  instanceNorm(): this {
    const {channels} = this.#at;
    const inputs = [this.#weight([channels], 0.2, 1), this.#weight([channels], 0.2)];
    return this.#append('InstanceNormalization', inputs, {epsilon: EPSILON});
  }

  relu(): this {
    return this.#append('Relu');
  }

  tanh(): this {
    return this.#append('Tanh');
  }

  /** Halves both axes. */
  maxPool(): this {
    const [height, width] = this.#at.size;
    return this.#append(
      'MaxPool',
      [],
      {kernel_shape: [2, 2], strides: [2, 2]},
      {size: [height / 2, width / 2]},
    );
  }

  add(other: Value): this {
    return this.#append('Add', [other.name]);
  }

  /** Appends the channels of `other`. */
  concat(other: Value): this {
    const channels = this.#at.channels + other.channels;
    return this.#append('Concat', [other.name], {axis: 1}, {channels});
  }

  macs(): Macs {
    const counts = this.#convolutions.map(layerMacs);
    const sum = (key: keyof Macs) => counts.reduce((total, count) => total + count[key], 0);
    return {nominal: sum('nominal'), inBounds: sum('inBounds')};
  }

  /** The network from x to the current value, with weights: megabytes. */
  toModel(): ModelSpec {
    const weights = [...this.#weights].map(([name, each], index) => [
      name,
      weightTensor(each, FIRST_SEED + index),
    ]);
    const pads = [...this.#pads].map(([name, data]) => [
      name,
      {dims: [data.length], data, dtype: 'int64'},
    ]);
    const {name, channels, size} = this.#at;
    return {
      opset: OPSET,
      inputs: [{name: 'x', dims: this.#inputDims}],
      outputs: [{name, dims: [this.#batch, channels, ...size]}],
      nodes: this.#nodes,
      initializers: Object.fromEntries([...weights, ...pads]) as Record<string, TensorSpec>,
    };
  }

  #convolve(op: Layer['op'], outChannels: number, options: ConvOptions): this {
    const {kernel, stride = 1, pad = 0, outputPadding = 0, hasBias = true} = options;
    const {channels: inChannels, size: input} = this.#at;
    const id = `${op}_${this.#nodes.length}`;
    const layer: Layer = {
      kind: 'layer',
      id,
      family: 'nets',
      op,
      batch: this.#batch,
      inChannels,
      outChannels,
      input,
      kernel,
      stride,
      pad,
      outputPadding,
      dilation: 1,
      groups: 1,
    };
    this.#convolutions.push(layer);
    const isTransposed = op === 'transposed';
    // An output of a transposed convolution sums a stride-th of the taps along each axis.
    const taps = isTransposed ? (kernel / stride) ** 2 : kernel ** 2;
    const channels = isTransposed ? [inChannels, outChannels] : [outChannels, inChannels];
    const scale = WEIGHT_GAIN / Math.sqrt(inChannels * taps);
    const inputs = [this.#weight([...channels, kernel, kernel], scale)];
    if (hasBias) inputs.push(this.#weight([outChannels], 0.1));
    const attrs = {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
      ...(isTransposed ? {output_padding: [outputPadding, outputPadding]} : {}),
    };
    return this.#append(isTransposed ? 'ConvTranspose' : 'Conv', inputs, attrs, {
      channels: outChannels,
      size: outputSize(layer),
    });
  }

  #reflect(pad: number): void {
    const name = `pads${this.#pads.size + 1}`;
    this.#pads.set(name, [0, 0, pad, pad, 0, 0, pad, pad]);
    const [height, width] = this.#at.size;
    const size = [height + 2 * pad, width + 2 * pad] as const;
    this.#append('Pad', [name], {mode: 'reflect'}, {size});
  }

  #weight(dims: readonly number[], scale: number, offset = 0): string {
    const name = `w${this.#weights.size + 1}`;
    this.#weights.set(name, {dims, scale, offset});
    return name;
  }

  /** A node from the current value and `inputs` to a new current value. */
  #append(
    op: string,
    inputs: readonly string[] = [],
    attrs: Readonly<Record<string, AttributeSpec>> = {},
    changes: Partial<Value> = {},
  ): this {
    const output = `t${this.#nodes.length + 1}`;
    this.#nodes.push({
      op,
      inputs: [this.#at.name, ...inputs],
      outputs: [output],
      name: `${op}_${output}`,
      attrs,
    });
    this.#at = {...this.#at, ...changes, name: output};
    return this;
  }
}

function weightTensor({dims, scale, offset}: Weights, seed: number): TensorSpec {
  const data = hashValues(
    dims.reduce((a, b) => a * b),
    seed,
  );
  return {dims, data: data.map(value => value * scale + offset)};
}
