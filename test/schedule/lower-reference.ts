// What every operation of a graph means, as loops over logical indices; shares no code with src/schedule.

import type {Activation, BinaryFunction} from '../../src/graph/functions.js';
import type {ConvGeometry, Graph, Node, ResizeAxis} from '../../src/graph/graph.js';
import {convWeights, gemmWeights} from '../helpers/weights.js';
import {convReference, convTransposeReference} from '../reference/conv.js';
import {gridSampleReference} from '../reference/grid-sample.js';
import {summarise} from '../reference/summarise.js';
import {rearrange} from './lower-reference-move.js';
import {at, atBroadcast, indices, type OperationOf, type Tensor, tensor} from './tensors.js';

/** The graph's outputs, in order. */
export function runReference(graph: Graph, inputs: readonly Tensor[]): Tensor[] {
  const values = new Map<string, Tensor>(graph.inputs.map((name, i) => [name, inputs[i]!]));
  for (const [name, {dims, data}] of graph.constants)
    values.set(name, {shape: dims, data: Array.from(data)});
  for (const node of graph.nodes) {
    const operands = node.inputs.map(name => values.get(name)!);
    values.set(
      node.output,
      evaluate(node, operands, {values, shape: graph.values.get(node.output)!.shape}),
    );
  }
  return graph.outputs.map(output => values.get(output.value)!);
}

interface Context {
  readonly values: ReadonlyMap<string, Tensor>;
  readonly shape: readonly number[];
}

function known(
  {geometry, weights, bias}: OperationOf<'conv'>,
  shape: readonly number[],
): Parameters<typeof convolve>[0] {
  return {geometry, bias, weights: convWeights(weights, geometry, shape[1]!)};
}

function evaluate(
  {operation}: Node,
  operands: readonly Tensor[],
  {values, shape}: Context,
): Tensor {
  const x = operands[0]!;
  switch (operation.op) {
    case 'conv':
      return finish(convolve(known(operation, shape), x, shape), operation, values);
    case 'dynamicConv': {
      const bias = operation.hasBias ? operands[2]!.data : null;
      const dynamic = {geometry: operation.geometry, weights: operands[1]!.data, bias};
      return finish(convolve(dynamic, x, shape), operation, values);
    }
    case 'gemm':
      return finish(gemm(operation, x, shape), operation, values);
    case 'matmul':
      return matmul(operands, shape);
    case 'chain':
      return tensor(shape, index =>
        chain(
          operation,
          operands.map(operand => atBroadcast(operand, index)),
        ),
      );
    case 'instanceNorm':
      return finish(instanceNorm(operation, x), operation, values);
    case 'softmax':
      return softmax(operation, x);
    case 'pool':
      return pool(operation, x, shape);
    case 'reduce':
    case 'argReduce':
    case 'cumulative':
    case 'standardize':
      return {shape, data: summarise(operation, x)};
    case 'resize':
      return operation.axes.reduce(
        (value, axis, dim) => resizeAxis(value, axis, {dim, size: shape[dim]!}),
        x,
      );
    case 'gridSample':
      return {shape, data: sampleGrid(operation, operands, shape)};
    case 'moments':
      throw new Error('moments are made for schedules only');
    default:
      return rearrange(operation, operands, shape);
  }
}

/** act(y + residual) */
function finish(
  y: Tensor,
  {epilogue}: OperationOf<'conv' | 'dynamicConv' | 'gemm' | 'instanceNorm'>,
  values: ReadonlyMap<string, Tensor>,
): Tensor {
  const residual = epilogue.residual === undefined ? null : values.get(epilogue.residual)!;
  return tensor(y.shape, index =>
    activate(epilogue.activation, at(y, index) + (residual === null ? 0 : at(residual, index))),
  );
}

function activate({fn, alpha, beta}: Activation, x: number): number {
  switch (fn) {
    case 'identity':
      return x;
    case 'relu':
      return Math.max(x, 0);
    case 'affine':
      return alpha * x + beta;
    case 'neg':
      return -x;
    default:
      throw new Error(`no reference for ${fn}`);
  }
}

function combine(fn: BinaryFunction, a: number, b: number): number {
  switch (fn) {
    case 'add':
      return a + b;
    case 'sub':
      return a - b;
    case 'max':
      return Math.max(a, b);
    default:
      throw new Error(`no reference for ${fn}`);
  }
}

function chain({ops}: OperationOf<'chain'>, inputs: readonly number[]): number {
  const known = [...inputs];
  for (const {fn, a, b, c} of ops) {
    switch (fn.kind) {
      case 'unary':
        known.push(activate(fn.activation, known[a]!));
        break;
      case 'binary':
        known.push(combine(fn.fn, known[a]!, known[b]!));
        break;
      case 'ternary':
        known.push(known[a] !== 0 ? known[b]! : known[c!]!);
    }
  }
  return known.at(-1)!;
}

function convolve(
  {
    geometry,
    weights,
    bias,
  }: {geometry: ConvGeometry; weights: ArrayLike<number>; bias: ArrayLike<number> | null},
  x: Tensor,
  shape: readonly number[],
): Tensor {
  const definition = {
    ...geometry,
    batch: x.shape[0]!,
    inChannels: x.shape[1]!,
    outChannels: shape[1]!,
    input: x.shape.slice(2),
    output: shape.slice(2),
  };
  const data = (geometry.transposed ? convTransposeReference : convReference)(
    definition,
    x.data,
    weights,
  );
  const y: Tensor = {shape, data};
  return tensor(shape, index => at(y, index) + (bias === null ? 0 : bias[index[1]!]!));
}

function gemm({weights, bias}: OperationOf<'gemm'>, x: Tensor, shape: readonly number[]): Tensor {
  const columns = shape.at(-1)!;
  const matrix = gemmWeights(weights, columns);
  return tensor(shape, index => {
    const column = index.at(-1)!;
    let sum = bias === null ? 0 : bias[column]!;
    for (let k = 0; k < x.shape.at(-1)!; k++)
      sum += at(x, [...index.slice(0, -1), k]) * matrix[k * columns + column]!;
    return sum;
  });
}

function matmul([a, b]: readonly Tensor[], shape: readonly number[]): Tensor {
  return tensor(shape, index => {
    const [batch, row, column] = [index.slice(0, -2), index.at(-2)!, index.at(-1)!];
    let sum = 0;
    for (let k = 0; k < a!.shape.at(-1)!; k++)
      sum += atBroadcast(a!, [...batch, row, k]) * atBroadcast(b!, [...batch, k, column]);
    return sum;
  });
}

function instanceNorm({epsilon, scale, bias}: OperationOf<'instanceNorm'>, x: Tensor): Tensor {
  const pixels = indices(x.shape.slice(2));
  return tensor(x.shape, index => {
    const [n, c] = index as [number, number];
    const values = pixels.map(pixel => at(x, [n, c, ...pixel]));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    return ((at(x, index) - mean) / Math.sqrt(variance + epsilon)) * scale[c]! + bias[c]!;
  });
}

function softmax({axis, log}: OperationOf<'softmax'>, x: Tensor): Tensor {
  return tensor(x.shape, index => {
    const row = Array.from({length: x.shape[axis]!}, (_, i) => at(x, index.with(axis, i)));
    const shifted = at(x, index) - Math.max(...row);
    const sum = row.reduce((total, value) => total + Math.exp(value - Math.max(...row)), 0);
    return log ? shifted - Math.log(sum) : Math.exp(shifted) / sum;
  });
}

function pool(operation: OperationOf<'pool'>, x: Tensor, shape: readonly number[]): Tensor {
  return tensor(shape, index => {
    const values: number[] = [];
    let positions = 0;
    for (const k of indices(operation.kernel)) {
      const pixel = k.map(
        (tap, d) =>
          index[2 + d]! * operation.strides[d]! -
          operation.padBegin[d]! +
          tap * operation.dilations[d]!,
      );
      if (pixel.every((i, d) => i < x.shape[2 + d]! + operation.padEnd[d]!)) positions++;
      if (pixel.every((i, d) => i >= 0 && i < x.shape[2 + d]!))
        values.push(at(x, [index[0]!, index[1]!, ...pixel]));
    }
    if (operation.fn === 'max') return Math.max(...values);
    return (
      values.reduce((sum, value) => sum + value, 0) /
      (operation.countIncludePad ? positions : values.length)
    );
  });
}

function resizeAxis(
  x: Tensor,
  {taps, indices: sources, weights}: ResizeAxis,
  output: {dim: number; size: number},
): Tensor {
  if (taps === 0) return x;
  return tensor(x.shape.with(output.dim, output.size), index => {
    let sum = 0;
    for (let t = 0; t < taps; t++) {
      const entry = index[output.dim]! * taps + t;
      sum += weights[entry]! * at(x, index.with(output.dim, sources[entry]!));
    }
    return sum;
  });
}

function sampleGrid(
  operation: OperationOf<'gridSample'>,
  [x, grid]: readonly Tensor[],
  shape: readonly number[],
): number[] {
  const [batch, channels, ...input] = x!.shape as [number, number, ...number[]];
  const sample = {...operation, batch, channels, input, output: shape.slice(2)};
  return gridSampleReference(sample, x!.data, grid!.data);
}
