// One number for the whole program format: any change of a table changes it.
//
// The header of every program carries it, the addon is built with it, and both are compared at load.

import {
  BINARY,
  CUMULATE,
  EXTREME,
  GRID_MODE,
  GRID_PADDING,
  NORMALIZE_PART,
  POOL,
  REDUCE,
  SCATTER,
  TERNARY,
  UNARY,
} from '../graph/functions.js';
import {
  NORMALIZE_CHUNKS,
  NORMALIZE_PIXELS,
  PANEL,
  PLANAR,
  WINOGRAD_CHANNELS,
  WORKSPACE_BYTES,
} from '../schedule/steps.js';
import {WEIGHT_TYPE} from '../untangle/stored-weights.js';
import {WINOGRAD_GAP} from '../untangle/winograd.js';
import {
  BINDING,
  COMMAND_WORDS,
  COMMANDS,
  HEADER,
  MAGIC,
  MAX_LOADS,
  NONE,
  OP_KINDS,
  RECORDS,
  REGION_FLAGS,
  SECTIONS,
  SLOT,
} from './commands.js';

/** The text that is hashed: every table of the format as JSON, in source order. */
export function formatTables(): string {
  return JSON.stringify({
    magic: MAGIC,
    commandWords: COMMAND_WORDS,
    none: NONE,
    maxLoads: MAX_LOADS,
    panel: PANEL,
    normalizeChunks: NORMALIZE_CHUNKS,
    planar: PLANAR,
    winogradChannels: WINOGRAD_CHANNELS,
    winogradGap: WINOGRAD_GAP,
    workspaceBytes: WORKSPACE_BYTES,
    weightTypes: WEIGHT_TYPE,
    slots: SLOT,
    regionFlags: REGION_FLAGS,
    commands: COMMANDS,
    records: RECORDS,
    binding: BINDING,
    header: HEADER,
    sections: SECTIONS,
    unary: UNARY,
    opKinds: OP_KINDS,
    binary: BINARY,
    ternary: TERNARY,
    reduce: REDUCE,
    scatter: SCATTER,
    extreme: EXTREME,
    cumulate: CUMULATE,
    pool: POOL,
    normalizePart: NORMALIZE_PART,
    normalizePixels: NORMALIZE_PIXELS,
    gridMode: GRID_MODE,
    gridPadding: GRID_PADDING,
  });
}

let known: number | null = null;

/** FNV-1a (32 bits) of the tables: the `formatHash` word of the header. */
export function formatHash(): number {
  known ??= hashTables();
  return known;
}

function hashTables(): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(formatTables())) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash;
}

/** The hash as eight hexadecimal digits, as the addon reports it and messages show it. */
export function formatHashHex(hash: number = formatHash()): string {
  return hash.toString(16).padStart(8, '0');
}
