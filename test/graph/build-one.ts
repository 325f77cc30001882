// One ONNX node as a graph: what the tests of the operator families start from.

import {UntangleError} from '../../src/errors.js';
import {buildGraph} from '../../src/graph/build.js';
import type {Graph, Operation} from '../../src/graph/graph.js';
import {decodeModel} from '../../src/onnx/decode.js';
import type {DataType, OnnxNode} from '../../src/onnx/model.js';
import {type AttributeSpec, model, type TensorSpec} from '../helpers/onnx-builder.js';
import {evaluateGraph} from './evaluate.js';

export interface OneNode {
  readonly op: string;
  /** Shape of the run-time input "x". */
  readonly x?: readonly number[];
  readonly xType?: DataType;
  /** Inputs after x; null leaves one out. */
  readonly constants?: readonly (TensorSpec | null)[];
  readonly attrs?: Readonly<Record<string, AttributeSpec>>;
  readonly opset?: number;
  /** Default 1. */
  readonly outputCount?: number;
}

/** The graph of one node named "node" with outputs y0, y1, ...; without `x` all inputs are constant. */
export function buildOne(spec: OneNode): Graph {
  const {op, x, xType = 'float32', constants = [], attrs = {}, opset = 13, outputCount = 1} = spec;
  const names = constants.map((constant, index) => (constant === null ? '' : `c${index}`));
  const outputs = Array.from({length: outputCount}, (_, index) => `y${index}`);
  const bytes = model({
    opset,
    inputs: x === undefined ? [] : [{name: 'x', dims: x, dtype: xType}],
    outputs: outputs.map(name => ({name})),
    nodes: [
      {op, name: 'node', inputs: [...(x === undefined ? [] : ['x']), ...names], outputs, attrs},
    ],
    initializers: Object.fromEntries(
      constants.flatMap((constant, index) => (constant === null ? [] : [[`c${index}`, constant]])),
    ),
  });
  return buildGraph(decodeModel(bytes), {shapes: {}});
}

/** Shape and elements of output y0 for x = 0, 1, 2, ... or `values`. */
export function runOne(
  spec: OneNode,
  values?: readonly number[],
): {readonly shape: readonly number[]; readonly data: number[]} {
  return runGraph(buildOne(spec), values);
}

export function runGraph(
  graph: Graph,
  values?: readonly number[],
): {readonly shape: readonly number[]; readonly data: number[]} {
  const inputs = graph.inputs.map(name => {
    const count = graph.values.get(name)!.shape.reduce((product, size) => product * size, 1);
    return [name, values ?? Array.from({length: count}, (_, index) => index)] as const;
  });
  const {shape, data} = evaluateGraph(graph, new Map(inputs)).get(graph.outputs[0]!.name)!;
  return {shape, data: Array.from(data)};
}

/** The operations of a graph, by name. */
export function operationNames(graph: Graph): Operation['op'][] {
  return graph.nodes.map(node => node.operation.op);
}

/** The error of building `spec`, or null. */
export function errorOf(spec: OneNode): UntangleError | null {
  return errorIn(() => buildOne(spec));
}

export function errorIn(build: () => unknown): UntangleError | null {
  try {
    build();
    return null;
  } catch (error) {
    if (error instanceof UntangleError) return error;
    throw error;
  }
}

export function ints(...data: readonly number[]): TensorSpec {
  return {dims: [data.length], data, dtype: 'int64'};
}

export function floats(dims: readonly number[], data: readonly number[]): TensorSpec {
  return {dims, data};
}

/** A decoded node, for models made without a file. */
export function onnxNode(
  node: Pick<OnnxNode, 'opType' | 'inputs' | 'outputs'> & Partial<OnnxNode>,
): OnnxNode {
  return {name: '', domain: '', attributes: new Map(), ...node};
}
