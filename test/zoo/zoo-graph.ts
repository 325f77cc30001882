// Writes small graphs the way exporters do; weights and feeds are random, with a seed.

import type {DataType} from '../../src/onnx/model.js';
import {
  type AttributeSpec,
  float,
  model,
  type NodeSpec,
  type PortSpec,
  type TensorSpec,
} from '../helpers/onnx-builder.js';

/** One graph of the zoo, with something to feed it. */
export interface ZooEntry {
  readonly name: string;
  readonly dialect: Dialect;
  readonly bytes: Uint8Array;
  readonly feeds: Readonly<Record<string, Feed>>;
}

export const DIALECTS = ['pytorch', 'tensorflow', 'keras', 'quantized'] as const;
export type Dialect = (typeof DIALECTS)[number];

export interface Feed {
  readonly dims: readonly number[];
  readonly data: readonly number[];
  readonly dtype: DataType;
}

type Attributes = Readonly<Record<string, AttributeSpec>>;

export interface ConvOptions {
  readonly kernel?: number | readonly number[];
  readonly stride?: number;
  readonly pad?: number;
  readonly dilation?: number;
  readonly group?: number;
  readonly bias?: boolean;
  /** Spatial axes; default 2. */
  readonly rank?: number;
  readonly outputPadding?: number;
  /** Replaces what `pad` says. */
  readonly attrs?: Attributes;
}

export class ZooGraph {
  readonly opset: number;
  readonly #inputs: PortSpec[] = [];
  readonly #outputs: PortSpec[] = [];
  readonly #nodes: NodeSpec[] = [];
  readonly #initializers: Record<string, TensorSpec> = {};
  readonly #feeds: Record<string, Feed> = {};
  #state: number;
  #count = 0;

  constructor(opset: number, seed: number) {
    this.opset = opset;
    this.#state = seed >>> 0;
  }

  /** A number in [0, 1): mulberry32. */
  random(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let bits = this.#state;
    bits = Math.imul(bits ^ (bits >>> 15), bits | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A graph input that is fed values in [-1, 1). `declared` are the dims in the file when some are symbolic. */
  input(name: string, dims: readonly number[], declared?: readonly (number | string)[]): string {
    const data = this.#uniform(dims, 1);
    return this.feed(name, {dims, data, dtype: 'float32'}, declared);
  }

  /** A graph input with the given feed. */
  feed(name: string, feed: Feed, declared?: readonly (number | string)[]): string {
    this.#inputs.push({name, dims: declared ?? feed.dims, dtype: feed.dtype});
    this.#feeds[name] = feed;
    return name;
  }

  /** A random initializer; values lie within the scale that keeps activations alike. */
  weight(dims: readonly number[], scale?: number): string {
    const fanIn = dims.slice(1).reduce((product, size) => product * size, 1);
    return this.tensor(dims, this.#uniform(dims, scale ?? Math.sqrt(3 / fanIn)));
  }

  /** A vector of positive initializers: variances and scales. */
  positive(count: number): string {
    const data = Array.from({length: count}, () => Math.fround(0.5 + this.random()));
    return this.tensor([count], data);
  }

  tensor(dims: readonly number[], data: readonly number[], dtype: DataType = 'float32'): string {
    const name = this.#name('weight');
    this.#initializers[name] = {dims, data, dtype};
    return name;
  }

  /** Lists initializer `name` among the inputs, as files of the first IR versions do. */
  listAsInput(name: string): string {
    const {dims, dtype = 'float32'} = this.#initializers[name]!;
    this.#inputs.push({name, dims, dtype});
    return name;
  }

  /** The output of a Constant node. */
  constant(dims: readonly number[], data: readonly number[], dtype: DataType = 'float32'): string {
    return this.op('Constant', [], {value: {dims, data, dtype}});
  }

  /** A Constant node of whole numbers. */
  ints(...values: readonly number[]): string {
    return this.constant([values.length], values, 'int64');
  }

  /** A Constant node of one float without dims. */
  scalar(value: number): string {
    return this.constant([], [value]);
  }

  op(op: string, inputs: readonly string[], attrs: Attributes = {}): string {
    return this.ops(op, inputs, 1, attrs)[0]!;
  }

  ops(op: string, inputs: readonly string[], count: number, attrs: Attributes = {}): string[] {
    const outputs = Array.from({length: count}, () => this.#name(op));
    this.#nodes.push({op, inputs, outputs, attrs, name: `${op}_${this.#nodes.length}`});
    return outputs;
  }

  /** The entry's value `value` under the name `name`. */
  output(name: string, value: string, dtype: DataType = 'float32'): void {
    this.#nodes.push({op: 'Identity', inputs: [value], outputs: [name]});
    this.#outputs.push({name, dtype});
  }

  /** Convolution with random weights [out, in/group, ...kernel]. */
  conv(x: string, inChannels: number, outChannels: number, options: ConvOptions = {}): string {
    const dims = [outChannels, inChannels / (options.group ?? 1), ...kernelOf(options)];
    const inputs = [x, this.weight(dims)];
    if (options.bias !== false) inputs.push(this.weight([outChannels], 0.2));
    return this.op('Conv', inputs, convAttributes(options));
  }

  /** Transposed convolution with random weights [in, out/group, ...kernel]. */
  convTranspose(
    x: string,
    inChannels: number,
    outChannels: number,
    options: ConvOptions = {},
  ): string {
    const dims = [inChannels, outChannels / (options.group ?? 1), ...kernelOf(options)];
    const inputs = [x, this.weight(dims, Math.sqrt(3 / inChannels))];
    if (options.bias !== false) inputs.push(this.weight([outChannels], 0.2));
    return this.op('ConvTranspose', inputs, convAttributes(options));
  }

  batchNorm(x: string, channels: number): string {
    const [scale, variance] = [this.positive(channels), this.positive(channels)];
    const [bias, mean] = [this.weight([channels], 0.3), this.weight([channels], 0.3)];
    const attrs = {epsilon: float(1e-5), momentum: float(0.9)};
    return this.op('BatchNormalization', [x, scale, bias, mean, variance], attrs);
  }

  instanceNorm(x: string, channels: number): string {
    const inputs = [x, this.positive(channels), this.weight([channels], 0.3)];
    return this.op('InstanceNormalization', inputs, {epsilon: float(1e-5)});
  }

  /** x · W + b with W [in, out], as a Gemm. */
  linear(x: string, inSize: number, outSize: number): string {
    const weights = this.weight([outSize, inSize]);
    return this.op('Gemm', [x, weights, this.weight([outSize], 0.2)], {
      alpha: float(1),
      beta: float(1),
      transB: 1,
    });
  }

  unsqueeze(x: string, ...axes: readonly number[]): string {
    return this.#withAxes('Unsqueeze', x, axes, 13);
  }

  squeeze(x: string, ...axes: readonly number[]): string {
    return this.#withAxes('Squeeze', x, axes, 13);
  }

  /** A reduction over `axes`, which are an attribute or an input as the opset wants. */
  reduce(op: string, x: string, axes: readonly number[], keepdims = 1): string {
    return this.#withAxes(op, x, axes, op === 'ReduceSum' ? 13 : 18, {keepdims});
  }

  /** x[..., start:end, ...] along one axis. */
  slice(x: string, axis: number, start: number, end: number): string {
    if (this.opset < 10) return this.op('Slice', [x], {axes: [axis], starts: [start], ends: [end]});
    return this.op('Slice', [x, this.ints(start), this.ints(end), this.ints(axis)]);
  }

  /** One element of the shape of `x`, as PyTorch asks for it: Shape, Constant, Gather. */
  size(x: string, axis: number): string {
    const index = this.constant([], [axis], 'int64');
    return this.op('Gather', [this.op('Shape', [x]), index], {axis: 0});
  }

  /** Reshape to the given sizes, each a number or a scalar value: Unsqueeze every one, Concat, Reshape. */
  viewAs(x: string, ...sizes: readonly (number | string)[]): string {
    const parts = sizes.map(size => {
      const scalar = typeof size === 'number' ? this.constant([], [size], 'int64') : size;
      return this.unsqueeze(scalar, 0);
    });
    return this.op('Reshape', [x, this.op('Concat', parts, {axis: 0})]);
  }

  reshape(x: string, ...sizes: readonly number[]): string {
    return this.op('Reshape', [x, this.ints(...sizes)]);
  }

  /** Reshape to a constant kept as an initializer, as the converters of TensorFlow do. */
  reshapeTo(x: string, ...sizes: readonly number[]): string {
    return this.op('Reshape', [x, this.tensor([sizes.length], sizes, 'int64')]);
  }

  transpose(x: string, ...perm: readonly number[]): string {
    return this.op('Transpose', [x], {perm});
  }

  add = (a: string, b: string) => this.op('Add', [a, b]);
  sub = (a: string, b: string) => this.op('Sub', [a, b]);
  mul = (a: string, b: string) => this.op('Mul', [a, b]);
  div = (a: string, b: string) => this.op('Div', [a, b]);
  relu = (x: string) => this.op('Relu', [x]);
  leaky = (x: string, alpha = 0.2) => this.op('LeakyRelu', [x], {alpha: float(alpha)});
  sigmoid = (x: string) => this.op('Sigmoid', [x]);
  tanh = (x: string) => this.op('Tanh', [x]);
  concat = (axis: number, ...parts: readonly string[]) => this.op('Concat', parts, {axis});

  /** The finished graph. */
  finish(name: string, dialect: Dialect): ZooEntry {
    const bytes = model({
      opset: this.opset,
      inputs: this.#inputs,
      outputs: this.#outputs,
      nodes: this.#nodes,
      initializers: this.#initializers,
    });
    return {name, dialect, bytes, feeds: this.#feeds};
  }

  #withAxes(
    op: string,
    x: string,
    axes: readonly number[],
    inputSince: number,
    attrs: Attributes = {},
  ): string {
    return this.opset < inputSince
      ? this.op(op, [x], {axes, ...attrs})
      : this.op(op, [x, this.ints(...axes)], attrs);
  }

  #uniform(dims: readonly number[], scale: number): number[] {
    const count = dims.reduce((product, size) => product * size, 1);
    return Array.from({length: count}, () => Math.fround((2 * this.random() - 1) * scale));
  }

  #name(kind: string): string {
    return `${kind}_${this.#count++}`;
  }
}

function kernelOf({kernel = 3, rank = 2}: ConvOptions): readonly number[] {
  return typeof kernel === 'number' ? Array<number>(rank).fill(kernel) : kernel;
}

function convAttributes(options: ConvOptions): Attributes {
  const kernel = kernelOf(options);
  const {stride = 1, pad = 0, dilation = 1, group = 1, outputPadding = 0, attrs} = options;
  const all = (value: number) => kernel.map(() => value);
  return {
    dilations: all(dilation),
    group,
    kernel_shape: kernel,
    strides: all(stride),
    ...(outputPadding === 0 ? {} : {output_padding: all(outputPadding)}),
    ...(attrs ?? {pads: [...all(pad), ...all(pad)]}),
  };
}
