// What a graph means: one loop per operation, in double precision, sharing no code with src/.

import type {Epilogue, Graph, Node, Operation} from '../../src/graph/graph.js';
import {convWeights, gemmWeights} from '../helpers/weights.js';
import {gridSampleReference} from '../reference/grid-sample.js';
import {summarise} from '../reference/summarise.js';
import {convolve} from './evaluate-conv.js';
import {evaluateRearranging} from './evaluate-rearrange.js';
import {applyStep, unary} from './evaluate-scalar.js';

/** A value while it is evaluated; row-major. */
export interface Evaluated {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

type Op<Name extends Operation['op']> = Extract<Operation, {op: Name}>;

/** The outputs of `graph` by name, for inputs by name (row-major, shapes as in `graph.values`). */
export function evaluateGraph(
  graph: Graph,
  inputs: ReadonlyMap<string, ArrayLike<number>>,
): Map<string, Evaluated> {
  const values = new Map<string, Evaluated>();
  for (const [name, {dims, data}] of graph.constants) {
    values.set(name, {shape: dims, data: Float64Array.from(data)});
  }
  for (const name of graph.inputs) {
    const data = inputs.get(name);
    if (data === undefined) throw new Error(`no input ${name}`);
    values.set(name, {shape: graph.values.get(name)!.shape, data: Float64Array.from(data)});
  }
  for (const node of graph.nodes) {
    values.set(node.output, evaluateNode(graph, node, values));
  }
  return new Map(graph.outputs.map(({name, value}) => [name, values.get(value)!]));
}

function evaluateNode(graph: Graph, node: Node, values: Map<string, Evaluated>): Evaluated {
  const inputs = node.inputs.map(name => {
    const value = values.get(name);
    if (value === undefined) throw new Error(`${node.name} uses ${name} before it is computed`);
    return value;
  });
  const {shape} = graph.values.get(node.output)!;
  const y = {shape, data: new Float64Array(count(shape))};
  evaluateOperation(node.operation, inputs, y);
  if ('epilogue' in node.operation) {
    const {residual} = node.operation.epilogue;
    const axis = node.operation.op === 'gemm' ? shape.length - 1 : 1;
    applyEpilogue(node.operation.epilogue, residual ? values.get(residual)! : null, y, axis);
  }
  return y;
}

function evaluateOperation(operation: Operation, inputs: Evaluated[], y: Evaluated): void {
  const x = inputs[0]!;
  switch (operation.op) {
    case 'conv':
      convolve(
        {
          ...operation,
          weights: convWeights(operation.weights, operation.geometry, y.shape[1]!),
        },
        x,
        y,
      );
      break;
    case 'dynamicConv': {
      const [, weights, bias] = inputs.map(({data}) => data);
      const known = {weights: weights!, bias: operation.hasBias ? bias! : null};
      convolve({...known, geometry: operation.geometry}, x, y);
      break;
    }
    case 'gemm':
      multiplyConstant(operation, x, y);
      break;
    case 'matmul':
      multiply(x, inputs[1]!, y);
      break;
    case 'chain':
      chain(operation, inputs, y);
      break;
    case 'instanceNorm':
      normalize(operation, x, y);
      break;
    case 'softmax':
      softmax(operation, x, y);
      break;
    case 'pool':
      pool(operation, x, y);
      break;
    case 'reduce':
    case 'argReduce':
    case 'cumulative':
    case 'standardize':
      y.data.set(summarise(operation, x));
      break;
    case 'gridSample':
      sampleGrid(operation, inputs, y);
      break;
    case 'moments':
      throw new Error('moments are made for schedules only');
    default:
      evaluateRearranging(operation, inputs, y);
  }
}

export function count(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Calls `visit` with every index of `shape`, in row-major order. */
export function forEachIndex(
  shape: readonly number[],
  visit: (index: readonly number[], at: number) => void,
): void {
  const index = shape.map(() => 0);
  const total = count(shape);
  for (let at = 0; at < total; at++) {
    visit(index, at);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      if (index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
}

/** Element of `value` at `index`; sizes of 1 and missing leading axes repeat. */
export function broadcastAt(value: Evaluated, index: readonly number[]): number {
  let at = 0;
  const skip = index.length - value.shape.length;
  value.shape.forEach((size, axis) => {
    at = at * size + (size === 1 ? 0 : index[axis + skip]!);
  });
  return value.data[at]!;
}

function applyEpilogue(
  epilogue: Epilogue,
  residual: Evaluated | null,
  y: Evaluated,
  axis: number,
): void {
  forEachIndex(y.shape, (index, at) => {
    const sum = y.data[at]! + (residual === null ? 0 : broadcastAt(residual, index));
    const slope = epilogue.slope?.[index[axis]!] ?? 0;
    y.data[at] =
      epilogue.activation.fn === 'prelu' && sum < 0 ? sum * slope : unary(epilogue.activation, sum);
  });
}

function chain({ops}: Op<'chain'>, inputs: Evaluated[], y: Evaluated): void {
  forEachIndex(y.shape, (index, at) => {
    const results = inputs.map(input => broadcastAt(input, index));
    for (const op of ops) results.push(applyStep(op, results));
    y.data[at] = results.at(-1)!;
  });
}

function multiplyConstant({weights, bias}: Op<'gemm'>, x: Evaluated, y: Evaluated): void {
  const depth = x.shape.at(-1)!;
  const columns = y.shape.at(-1)!;
  const matrix = gemmWeights(weights, columns);
  y.data.forEach((_, at) => {
    const row = Math.floor(at / columns);
    const column = at % columns;
    let sum = bias?.[column] ?? 0;
    for (let k = 0; k < depth; k++) sum += x.data[row * depth + k]! * matrix[k * columns + column]!;
    y.data[at] = sum;
  });
}

function multiply(a: Evaluated, b: Evaluated, y: Evaluated): void {
  const depth = a.shape.at(-1)!;
  forEachIndex(y.shape, (index, at) => {
    const batch = index.slice(0, -2);
    const [row, column] = index.slice(-2) as [number, number];
    let sum = 0;
    for (let k = 0; k < depth; k++) {
      sum += broadcastAt(a, [...batch, row, k]) * broadcastAt(b, [...batch, k, column]);
    }
    y.data[at] = sum;
  });
}

function normalize({epsilon, scale, bias}: Op<'instanceNorm'>, x: Evaluated, y: Evaluated): void {
  const pixels = count(x.shape.slice(2));
  for (let start = 0; start < x.data.length; start += pixels) {
    const map = x.data.subarray(start, start + pixels);
    const mean = map.reduce((sum, value) => sum + value, 0) / pixels;
    const variance = map.reduce((sum, value) => sum + (value - mean) ** 2, 0) / pixels;
    const channel = (start / pixels) % x.shape[1]!;
    map.forEach((value, at) => {
      const normal = (value - mean) / Math.sqrt(variance + epsilon);
      y.data[start + at] = normal * scale[channel]! + bias[channel]!;
    });
  }
}

function softmax({axis, log}: Op<'softmax'>, x: Evaluated, y: Evaluated): void {
  forEachIndex(x.shape, (index, at) => {
    const along = Array.from({length: x.shape[axis]!}, (_, i) =>
      broadcastAt(x, index.with(axis, i)),
    );
    const max = Math.max(...along);
    const sum = along.reduce((total, value) => total + Math.exp(value - max), 0);
    const shifted = x.data[at]! - max;
    y.data[at] = log ? shifted - Math.log(sum) : Math.exp(shifted) / sum;
  });
}

function pool(operation: Op<'pool'>, x: Evaluated, y: Evaluated): void {
  const {fn, kernel, strides, dilations, padBegin, padEnd, countIncludePad} = operation;
  forEachIndex(y.shape, (index, at) => {
    let [sum, max, inside, counted] = [0, Number.NEGATIVE_INFINITY, 0, 0];
    forEachIndex(kernel, offset => {
      const pixel = offset.map(
        (k, axis) => index[axis + 2]! * strides[axis]! + k * dilations[axis]! - padBegin[axis]!,
      );
      if (pixel.every((p, axis) => p < x.shape[axis + 2]! + padEnd[axis]!)) counted++;
      if (!pixel.every((p, axis) => p >= 0 && p < x.shape[axis + 2]!)) return;
      const value = broadcastAt(x, [index[0]!, index[1]!, ...pixel]);
      sum += value;
      max = Math.max(max, value);
      inside++;
    });
    y.data[at] = fn === 'max' ? max : sum / (countIncludePad ? counted : inside);
  });
}

function sampleGrid(operation: Op<'gridSample'>, [x, grid]: Evaluated[], y: Evaluated): void {
  const [batch, channels, ...input] = x!.shape as [number, number, ...number[]];
  const sample = {...operation, batch, channels, input, output: y.shape.slice(2)};
  y.data.set(gridSampleReference(sample, x!.data, grid!.data));
}
