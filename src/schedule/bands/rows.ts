// Which rows of its inputs an operation needs for some rows of its output: what bands are cut by.
//
// A band is a run of rows, axis 2 of a map [N, C, H, W]. Rows of an input that lie outside it (padding) are left out.

import type {ConvGeometry, Graph, Node, Operation, ResizeAxis} from '../../graph/graph.js';
import {shapeOf} from '../layout.js';

/** Rows start..end-1 of a map. */
export interface Rows {
  readonly start: number;
  readonly end: number;
}

/**
 * What an operation needs of an input: some rows of it for each run of rows of the output, or 'all' of it whatever the
 * rows (weights, factors that are equal for all rows).
 */
export type InputRows = 'all' | ((rows: Rows) => Rows);

/** The axis of rows in a map [N, C, H, W]. */
export const ROW_AXIS = 2;

const MAP_RANK = 4;

/** What a node needs of each of its inputs, in their order; null when it cannot be computed band by band. */
export function inputRows(graph: Graph, node: Node): readonly InputRows[] | null {
  if (node.operation.op === 'moments') return [rows => rows];
  if (shapeOf(graph, node.output).length !== MAP_RANK) return null;
  const rule = ruleOf(graph, node);
  if (rule === null) return null;
  const hasMoments = node.operation.op === 'instanceNorm';
  return node.inputs.map((name, index) =>
    hasMoments && index === 1
      ? 'all'
      : index === 0 || node.operation.op === 'concat'
        ? rule(name)
        : alignedRows(graph, node, name),
  );
}

type Rule = (input: string) => InputRows;

/** The rule for the input that the operation is about (for all of a concat and a chain). */
function ruleOf(graph: Graph, node: Node): Rule | null {
  const {operation} = node;
  const shape = shapeOf(graph, node.inputs[0]!);
  const isMap = shape.length === MAP_RANK;
  const height = shape[ROW_AXIS]!;
  const through = (map: (rows: Rows) => Rows): Rule | null =>
    isMap ? () => rows => within(map(rows), height) : null;

  switch (operation.op) {
    case 'chain':
      return name => alignedRows(graph, node, name);
    case 'conv':
      return operation.geometry.kernel.length === 2
        ? through(rows => convRows(operation.geometry, rows))
        : null;
    case 'pool':
      return hasWholeWindows(operation, height, shapeOf(graph, node.output)[ROW_AXIS]!)
        ? through(rows => slidRows(operation, rows))
        : null;
    case 'resize':
      return through(rows => resizedRows(operation.axes[ROW_AXIS]!, rows));
    case 'concat':
      return operation.axis === ROW_AXIS ? null : through(rows => rows);
    case 'instanceNorm':
      return operation.rows === undefined ? null : through(rows => rows);
    case 'softmax':
      return operation.axis === ROW_AXIS ? null : through(rows => rows);
    case 'pad':
      if (operation.mode !== 'constant' && isCut(operation)) return null;
      return through(rows => boundsOf(paddedRows(operation, rows, height)));
    case 'slice': {
      const [start, step] = [operation.starts[ROW_AXIS]!, operation.steps[ROW_AXIS]!];
      return step > 0
        ? through(rows => ({
            start: start + rows.start * step,
            end: start + (rows.end - 1) * step + 1,
          }))
        : null;
    }
    default:
      return null;
  }
}

/** An operand that broadcasts to the output: the same rows, or all of it where it has but one. */
function alignedRows(graph: Graph, node: Node, input: string): InputRows {
  const shape = shapeOf(graph, input);
  const height = shapeOf(graph, node.output)[ROW_AXIS]!;
  return shape.at(ROW_AXIS - MAP_RANK) === height && shape.length >= 2 ? rows => rows : 'all';
}

/** Rows under the windows of a convolution; of a transposed one the rows whose taps reach the output rows. */
function convRows(geometry: ConvGeometry, rows: Rows): Rows {
  if (!geometry.transposed) return slidRows(geometry, rows);
  const [stride, pad] = [geometry.strides[0]!, geometry.padBegin[0]!];
  const reach = (geometry.kernel[0]! - 1) * geometry.dilations[0]!;
  return {
    start: Math.ceil((rows.start + pad - reach) / stride),
    end: Math.floor((rows.end - 1 + pad) / stride) + 1,
  };
}

/** Every window holds some row of the input, as those of a pool by bands must. */
function hasWholeWindows(
  pool: Extract<Operation, {op: 'pool'}>,
  inputHeight: number,
  outputHeight: number,
): boolean {
  if (pool.kernel.length !== 2) return false;
  const first = slidRows(pool, {start: 0, end: 1});
  const last = slidRows(pool, {start: outputHeight - 1, end: outputHeight});
  return first.end > 0 && last.start < inputHeight;
}

function isCut({begin, end}: Extract<Operation, {op: 'pad'}>): boolean {
  return begin[ROW_AXIS]! < 0 || end[ROW_AXIS]! < 0;
}

type Windows = Pick<ConvGeometry, 'kernel' | 'strides' | 'dilations' | 'padBegin'>;

/** Rows under windows that slide by a stride. */
function slidRows(windows: Windows, rows: Rows): Rows {
  const [kernel, stride, dilation, pad] = [
    windows.kernel[0]!,
    windows.strides[0]!,
    windows.dilations[0]!,
    windows.padBegin[0]!,
  ];
  return {
    start: rows.start * stride - pad,
    end: (rows.end - 1) * stride - pad + (kernel - 1) * dilation + 1,
  };
}

function resizedRows({taps, indices}: ResizeAxis, rows: Rows): Rows {
  return taps === 0 ? rows : boundsOf(indices.subarray(rows.start * taps, rows.end * taps));
}

function boundsOf(indices: ArrayLike<number>): Rows {
  let [start, end] = [Number.POSITIVE_INFINITY, 0];
  for (let i = 0; i < indices.length; i++) {
    start = Math.min(start, indices[i]!);
    end = Math.max(end, indices[i]! + 1);
  }
  return {start, end};
}

/** The input row that each row of a padded map repeats; for constant padding the nearest one. */
export function paddedRows(
  {mode, begin}: Extract<Operation, {op: 'pad'}>,
  rows: Rows,
  height: number,
): number[] {
  return Array.from({length: rows.end - rows.start}, (_, index) =>
    mirrored(mode, rows.start + index - begin[ROW_AXIS]!, height),
  );
}

function mirrored(mode: 'constant' | 'reflect' | 'edge' | 'wrap', row: number, height: number) {
  if (mode === 'wrap') return ((row % height) + height) % height;
  if (mode !== 'reflect' || height === 1) return Math.min(Math.max(row, 0), height - 1);
  const period = 2 * (height - 1);
  const at = ((row % period) + period) % period;
  return Math.min(at, period - at);
}

/** The rows that exist; at least one, so that what lies in padding altogether still has an input. */
function within({start, end}: Rows, height: number): Rows {
  const first = Math.min(Math.max(start, 0), height - 1);
  return {start: first, end: Math.max(Math.min(end, height), first + 1)};
}
