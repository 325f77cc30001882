// Moves transposes towards the outputs, so that those around single operations meet and cancel.
//
// Models converted from channels-last frameworks wrap every convolution in two transposes, with biases, activations
// and additions between the wraps. An operation on transposed values is the transposed operation on the values.

import {retype} from '../onnx/floats.js';
import type {Tensor} from '../onnx/model.js';
import {foldOperation} from './fold.js';
import {composeRearranging, removeDead} from './fuse-noops.js';
import type {Graph, Node, Operation, Value} from './graph.js';
import {freshName, shapeOf} from './rewrite.js';
import {elementCount} from './shapes.js';

type Order = readonly number[];

/** A value that is `source` transposed: its axis i is axis perm[i] of the source. */
interface Transposed {
  readonly source: string;
  readonly perm: Order;
}

/** The graph so far, and what is known about its values. */
interface Sinking {
  readonly graph: Graph;
  readonly nodes: Node[];
  readonly values: Map<string, Value>;
  readonly constants: Map<string, Tensor>;
  readonly transposed: Map<string, Transposed>;
}

/** Exchanges operations with the transposes before them where that leaves no more transposes than there were. */
export function sinkTransposes(graph: Graph): Graph {
  const sinking: Sinking = {
    graph,
    nodes: [],
    values: new Map(graph.values),
    constants: new Map(graph.constants),
    transposed: new Map(),
  };
  for (const node of graph.nodes) sinking.nodes.push(...exchange(sinking, node));
  const {nodes, values, constants} = sinking;
  if (nodes.length === graph.nodes.length) return graph;
  const sunk = removeDead(composeRearranging({...graph, nodes, values, constants}));
  return countTransposes(sunk) <= countTransposes(graph) ? sunk : graph;
}

function countTransposes({nodes}: Graph): number {
  return nodes.filter(({operation}) => operation.op === 'transpose').length;
}

/** The node, or the operation on the sources and the transpose of its result. */
function exchange(sinking: Sinking, node: Node): Node[] {
  const {values, transposed} = sinking;
  const {operation, inputs, output} = node;
  if (operation.op === 'transpose') {
    const inner = transposed.get(inputs[0]!);
    const perm = inner ? operation.perm.map(axis => inner.perm[axis]!) : operation.perm;
    transposed.set(output, {source: inner?.source ?? inputs[0]!, perm});
    return [node];
  }
  const perm = inputs.map(name => transposed.get(name)?.perm).find(each => each !== undefined);
  if (perm === undefined) return [node];
  const rank = shapeOf(sinking.graph, inputs[0]!).length;
  const moved = permuted(operation, perm, shapeOf(sinking.graph, output).length === rank);
  const sources = moved === null ? null : sourcesOf(sinking, node, perm);
  if (moved === null || sources === null) return [node];

  const {dtype, shape} = values.get(output)!;
  const inverse = moved.perm.map((_, axis) => moved.perm.indexOf(axis));
  const source = freshName({...sinking.graph, values}, output, 'sunk');
  values.set(source, {name: source, dtype, shape: inverse.map(axis => shape[axis]!)});
  transposed.set(output, {source, perm: moved.perm});
  return [
    {...node, operation: moved.operation, inputs: sources, output: source},
    {name: node.name, operation: {op: 'transpose', perm: moved.perm}, inputs: [source], output},
  ];
}

/** The operands before the transpose; null when another one is in the way. */
function sourcesOf(sinking: Sinking, node: Node, perm: Order): string[] | null {
  const {graph, transposed} = sinking;
  const isChain = node.operation.op === 'chain';
  if (isChain && shapeOf(graph, node.output).length !== perm.length) return null;
  const sources: string[] = [];
  for (const name of node.inputs) {
    const known = transposed.get(name);
    if (known !== undefined && isSame(known.perm, perm)) {
      sources.push(known.source);
      continue;
    }
    const constant = isChain ? graph.constants.get(name) : undefined;
    if (constant === undefined) return null;
    sources.push(transposeConstant(sinking, {name, constant}, perm));
  }
  return sources;
}

/** A constant that gives `constant` when it is transposed by `perm`; one element is the same either way. */
function transposeConstant(
  {graph, values, constants}: Sinking,
  {name, constant}: {readonly name: string; readonly constant: Tensor},
  perm: Order,
): string {
  if (elementCount(constant.dims) === 1) return name;
  const dims = [...perm.slice(constant.dims.length).map(() => 1), ...constant.dims];
  const inverse = perm.map((_, axis) => perm.indexOf(axis));
  const shape = inverse.map(axis => dims[axis]!);
  const moved = foldOperation(
    {op: 'transpose', perm: inverse},
    [retype(constant, {dims})],
    shape,
    constant.dtype,
  )!;
  const source = freshName({...graph, values}, name, 'sunk');
  values.set(source, {name: source, dtype: constant.dtype, shape});
  constants.set(source, moved);
  return source;
}

interface Permuted {
  readonly operation: Operation;
  /** The transpose of the result. */
  readonly perm: Order;
}

/** `operation` on values before they are transposed by `perm`; null when it minds the order of axes. */
function permuted(operation: Operation, perm: Order, keepsRank: boolean): Permuted | null {
  const axisOf = (axis: number) => perm[axis]!;
  const place = <T>(list: readonly T[]) => perm.map((_, axis) => list[perm.indexOf(axis)]!);
  const sorted = (axes: Order) => axes.map(axisOf).sort((a, b) => a - b);
  switch (operation.op) {
    case 'chain':
      return {operation, perm};
    case 'concat':
    case 'softmax':
    case 'cumulative':
    case 'gather':
      return {operation: {...operation, axis: axisOf(operation.axis)}, perm};
    case 'standardize':
      return {operation: {...operation, axes: sorted(operation.axes)}, perm};
    case 'reduce':
      return {
        operation: {...operation, axes: sorted(operation.axes)},
        perm: keepsRank ? perm : withoutAxes(perm, operation.axes),
      };
    case 'argReduce':
      return {
        operation: {...operation, axis: axisOf(operation.axis)},
        perm: keepsRank ? perm : withoutAxes(perm, [operation.axis]),
      };
    case 'pad':
      return {
        operation: {...operation, begin: place(operation.begin), end: place(operation.end)},
        perm,
      };
    case 'slice':
      return {
        operation: {...operation, starts: place(operation.starts), steps: place(operation.steps)},
        perm,
      };
    case 'resize':
      return {operation: {...operation, axes: place(operation.axes)}, perm};
    default:
      return null;
  }
}

/** The order of what is left when `axes` of the transposed value go away. */
function withoutAxes(perm: Order, axes: Order): Order {
  const kept = perm.filter((_, axis) => !axes.includes(axis));
  const order = [...kept].sort((a, b) => a - b);
  return kept.map(axis => order.indexOf(axis));
}

function isSame(left: Order, right: Order): boolean {
  return left.length === right.length && left.every((axis, index) => axis === right[index]);
}
