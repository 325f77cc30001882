// Convolutions over three axes that do nothing along some of them become convolutions over two.
//
// A kernel [1, kh, kw] treats every plane alike: planes are images of a batch. A kernel [kd, 1, 1] treats every pixel of
// a plane alike: a plane is a row. Both occur in networks that separate space from time. The reshapes and
// transposes are views of maps that lie channels last.

import type {OperationOf} from './fuse-match.js';
import type {ConvGeometry, Graph, Node, Value} from './graph.js';
import {freshName, mapNodes, type Replacement, shapeOf} from './rewrite.js';

/** Replaces every convolution over three axes that has a form over two. */
export function flattenVolumes(graph: Graph): Graph {
  return mapNodes(graph, flatten);
}

/** How the axes [N, C, D, H, W] of a value become four. */
interface Flattening {
  /** The axes of the kernel that are left. */
  readonly axes: readonly [number, number];
  /** Axes [N, C, D, H, W] in the order in which neighbours are merged. */
  readonly order: readonly number[];
  readonly merge: (sizes: readonly number[]) => number[];
}

const IN_ORDER = [0, 1, 2, 3, 4];
const PLANES_TO_ROWS: Flattening = {
  axes: [0, 1],
  order: IN_ORDER,
  merge: ([n, c, d, h, w]) => [n!, c!, d!, h! * w!],
};
const ROWS_TO_ROWS: Flattening = {
  axes: [1, 2],
  order: IN_ORDER,
  merge: ([n, c, d, h, w]) => [n!, c!, d! * h!, w!],
};
const PLANES_TO_BATCH: Flattening = {
  axes: [1, 2],
  order: [0, 2, 1, 3, 4],
  merge: ([n, d, c, h, w]) => [n! * d!, c!, h!, w!],
};

function flatteningOf(
  geometry: ConvGeometry,
  input: readonly number[],
  output: readonly number[],
): Flattening | null {
  if (geometry.kernel.length !== 3) return null;
  const {kernel, strides, padBegin} = geometry;
  const isIdle = (axis: number) =>
    kernel[axis] === 1 &&
    strides[axis] === 1 &&
    padBegin[axis] === 0 &&
    input[axis + 2] === output[axis + 2];
  if (isIdle(1) && isIdle(2)) return PLANES_TO_ROWS;
  if (isIdle(0) && isIdle(1)) return ROWS_TO_ROWS;
  return isIdle(0) ? PLANES_TO_BATCH : null;
}

function flatten(graph: Graph, node: Node): Replacement | null {
  const {operation} = node;
  if (operation.op !== 'conv') return null;
  const [input, output] = [shapeOf(graph, node.inputs[0]!), shapeOf(graph, node.output)];
  const flattening = flatteningOf(operation.geometry, input, output);
  const {residual} = operation.epilogue;
  // Constants that repeat along some axes cannot always be merged; they are rare after a convolution.
  const isPlain =
    residual === undefined || graph.values.get(residual)?.shape.join() === output.join();
  if (flattening === null || !isPlain) return null;

  const x = entrance(graph, node, {flattening, value: node.inputs[0]!, label: 'x'});
  const added =
    residual === undefined
      ? null
      : entrance(graph, node, {flattening, value: residual, label: 'r'});
  const result = exit(graph, node, flattening);
  const conv: Node = {
    ...node,
    operation: withAxes(operation, flattening.axes, added?.output),
    inputs: [x.output, ...(added === null ? [] : [added.output])],
    output: result.input,
  };
  return {
    nodes: [...x.nodes, ...(added?.nodes ?? []), conv, ...result.nodes],
    values: [...x.values, ...(added?.values ?? []), ...result.values],
  };
}

function withAxes(
  operation: OperationOf<'conv'>,
  axes: readonly number[],
  residual: string | undefined,
): OperationOf<'conv'> {
  const {geometry, epilogue} = operation;
  const keep = (values: readonly number[]) => axes.map(axis => values[axis]!);
  return {
    ...operation,
    geometry: {
      ...geometry,
      kernel: keep(geometry.kernel),
      strides: keep(geometry.strides),
      dilations: keep(geometry.dilations),
      padBegin: keep(geometry.padBegin),
    },
    epilogue: residual === undefined ? epilogue : {...epilogue, residual},
  };
}

/** Transposes and reshapes a value [N, C, D, H, W] to four axes. */
function entrance(
  graph: Graph,
  node: Node,
  {flattening, value, label}: {flattening: Flattening; value: string; label: string},
): {nodes: Node[]; values: Value[]; output: string} {
  const {order, merge} = flattening;
  const shape = shapeOf(graph, value);
  const sizes = order.map(axis => shape[axis]!);
  const ordered = typed(graph, value, [node.output, `${label}/ordered`], sizes);
  const merged = typed(graph, value, [node.output, `${label}/merged`], merge(sizes));
  const {name} = node;
  return {
    nodes: [
      {name, operation: {op: 'transpose', perm: order}, inputs: [value], output: ordered.name},
      {name, operation: {op: 'reshape'}, inputs: [ordered.name], output: merged.name},
    ],
    values: [ordered, merged],
    output: merged.name,
  };
}

/** From four axes back to the node's output. */
function exit(
  graph: Graph,
  node: Node,
  {order, merge}: Flattening,
): {nodes: Node[]; values: Value[]; input: string} {
  const shape = shapeOf(graph, node.output);
  const sizes = order.map(axis => shape[axis]!);
  const merged = typed(graph, node.output, [node.output, 'y/merged'], merge(sizes));
  const ordered = typed(graph, node.output, [node.output, 'y/ordered'], sizes);
  const {name} = node;
  return {
    nodes: [
      {name, operation: {op: 'reshape'}, inputs: [merged.name], output: ordered.name},
      // Each of the orders undoes itself.
      {
        name,
        operation: {op: 'transpose', perm: order},
        inputs: [ordered.name],
        output: node.output,
      },
    ],
    values: [merged, ordered],
    input: merged.name,
  };
}

function typed(
  graph: Graph,
  like: string,
  [origin, part]: readonly [string, string],
  shape: readonly number[],
): Value {
  const dtype = graph.values.get(like)?.dtype ?? 'float32';
  return {name: freshName(graph, origin, part), dtype, shape};
}
