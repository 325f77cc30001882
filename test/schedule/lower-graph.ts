// Graphs written by hand, one call per node.

import type {Activation} from '../../src/graph/functions.js';
import type {Graph, GraphOutput, Node, Operation, Value} from '../../src/graph/graph.js';
import {plainWeights} from '../../src/graph/weights.js';
import type {Tensor as Constant} from '../../src/onnx/model.js';

export interface GraphBuilder {
  input(shape: readonly number[]): string;
  constant(shape: readonly number[]): string;
  add(operation: Operation, inputs: readonly string[], shape: readonly number[]): string;
  output(value: string): void;
  shape(name: string): readonly number[];
  build(): Graph;
}

export function buildGraph(): GraphBuilder {
  const nodes: Node[] = [];
  const values = new Map<string, Value>();
  const constants = new Map<string, Constant>();
  const inputs: string[] = [];
  const outputs: GraphOutput[] = [];
  const define = (name: string, shape: readonly number[]) => {
    values.set(name, {name, dtype: 'float32', shape});
    return name;
  };

  return {
    input(shape) {
      inputs.push(define(`x${inputs.length}`, shape));
      return inputs.at(-1)!;
    },
    constant(shape) {
      const name = `c${constants.size}`;
      const length = shape.reduce((a, b) => a * b, 1);
      constants.set(name, {
        dtype: 'float32',
        dims: shape,
        data: Float32Array.from({length}, (_, i) => ((i * 5 + constants.size) % 7) - 3),
      });
      return name;
    },
    add(operation, from, shape) {
      const name = `${operation.op}${nodes.length}`;
      nodes.push({name, operation, inputs: from, output: define(name, shape)});
      return name;
    },
    output(value) {
      outputs.push({name: `y${outputs.length}`, value, dtype: 'float32'});
    },
    shape: name => values.get(name)?.shape ?? constants.get(name)!.dims,
    build: () => ({nodes, values, constants, inputs, outputs}),
  };
}

export const RELU: Activation = {fn: 'relu', alpha: 0, beta: 0};
export const NO_EPILOGUE = {activation: {fn: 'identity', alpha: 0, beta: 0}} as const;

/** f(x) as a chain of one. */
export function unaryChain(activation: Activation = RELU): Operation {
  return {op: 'chain', ops: [{fn: {kind: 'unary', activation}, a: 0, b: 0}]};
}

export function binaryChain(fn: 'add' | 'sub' | 'max' = 'add'): Operation {
  return {op: 'chain', ops: [{fn: {kind: 'binary', fn}, a: 0, b: 1}]};
}

/** A convolution with small whole weights; `kernel` taps per axis, stride 1, same size when padded. */
export function convolution(
  channels: readonly [number, number],
  kernel: readonly number[],
  options: Partial<{padBegin: readonly number[]; residual: string}> = {},
): Operation {
  const taps = kernel.reduce((a, b) => a * b, 1);
  const [inChannels, outChannels] = channels;
  const ones = kernel.map(() => 1);
  return {
    op: 'conv',
    geometry: {
      transposed: false,
      groups: 1,
      kernel,
      strides: ones,
      dilations: ones,
      padBegin: options.padBegin ?? kernel.map(() => 0),
    },
    weights: plainWeights(
      Float32Array.from({length: inChannels * outChannels * taps}, (_, i) => ((i * 3) % 5) - 2),
    ),
    bias: Float32Array.from({length: outChannels}, (_, i) => i - 1),
    epilogue: {
      ...NO_EPILOGUE,
      ...(options.residual === undefined ? {} : {residual: options.residual}),
    },
  };
}
