// A graph with some of its segments computed band by band: slices, the same operations on rows, and the wholes put together.

import type {Graph, Node, Value} from '../../graph/graph.js';
import {shapeOf} from '../layout.js';
import type {Place} from '../views.js';
import type {BandGraph} from './band-graph.js';
import {type BandInput, bandNode, neededRows} from './band-node.js';
import {freeOverlays, type Overlay, overlaysWithin} from './overlay.js';
import {ROW_AXIS, type Rows} from './rows.js';
import {type Segment, segmentBands, segmentTargets} from './segment.js';

/** A graph of bands and where its values come from. */
export interface BandedGraph {
  readonly graph: Graph;
  /** The value of the original graph whose rows a value is (part of). */
  readonly origins: ReadonlyMap<string, string>;
  /** Values that are written in the place of others, which die meanwhile. */
  readonly overlays: ReadonlyMap<string, Place>;
}

/** Replaces every segment by its bands; all other nodes stay. Segments are in order and apart. */
export function emitBands(bands: BandGraph, segments: readonly Segment[]): BandedGraph {
  const {graph} = bands;
  const out: Emission = {
    graph,
    nodes: [],
    values: new Map(graph.values),
    origins: new Map(),
    overlays: new Map(),
  };
  let next = 0;
  for (const segment of segments) {
    out.nodes.push(...graph.nodes.slice(next, segment.start));
    emitSegment(out, bands, {segment, overlays: overlaysWithin(bands, segment)});
    next = segment.end;
  }
  out.nodes.push(...graph.nodes.slice(next));
  const {nodes, values, origins, overlays} = out;
  return {graph: {...graph, nodes, values}, origins, overlays};
}

interface Emission {
  readonly graph: Graph;
  readonly nodes: Node[];
  readonly values: Map<string, Value>;
  readonly origins: Map<string, string>;
  readonly overlays: Map<string, Place>;
}

const JOINED = {op: 'concat', axis: ROW_AXIS} as const;

const BANDED = {op: 'concat', axis: ROW_AXIS, isBanded: true} as const;

/** Rows of a value that lie together under a name. */
interface Piece {
  readonly name: string;
  readonly rows: Rows;
}

/** A value's rows in a band: those computed, and all that its readers see. */
interface BandRows {
  readonly rows: Rows;
  readonly window: Rows;
}

function emitSegment(
  out: Emission,
  graph: BandGraph,
  {segment, overlays}: {segment: Segment; overlays: readonly Overlay[]},
): void {
  const bands = segmentBands(graph, segment);
  for (const {target, over, starts} of freeOverlays(graph, segment.start, overlays, bands)) {
    const [own, source] = [graph.nodes[target]!.node, graph.nodes[over]!.node];
    out.overlays.set(own.output, {over: source.output, starts});
  }
  const windows = new Map<string, Piece>();
  const parts = new Map<string, Piece[]>(
    segmentTargets(graph, segment).map(index => [graph.nodes[index]!.node.output, []]),
  );
  for (const {before, ends, windows: starts} of bands) {
    const band = ends.map((end, offset): BandRows => {
      return {rows: {start: before[offset]!, end}, window: {start: starts[offset]!, end}};
    });
    const kept = band.map((each, offset) => {
      const {node} = graph.nodes[segment.start + offset]!;
      return keptRows(out, node, each, windows.get(node.output));
    });
    band.forEach((each, offset) => {
      const {node, needs} = graph.nodes[segment.start + offset]!;
      if (each.rows.start === each.rows.end) return;
      const piece = {name: rowsName(out, node.output, each.rows), rows: each.rows};
      const inputs = neededRows(needs!, each.rows).map((rows, input) => {
        const name = node.inputs[input]!;
        if (rows === null) return {name, rows};
        const window = windows.get(name) ?? {name, rows: wholeRows(out, name)};
        return {name: sliceRows(out, window, rows), rows};
      });
      if (node.operation.op === 'moments') {
        const before = windows.get(node.output);
        emitMoments(out, node, {rows: each.rows, x: inputs[0]!, before});
        windows.set(node.output, piece);
        return;
      }
      const made = bandNode(out.graph, node, {rows: each.rows, inputs, output: piece.name});
      for (const one of made) define(out, one, node.output, each.rows);
      parts.get(node.output)?.push(piece);
      windows.set(node.output, windowOf(out, node, {piece, each, kept: kept[offset]!}));
    });
  }
  for (const index of segmentTargets(graph, segment)) {
    const {node} = graph.nodes[index]!;
    const {name, output} = node;
    const inputs = parts.get(output)!.map(piece => piece.name);
    // Moments bear their name.
    if (looksAtWhole(graph, segment, index)) out.nodes.push(node);
    else if (node.operation.op !== 'moments')
      out.nodes.push({name, operation: BANDED, inputs, output});
  }
}

/** Moments go on from those of the band before; the last ones bear the node's name. */
function emitMoments(
  out: Emission,
  node: Node,
  {rows, x, before}: {rows: Rows; x: BandInput; before: Piece | undefined},
): void {
  const isLast = rows.end === wholeRows(out, node.inputs[0]!).end;
  const output = isLast ? node.output : rowsName(out, node.output, rows);
  const inputs = before === undefined ? [x.name] : [x.name, before.name];
  const own = {rows, inputs: [x], output};
  for (const made of bandNode(out.graph, node, own)) out.nodes.push({...made, inputs});
  out.values.set(output, {...out.graph.values.get(node.output)!, name: output});
  out.origins.set(output, node.output);
}

/** Whether a value is another look at one that is whole, before the segment or by its end. */
function looksAtWhole({nodes}: BandGraph, {start, end}: Segment, index: number): boolean {
  const {isView, producers} = nodes[index]!;
  const source = producers[0]!;
  return isView && (source < start || nodes[source]!.lastUse >= end);
}

/**
 * Rows kept from the window before, null for none.
 *
 * They move before anything is computed in their band: then the new window may lie where the one before was.
 */
function keptRows(
  out: Emission,
  node: Node,
  {rows, window}: BandRows,
  before: Piece | undefined,
): string | null {
  if (node.operation.op === 'moments' || before === undefined) return null;
  if (rows.start === rows.end || window.start >= rows.start) return null;
  const kept = {start: window.start, end: rows.start};
  const name = `${rowsName(out, node.output, kept)}/kept`;
  const inputs = [sliceRows(out, before, kept)];
  define(out, {name: node.name, operation: JOINED, inputs, output: name}, node.output, kept);
  return name;
}

/** What readers of a band see: rows kept from the window before it, and the new ones. */
function windowOf(
  out: Emission,
  node: Node,
  {piece, each, kept}: {piece: Piece; each: BandRows; kept: string | null},
): Piece {
  if (kept === null) return piece;
  const {window} = each;
  const name = rowsName(out, node.output, window);
  const own = {name: node.name, operation: JOINED, inputs: [kept, piece.name], output: name};
  define(out, own, node.output, window);
  return {name, rows: window};
}

/** A value that holds exactly `rows` of a piece. */
function sliceRows(out: Emission, piece: Piece, rows: Rows): string {
  if (rows.start === piece.rows.start && rows.end === piece.rows.end) return piece.name;
  const shape = out.values.get(piece.name)?.shape ?? shapeOf(out.graph, piece.name);
  const axis = shape.length + ROW_AXIS - 4;
  // Not the name of a band of the same rows: that may be gone when the whole is read.
  const name = rowsName(out, `${piece.name}/of`, rows);
  if (out.values.has(name)) return name;
  const operation = {
    op: 'slice',
    starts: shape.map((_, dim) => (dim === axis ? rows.start - piece.rows.start : 0)),
    steps: shape.map(() => 1),
  } as const;
  const origin = out.origins.get(piece.name) ?? piece.name;
  out.values.set(name, likeValue(out, piece.name, name, shape.with(axis, rows.end - rows.start)));
  out.origins.set(name, origin);
  out.nodes.push({name: origin, operation, inputs: [piece.name], output: name});
  return name;
}

function define(out: Emission, node: Node, origin: string, rows: Rows): void {
  const whole = shapeOf(out.graph, origin);
  // What is gathered before its columns are padded is as wide as the input.
  const width = node.operation.op === 'gather' ? valueShape(out, node.inputs[0]!)[3]! : whole[3]!;
  const shape = whole.with(ROW_AXIS, rows.end - rows.start).with(3, width);
  out.values.set(node.output, likeValue(out, origin, node.output, shape));
  out.origins.set(node.output, origin);
  out.nodes.push(node);
}

function valueShape(out: Emission, name: string): readonly number[] {
  return out.values.get(name)?.shape ?? shapeOf(out.graph, name);
}

function likeValue(out: Emission, like: string, name: string, shape: readonly number[]): Value {
  const dtype = out.values.get(like)?.dtype ?? out.graph.constants.get(like)!.dtype;
  return {name, dtype, shape};
}

function wholeRows(out: Emission, name: string): Rows {
  return {start: 0, end: shapeOf(out.graph, name).at(ROW_AXIS - 4)!};
}

/** A name that no value has: `origin` and the rows. */
function rowsName(out: Emission, origin: string, {start, end}: Rows): string {
  let name = `${origin}/rows${start}-${end}`;
  while (out.graph.values.has(name) || out.graph.constants.has(name)) name += "'";
  return name;
}
