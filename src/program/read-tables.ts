// The sections of a program file as tables, every record well-formed on its own.

import {
  BINARY,
  type BinaryFunction,
  TERNARY,
  type TernaryFunction,
  UNARY,
  type UnaryFunction,
} from '../graph/functions.js';
import type {ChainOp} from '../graph/graph.js';
import type {Region, RegionTap} from '../schedule/steps.js';
import {WEIGHT_TYPE, WEIGHT_TYPES} from '../untangle/stored-weights.js';
import {
  BINDING,
  COMMAND_WORDS,
  COMMANDS,
  type Command,
  type CommandName,
  OP_KINDS,
  RECORDS,
  REGION_FLAGS,
} from './commands.js';
import type {Section} from './file-layout.js';
import {check, formatError} from './format-error.js';
import type {ViewRecord} from './program.js';
import {type RangeReader, readRange} from './ranges.js';
import {bitsToFloat, type RecordTable, readRecord} from './words.js';

export interface Binding {
  readonly offsetBytes: number;
  readonly elements: number;
}

const UNARY_NAMES = new Map<number, UnaryFunction>(
  Object.entries(UNARY).map(([name, code]) => [code, name as UnaryFunction]),
);
const BINARY_NAMES = new Map<number, BinaryFunction>(
  Object.entries(BINARY).map(([name, code]) => [code, name as BinaryFunction]),
);
const TERNARY_NAMES = new Map<number, TernaryFunction>(
  Object.entries(TERNARY).map(([name, code]) => [code, name as TernaryFunction]),
);
const COMMAND_NAMES = new Map<number, CommandName>(
  Object.entries(COMMANDS).map(([name, {opcode}]) => [opcode, name as CommandName]),
);

/** The words of a section; a copy only when the file does not start at a multiple of 4. */
export function sectionWords(bytes: Uint8Array, {start, bytes: length}: Section): Uint32Array {
  const section = bytes.subarray(start, start + length);
  return section.byteOffset % 4 === 0
    ? new Uint32Array(section.buffer, section.byteOffset, length / 4)
    : new Uint32Array(section.slice().buffer);
}

/** Bindings of inputs, then outputs. */
export function readBindings(words: Uint32Array): Binding[] {
  return mapRecords(words, BINDING.fields.length, at => {
    const {offsetBytes, elements} = readRecord(BINDING, words, at);
    return {offsetBytes, elements};
  });
}

export function readViews(words: Uint32Array): ViewRecord[] {
  return mapRecords(words, RECORDS.view.fields.length, (at, index) => {
    const record = readRecord(RECORDS.view, words, at);
    const {slot, offsetBytes, rank, type: code} = record;
    check(rank >= 1 && rank <= 6, () => `view ${index} has rank ${rank}; expected 1 to 6`);
    const {dim0, dim1, dim2, dim3, dim4, dim5} = record;
    const {stride0, stride1, stride2, stride3, stride4, stride5} = record;
    const dims = [dim0, dim1, dim2, dim3, dim4, dim5];
    const strides = [stride0, stride1, stride2, stride3, stride4, stride5];
    const type = WEIGHT_TYPES.find(name => WEIGHT_TYPE[name] === code);
    if (type === undefined) throw formatError(`view ${index} has the unknown type ${code}`);
    const isClean = dims.every((dim, axis) => axis < rank || (dim === 1 && strides[axis] === 0));
    check(isClean, () => `view ${index} has values in unused fields`);
    return {slot, offsetBytes, type, shape: dims.slice(0, rank), strides: strides.slice(0, rank)};
  });
}

export function readCommandNames(words: Uint32Array): CommandName[] {
  return mapRecords(words, COMMAND_WORDS, (at, index) => commandName(words[at]!, index));
}

function commandName(opcode: number, index: number): CommandName {
  const op = COMMAND_NAMES.get(opcode);
  if (op === undefined) throw formatError(`command ${index} has the unknown opcode ${opcode}`);
  return op;
}

export function readCommands(words: Uint32Array): Command[] {
  return mapRecords(words, COMMAND_WORDS, (at, index) => {
    const op = commandName(words[at]!, index);
    const table: RecordTable = COMMANDS[op];
    const {fields} = table;
    for (let word = 1 + fields.length; word < COMMAND_WORDS; word++) {
      check(words[at + word] === 0, () => `command ${index} (${op}) has values in unused words`);
    }
    // The table that gives the fields their names also gives Command its type.
    return {op, ...readRecord(table, words, at + 1)} as Command;
  });
}

export function readRegions(words: Uint32Array, taps: RangeReader<readonly RegionTap[]>): Region[] {
  return mapRecords(words, RECORDS.region.fields.length, (at, index) => {
    const record = readRecord(RECORDS.region, words, at);
    const {tapFirst, tapCount, flags} = record;
    const isClean = flags <= 7 && record.reserved0 === 0 && record.reserved1 === 0;
    check(isClean, () => `region ${index} has values in unused fields`);
    // Not the rest of the record: such objects are hash tables, of three kilobytes each.
    return {
      outY: record.outY,
      outX: record.outX,
      outStepY: record.outStepY,
      outStepX: record.outStepX,
      countY: record.countY,
      countX: record.countX,
      inY: record.inY,
      inX: record.inX,
      inStepY: record.inStepY,
      inStepX: record.inStepX,
      kc: record.kc,
      taps: readRange(taps, tapFirst, tapCount, `region ${index}`),
      padded: (flags & REGION_FLAGS.padded) !== 0,
      cropped: (flags & REGION_FLAGS.cropped) !== 0,
      perTap: (flags & REGION_FLAGS.perTap) !== 0,
    };
  });
}

/** `count` taps from `first`. */
export function readTaps(words: Uint32Array, first: number, count: number): RegionTap[] {
  return Array.from({length: count}, (_, index) => {
    const at = (first + index) * RECORDS.tap.fields.length;
    const {dy, dx, k, reserved} = readRecord(RECORDS.tap, words, at);
    check(reserved === 0, () => `tap ${first + index} has values in unused fields`);
    return {dy, dx, k};
  });
}

export function readOps(words: Uint32Array): ChainOp[] {
  return mapRecords(words, RECORDS.op.fields.length, (at, index) => {
    const record = readRecord(RECORDS.op, words, at);
    const {kind, code, a, b, c} = record;
    const fail = () => formatError(`op ${index} has the unknown function ${code} of kind ${kind}`);
    check(
      record.reserved === 0 && (kind === OP_KINDS.ternary || c === 0),
      () => `op ${index} has values in unused fields`,
    );
    switch (kind) {
      case OP_KINDS.unary: {
        const fn = UNARY_NAMES.get(code);
        if (fn === undefined || fn === 'prelu') throw fail();
        const [alpha, beta] = [bitsToFloat(record.alphaBits), bitsToFloat(record.betaBits)];
        return {fn: {kind: 'unary', activation: {fn, alpha, beta}}, a, b};
      }
      case OP_KINDS.binary: {
        const fn = BINARY_NAMES.get(code);
        if (fn === undefined) throw fail();
        return {fn: {kind: 'binary', fn}, a, b};
      }
      case OP_KINDS.ternary: {
        const fn = TERNARY_NAMES.get(code);
        if (fn === undefined) throw fail();
        return {fn: {kind: 'ternary', fn}, a, b, c};
      }
      default:
        throw fail();
    }
  });
}

function mapRecords<T>(
  words: Uint32Array,
  width: number,
  map: (at: number, index: number) => T,
): T[] {
  return Array.from({length: words.length / width}, (_, index) => map(index * width, index));
}
