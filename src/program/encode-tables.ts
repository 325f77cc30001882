// The tables commands point into, built while steps are encoded: equal entries are stored once.

import {UntangleError} from '../errors.js';
import {BINARY, TERNARY, UNARY} from '../graph/functions.js';
import type {ChainOp} from '../graph/graph.js';
import {
  type Buffer,
  bufferBytes,
  type ConstantData,
  type LoadStep,
  type Region,
  type RegionTap,
  type View,
} from '../schedule/steps.js';
import {WEIGHT_BYTES, WEIGHT_TYPE} from '../untangle/stored-weights.js';
import {NONE, OP_KINDS, RECORDS, REGION_FLAGS, SLOT} from './commands.js';
import {alignBytes, PAGE_BYTES} from './file-layout.js';
import {floatBits, recordWords, toWord} from './words.js';

/** Growing tables of a program, in words. Encoding appends to them. */
export interface Tables {
  readonly buffers: ReadonlyMap<number, Buffer>;
  readonly offsets: ReadonlyMap<number, number>;
  readonly view: number[];
  readonly region: number[];
  readonly tap: number[];
  readonly op: number[];
  readonly indices: number[];
  /** Where every constant in use lies, in order of first use. */
  readonly constants: Map<ConstantData, PlacedConstant>;
  /** Bytes of the constants section so far: each constant starts at a cache line, the end included. */
  constantBytes: number;
  /** The same for constants that are streamed, each starting at a page. */
  readonly streamed: Map<ConstantData, PlacedConstant>;
  streamedBytes: number;
  /** Index of the entries already stored, by their contents. */
  readonly seen: Map<string, number>;
  /** The same of lists of taps, which bands of one map share. */
  readonly seenTaps: Map<readonly RegionTap[], number>;
  /** Where lists of regions start that bands of one map have in common; each command has its own. */
  readonly seenRegions: Map<readonly Region[], number>;
  /** Slots of inputs come after those of outputs. */
  readonly outputCount: number;
}

export interface PlacedConstant {
  readonly offsetBytes: number;
  readonly bytes: number;
}

export function createTables(
  buffers: readonly Buffer[],
  offsets: ReadonlyMap<number, number>,
  outputCount: number,
): Tables {
  const byId = new Map(buffers.map(buffer => [buffer.id, buffer]));
  return {
    buffers: byId,
    offsets,
    view: [],
    region: [],
    tap: [],
    op: [],
    indices: [],
    constants: new Map(),
    constantBytes: 0,
    streamed: new Map(),
    streamedBytes: 0,
    seen: new Map(),
    seenTaps: new Map(),
    seenRegions: new Map(),
    outputCount,
  };
}

/** Index of the record of `view`; NONE for null. */
export function addView(tables: Tables, view: View | null): number {
  if (view === null) return NONE;
  const owner = `view ${tables.view.length / RECORDS.view.fields.length}`;
  const {slot, offsetBytes} = placeOf(tables, view.buffer);
  const {type = 'fp32'} = tables.buffers.get(view.buffer)!;
  const {shape, strides} = view;
  const fields = {
    slot,
    offsetBytes: offsetBytes + view.offset * WEIGHT_BYTES[type],
    rank: shape.length,
    type: WEIGHT_TYPE[type],
    dim0: shape[0] ?? 1,
    dim1: shape[1] ?? 1,
    dim2: shape[2] ?? 1,
    dim3: shape[3] ?? 1,
    dim4: shape[4] ?? 1,
    dim5: shape[5] ?? 1,
    stride0: strides[0] ?? 0,
    stride1: strides[1] ?? 0,
    stride2: strides[2] ?? 0,
    stride3: strides[3] ?? 0,
    stride4: strides[4] ?? 0,
    stride5: strides[5] ?? 0,
  };
  const words = recordWords(RECORDS.view, fields, owner);
  return internRecords(tables, 'view', words);
}

/** Appends the regions of one step; returns the index of the first. */
export function addRegions(tables: Tables, regions: readonly Region[]): number {
  const width = RECORDS.region.fields.length;
  const first = tables.region.length / width;
  const known = tables.seenRegions.get(regions);
  if (known !== undefined) {
    const [start, end] = [known, known + regions.length].map(at => at * width) as [number, number];
    for (let at = start; at < end; at++) tables.region.push(tables.region[at]!);
    return first;
  }
  tables.seenRegions.set(regions, first);
  regions.forEach((region, index) => {
    const {taps, padded, cropped, perTap} = region;
    const flags =
      (padded ? REGION_FLAGS.padded : 0) |
      (cropped ? REGION_FLAGS.cropped : 0) |
      (perTap ? REGION_FLAGS.perTap : 0);
    const own = {tapFirst: addTaps(tables, taps), tapCount: taps.length, flags};
    tables.region.push(
      ...recordWords(RECORDS.region, {...region, ...own}, `region ${first + index}`),
    );
  });
  return first;
}

/** Appends the operations of a chain; returns the index of the first. */
export function addOps(tables: Tables, ops: readonly ChainOp[]): number {
  const words = ops.flatMap((op, index) => recordWords(RECORDS.op, opFields(op), `op ${index}`));
  return internRecords(tables, 'op', words);
}

/** Appends a list of indices; returns the position of the first. */
export function addIndices(tables: Tables, indices: Int32Array): number {
  return intern(tables.seen, `indices ${indices}`, () => {
    const first = tables.indices.length;
    for (const index of indices) tables.indices.push(toWord(index, true, 'indices', 'index'));
    return first;
  });
}

/** The fields of a command that reads a run of a streamed constant; its checksum is known when the constant is written. */
export function addLoad(tables: Tables, {x, y, type}: LoadStep): Record<string, number> {
  const {offsetBytes} = placeOf(tables, y.buffer);
  const start = placeConstant(tables, 'streamed', tables.buffers.get(x.buffer));
  const from = start + x.offset * WEIGHT_BYTES[type];
  return {
    offsetBytes: offsetBytes + y.offset * WEIGHT_BYTES[type],
    bytes: x.shape[0]! * WEIGHT_BYTES[type],
    firstWord: from / 4,
    checksum: 0,
  };
}

function opFields(op: ChainOp): Record<string, number> {
  if (op.fn.kind === 'binary')
    return {kind: OP_KINDS.binary, code: BINARY[op.fn.fn], a: op.a, b: op.b};
  if (op.fn.kind === 'ternary') {
    const {a, b, c = 0} = op;
    return {kind: OP_KINDS.ternary, code: TERNARY[op.fn.fn], a, b, c};
  }
  const {fn, alpha, beta} = op.fn.activation;
  return {
    kind: OP_KINDS.unary,
    code: UNARY[fn],
    a: op.a,
    alphaBits: floatBits(alpha),
    betaBits: floatBits(beta),
  };
}

function addTaps(tables: Tables, taps: readonly RegionTap[]): number {
  const known = tables.seenTaps.get(taps);
  if (known !== undefined) return known;
  const words = taps.flatMap((tap, index) => recordWords(RECORDS.tap, {...tap}, `tap ${index}`));
  const first = words.length === 0 ? 0 : internRecords(tables, 'tap', words);
  tables.seenTaps.set(taps, first);
  return first;
}

/** Slot of a buffer and where in it the buffer starts. */
function placeOf(tables: Tables, id: number): {slot: number; offsetBytes: number} {
  const buffer = tables.buffers.get(id);
  if (buffer === undefined) throw internal(`a view names buffer ${id}, which does not exist`);
  switch (buffer.storage.kind) {
    case 'arena': {
      const offsetBytes = tables.offsets.get(id);
      if (offsetBytes === undefined) throw internal(`buffer ${id} has no place in the arena`);
      return {slot: SLOT.arena, offsetBytes};
    }
    case 'constant':
      return {slot: SLOT.constants, offsetBytes: placeConstant(tables, 'constants', buffer)};
    case 'streamed':
      throw internal(`a view names buffer ${id}, which only a load may`);
    case 'output':
      return {slot: SLOT.firstOutput + buffer.storage.index, offsetBytes: 0};
    case 'input':
      return {slot: SLOT.firstOutput + tables.outputCount + buffer.storage.index, offsetBytes: 0};
  }
}

/** Where a constant starts in its section. */
function placeConstant(
  tables: Tables,
  section: 'constants' | 'streamed',
  buffer: Buffer | undefined,
): number {
  const {data, elements, id} = buffer ?? {};
  const length = data instanceof Float32Array ? data.length : elements;
  if (buffer === undefined || data === undefined || length !== elements)
    throw internal(`constant buffer ${id} has ${data ? length : 0} of ${elements} elements`);
  const known = tables[section].get(data);
  if (known !== undefined) return known.offsetBytes;
  const bytes = bufferBytes(buffer);
  if (section === 'streamed') {
    const start = alignBytes(tables.streamedBytes, PAGE_BYTES);
    tables.streamed.set(data, {offsetBytes: start, bytes});
    tables.streamedBytes = start + alignBytes(bytes);
    return start;
  }
  const start = tables.constantBytes;
  tables.constants.set(data, {offsetBytes: start, bytes});
  tables.constantBytes += alignBytes(bytes);
  return start;
}

function internRecords(
  tables: Tables,
  kind: 'view' | 'tap' | 'op',
  words: readonly number[],
): number {
  return intern(tables.seen, `${kind} ${words}`, () => {
    const first = tables[kind].length / RECORDS[kind].fields.length;
    for (const word of words) tables[kind].push(word);
    return first;
  });
}

function intern(seen: Map<string, number>, key: string, add: () => number): number {
  const known = seen.get(key);
  if (known !== undefined) return known;
  const index = add();
  seen.set(key, index);
  return index;
}

function internal(detail: string): UntangleError {
  return new UntangleError('ERR_INTERNAL', [detail]);
}
