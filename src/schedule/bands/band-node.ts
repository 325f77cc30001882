// A node for one band: the same operation on some rows of its inputs.

import type {ConvGeometry, Graph, Node, Operation, ResizeAxis} from '../../graph/graph.js';
import {shapeOf} from '../layout.js';
import {type InputRows, paddedRows, ROW_AXIS, type Rows} from './rows.js';

/** An input as a band reads it. */
export interface BandInput {
  readonly name: string;
  /** Rows of the whole input that `name` holds; null when it is the whole. */
  readonly rows: Rows | null;
}

/** The node that computes `rows` of `node` from parts of its inputs, and nodes that it needs before. */
export function bandNode(
  graph: Graph,
  node: Node,
  band: {rows: Rows; inputs: readonly BandInput[]; output: string},
): Node[] {
  const {rows, inputs, output} = band;
  const names = inputs.map(({name}) => name);
  const first = inputs[0]!.rows ?? {start: 0, end: shapeOf(graph, node.inputs[0]!)[ROW_AXIS] ?? 1};
  const own = {name: node.name, inputs: names, output};
  if (node.operation.op === 'pad') {
    const height = shapeOf(graph, node.inputs[0]!)[ROW_AXIS]!;
    return bandPad(node.operation, own, {rows, first, height});
  }
  return [
    {...own, operation: bandOperation(node.operation, {rows, first, residual: names.at(-1)!})},
  ];
}

/** The operation with pads, indices and names for `rows`, where its first input begins at row `first`. */
function bandOperation(
  operation: Operation,
  {rows, first, residual}: {rows: Rows; first: Rows; residual: string},
): Operation {
  switch (operation.op) {
    case 'conv': {
      const {epilogue, geometry} = operation;
      const added = epilogue.residual === undefined ? epilogue : {...epilogue, residual};
      return {...operation, geometry: bandGeometry(geometry, rows, first), epilogue: added};
    }
    case 'instanceNorm': {
      const {epilogue} = operation;
      return epilogue.residual === undefined
        ? operation
        : {...operation, epilogue: {...epilogue, residual}};
    }
    case 'moments':
      return {...operation, row: rows.start};
    case 'pool': {
      const [kernel, stride, dilation, pad] = [
        operation.kernel[0]!,
        operation.strides[0]!,
        operation.dilations[0]!,
        operation.padBegin[0]!,
      ];
      const begin = pad - rows.start * stride + first.start;
      const reach = (rows.end - rows.start - 1) * stride + (kernel - 1) * dilation + 1;
      const end = reach - begin - (first.end - first.start);
      return {
        ...operation,
        padBegin: [begin, ...operation.padBegin.slice(1)],
        padEnd: [end, ...operation.padEnd.slice(1)],
      };
    }
    case 'resize':
      return {
        ...operation,
        axes: operation.axes.with(ROW_AXIS, bandAxis(operation.axes[ROW_AXIS]!, rows, first)),
      };
    case 'slice': {
      const {starts, steps} = operation;
      const start = starts[ROW_AXIS]! + rows.start * steps[ROW_AXIS]! - first.start;
      return {...operation, starts: starts.with(ROW_AXIS, start)};
    }
    default:
      return operation;
  }
}

/** Pads move with the rows, so that every output keeps its taps (and a phase its residue). */
function bandGeometry(geometry: ConvGeometry, rows: Rows, first: Rows): ConvGeometry {
  const [stride, pad] = [geometry.strides[0]!, geometry.padBegin[0]!];
  const begin = geometry.transposed
    ? pad + rows.start - first.start * stride
    : pad - rows.start * stride + first.start;
  return {...geometry, padBegin: [begin, ...geometry.padBegin.slice(1)]};
}

function bandAxis({taps, indices, weights}: ResizeAxis, rows: Rows, first: Rows): ResizeAxis {
  const [from, to] = [rows.start * taps, rows.end * taps];
  return {
    taps,
    indices: indices.slice(from, to).map(index => index - first.start),
    weights: weights.slice(from, to),
  };
}

/** Rows of a constant border are padding; mirrored and repeated ones are gathered, before columns are padded. */
function bandPad(
  operation: Extract<Operation, {op: 'pad'}>,
  own: Omit<Node, 'operation'>,
  {rows, first, height}: {rows: Rows; first: Rows; height: number},
): Node[] {
  const {mode, begin, end} = operation;
  if (mode === 'constant') {
    // A band in the border altogether cuts the input's row away.
    const [least, most] = [first.start - first.end, rows.end - rows.start];
    const within = (pad: number) => Math.min(Math.max(pad, least), most);
    const shift = begin[ROW_AXIS]!;
    const before = within(first.start - (rows.start - shift));
    const after = within(rows.end - shift - first.end);
    const pads = {begin: begin.with(ROW_AXIS, before), end: end.with(ROW_AXIS, after)};
    return [{...own, operation: {...operation, ...pads}}];
  }
  const indices = paddedRows(operation, rows, height).map(row => row - first.start);
  const gather: Operation = {op: 'gather', axis: ROW_AXIS, indices};
  const pads = {begin: begin.with(ROW_AXIS, 0), end: end.with(ROW_AXIS, 0)};
  if ([...pads.begin, ...pads.end].every(pad => pad === 0)) return [{...own, operation: gather}];
  const gathered = `${own.output}/gathered`;
  return [
    {...own, operation: gather, output: gathered},
    {...own, inputs: [gathered], operation: {...operation, ...pads}},
  ];
}

/** The rows of each input that `rows` of a node need; null for those that are read whole. */
export function neededRows(needs: readonly InputRows[], rows: Rows): (Rows | null)[] {
  return needs.map(need => (need === 'all' ? null : need(rows)));
}
