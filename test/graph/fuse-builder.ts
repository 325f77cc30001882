// Graphs by hand, and the comparison of a graph with what a pass made of it.

import assert from 'node:assert/strict';
import type {BinaryFunction, UnaryFunction} from '../../src/graph/functions.js';
import {IDENTITY} from '../../src/graph/functions.js';
import type {ConvGeometry, Graph, Node, Operation, Value} from '../../src/graph/graph.js';
import {plainWeights} from '../../src/graph/weights.js';
import type {Tensor} from '../../src/onnx/model.js';
import {count, evaluateGraph} from './evaluate.js';

export type Shape = readonly number[];

/** Small integers, so that sums in f32 are exact. */
export function integers(length: number, seed = 1): Float32Array {
  let state = seed;
  return Float32Array.from({length}, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return ((state >>> 16) % 9) - 4;
  });
}

export class GraphBuilder {
  readonly #nodes: Node[] = [];
  readonly #values = new Map<string, Value>();
  readonly #constants = new Map<string, Tensor>();
  readonly #inputs: string[] = [];

  input(name: string, shape: Shape): string {
    this.#inputs.push(name);
    return this.#value(name, shape);
  }

  constant(dims: Shape, data: readonly number[] | Float32Array = integers(count(dims), 7)): string {
    const name = this.#value(`c${this.#values.size}`, dims);
    this.#constants.set(name, {dtype: 'float32', dims, data: Float32Array.from(data)});
    return name;
  }

  node(operation: Operation, inputs: readonly string[], shape: Shape): string {
    const output = this.#value(`v${this.#values.size}`, shape);
    this.#nodes.push({name: `${operation.op} ${output}`, operation, inputs, output});
    return output;
  }

  unary(fn: UnaryFunction, x: string, alpha = 0, beta = 0): string {
    const ops = [{fn: {kind: 'unary', activation: {fn, alpha, beta}}, a: 0, b: 0}] as const;
    return this.node({op: 'chain', ops}, [x], this.shape(x));
  }

  /** The shape is that of the operand of higher rank, or of more elements. */
  binary(fn: BinaryFunction, a: string, b: string): string {
    const [left, right] = [this.shape(a), this.shape(b)];
    const isLeft =
      left.length === right.length ? count(left) >= count(right) : left.length > right.length;
    const ops = [{fn: {kind: 'binary', fn}, a: 0, b: 1}] as const;
    return this.node({op: 'chain', ops}, [a, b], isLeft ? left : right);
  }

  /** A convolution that keeps the sizes of the map unless `shape` says otherwise. */
  conv(x: string, geometry: Partial<ConvGeometry> = {}, shape: Shape = this.shape(x)): string {
    const full: ConvGeometry = {
      transposed: false,
      groups: 1,
      kernel: [1, 1],
      strides: [1, 1],
      dilations: [1, 1],
      padBegin: [0, 0],
      ...geometry,
    };
    const [inChannels, outChannels] = [this.shape(x)[1]!, shape[1]!];
    const weights = plainWeights(
      integers((inChannels * outChannels * count(full.kernel)) / full.groups, 3),
    );
    const bias = integers(outChannels, 5);
    return this.node(
      {op: 'conv', geometry: full, weights, bias, epilogue: {activation: IDENTITY}},
      [x],
      shape,
    );
  }

  gemm(x: string, columns: number, bias: Float32Array | null = integers(columns, 5)): string {
    const shape = [...this.shape(x).slice(0, -1), columns];
    const weights = plainWeights(integers(this.shape(x).at(-1)! * columns, 3));
    return this.node({op: 'gemm', weights, bias, epilogue: {activation: IDENTITY}}, [x], shape);
  }

  shape(name: string): Shape {
    return this.#values.get(name)!.shape;
  }

  build(...outputs: string[]): Graph {
    return {
      nodes: this.#nodes,
      values: this.#values,
      constants: this.#constants,
      inputs: this.#inputs,
      outputs: outputs.map(value => ({name: value, value, dtype: 'float32'})),
    };
  }

  #value(name: string, shape: Shape): string {
    this.#values.set(name, {name, dtype: 'float32', shape});
    return name;
  }
}

/** Asserts that `after` is well-formed and computes what `before` does, to f32 rounding of its constants. */
export function assertSameResults(before: Graph, after: Graph, tolerance = 1e-6): void {
  assertWellFormed(after);
  assert.deepEqual(after.inputs, before.inputs);
  const inputs = new Map(
    before.inputs.map((name, index) => [
      name,
      integers(count(before.values.get(name)!.shape), index + 11),
    ]),
  );
  const expected = evaluateGraph(before, inputs);
  const received = evaluateGraph(after, inputs);
  assert.deepEqual([...received.keys()], [...expected.keys()]);
  for (const [name, {shape, data}] of expected) {
    const actual = received.get(name)!;
    assert.deepEqual(actual.shape, shape);
    const range = data.reduce((max, value) => Math.max(max, Math.abs(value)), 1);
    for (const [at, value] of data.entries()) {
      const other = actual.data[at]!;
      const isClose = Object.is(value, other) || Math.abs(value - other) <= tolerance * range;
      assert(isClose, `${name}[${at}]: expected ${value} but received ${other}`);
    }
  }
}

/** Every operand is defined before its use, has a shape, and residuals are inputs. */
export function assertWellFormed(graph: Graph): void {
  const defined = new Set([...graph.inputs, ...graph.constants.keys()]);
  for (const {name, operation, inputs, output} of graph.nodes) {
    for (const input of inputs) assert(defined.has(input), `${name} uses ${input} too early`);
    assert(graph.values.has(output), `${output} has no shape`);
    assert(!defined.has(output), `${output} is made twice`);
    defined.add(output);
    if ('epilogue' in operation && operation.epilogue.residual !== undefined) {
      assert.equal(inputs.at(-1), operation.epilogue.residual);
      assert.equal(inputs.length, 2);
    }
    if (operation.op === 'chain') assert(inputs.length <= 6 && operation.ops.length <= 16);
  }
  for (const {value} of graph.outputs) assert(defined.has(value), `output ${value} is gone`);
}

/** The operations of a graph, in order. */
export function operationNames(graph: Graph): string[] {
  return graph.nodes.map(node => node.operation.op);
}
