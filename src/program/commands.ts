// The program format: one table for commands, one for the records they point at.
//
// `scripts/generate-format.ts` writes native/program/format.h from these tables; the encoder, decoder,
// validator, interpreter and docs/02-program-format.md read them too. Everything is little-endian
// 32-bit words. Fields are u32; names ending in `Bits` hold an f32; record fields marked i32 are signed.

/** Fixed size of a command: sixteen words, one cache line. */
export const COMMAND_WORDS = 16;

/** Marks an absent view, offset or index. */
export const NONE = 0xffffffff;

/** Memory a view can point into: 0 arena, 1 constants, 2 + j output j, 2 + outputs + i input i. */
export const SLOT = {arena: 0, constants: 1, firstOutput: 2} as const;

/** Loads under way at a time. */
export const MAX_LOADS = 64;

export const REGION_FLAGS = {padded: 1, cropped: 2, perTap: 4} as const;

/** What `op.kind` says: how many operands a function has. */
export const OP_KINDS = {unary: 0, binary: 1, ternary: 2} as const;

/** Commands. Views, regions, taps, ops and indices are indices into the program's sections. */
export const COMMANDS = {
  gemmTaps: {
    opcode: 1,
    fields: [
      'x',
      'y',
      'weightsView',
      'biasView',
      'residualView',
      'slopeView',
      'kTotal',
      'groups',
      'fusedY',
      'fusedX',
      'regionFirst',
      'regionCount',
      'activation',
      'alphaBits',
      'betaBits',
    ],
  },
  depthwise: {
    opcode: 2,
    fields: [
      'x',
      'y',
      'weightsView',
      'biasView',
      'residualView',
      'slopeView',
      'regionFirst',
      'regionCount',
      'activation',
      'alphaBits',
      'betaBits',
    ],
  },
  elementwise: {
    opcode: 3,
    fields: ['y', 'inputCount', 'in0', 'in1', 'in2', 'in3', 'in4', 'in5', 'opFirst', 'opCount'],
  },
  copy: {opcode: 4, fields: ['x', 'y']},
  widen: {opcode: 21, fields: ['x', 'y']},
  fill: {opcode: 5, fields: ['y', 'valueBits']},
  pool: {
    opcode: 6,
    fields: [
      'x',
      'y',
      'fn',
      'kernelY',
      'kernelX',
      'strideY',
      'strideX',
      'dilationY',
      'dilationX',
      'padTop',
      'padLeft',
      'padBottom',
      'padRight',
      'countIncludePad',
    ],
  },
  reduce: {opcode: 7, fields: ['x', 'y', 'fn']},
  normalize: {
    opcode: 8,
    fields: [
      'x',
      'y',
      'scaleView',
      'biasView',
      'residualView',
      'slopeView',
      'scratchView',
      'epsilonBits',
      'activation',
      'alphaBits',
      'betaBits',
      'part',
      'row',
      'rows',
    ],
  },
  softmax: {opcode: 9, fields: ['x', 'y', 'log']},
  resize: {
    opcode: 10,
    fields: [
      'x',
      'y',
      'tapsY',
      'tapsX',
      'indexYFirst',
      'indexXFirst',
      'weightsYView',
      'weightsXView',
    ],
  },
  matmul: {opcode: 11, fields: ['a', 'b', 'y']},
  gather: {opcode: 12, fields: ['x', 'y', 'indexFirst', 'indexCount']},
  gatherIndexed: {opcode: 17, fields: ['x', 'y', 'indices']},
  scatterIndexed: {opcode: 18, fields: ['x', 'y', 'indices', 'fn']},
  planarTaps: {
    opcode: 13,
    fields: [
      'x',
      'y',
      'weightsView',
      'biasView',
      'residualView',
      'slopeView',
      'kTotal',
      'regionFirst',
      'regionCount',
      'activation',
      'alphaBits',
      'betaBits',
    ],
  },
  argReduce: {opcode: 15, fields: ['x', 'y', 'fn', 'last']},
  cumulative: {opcode: 16, fields: ['x', 'y', 'fn', 'exclusive']},
  winograd: {
    opcode: 14,
    fields: [
      'x',
      'y',
      'weightsView',
      'biasView',
      'residualView',
      'slopeView',
      'scratchView',
      'tile',
      'tapsY',
      'tapsX',
      'regionFirst',
      'regionCount',
      'activation',
      'alphaBits',
      'betaBits',
    ],
  },
  gridSample: {opcode: 20, fields: ['x', 'y', 'gridView', 'mode', 'padding', 'alignCorners']},
  load: {opcode: 22, fields: ['offsetBytes', 'bytes', 'firstWord', 'checksum']},
} as const satisfies Record<string, {opcode: number; fields: readonly string[]}>;

/** Fixed-size records; `i32` lists the signed fields. `dims`/`strides` are six words each, unused ones 1 and 0. */
export const RECORDS = {
  view: {
    fields: [
      'slot',
      'offsetBytes',
      'rank',
      'type',
      'dim0',
      'dim1',
      'dim2',
      'dim3',
      'dim4',
      'dim5',
      'stride0',
      'stride1',
      'stride2',
      'stride3',
      'stride4',
      'stride5',
    ],
    i32: ['stride0', 'stride1', 'stride2', 'stride3', 'stride4', 'stride5'],
  },
  region: {
    fields: [
      'outY',
      'outX',
      'outStepY',
      'outStepX',
      'countY',
      'countX',
      'inY',
      'inX',
      'inStepY',
      'inStepX',
      'tapFirst',
      'tapCount',
      'kc',
      'flags',
      'reserved0',
      'reserved1',
    ],
    i32: ['outY', 'outX', 'inY', 'inX'],
  },
  tap: {fields: ['dy', 'dx', 'k', 'reserved'], i32: ['dy', 'dx']},
  /** A function of `OP_KINDS.kind` operands; operands as in ChainOp. */
  op: {
    fields: ['kind', 'code', 'a', 'b', 'alphaBits', 'betaBits', 'c', 'reserved'],
    i32: [],
  },
} as const satisfies Record<string, {fields: readonly string[]; i32: readonly string[]}>;

/** File header, in words; every section but the last starts at a multiple of 64 bytes, in this order. */
export const HEADER = {
  fields: [
    'magic',
    'formatHash',
    'fileBytesLow',
    'fileBytesHigh',
    'arenaBytes',
    'constantBytes',
    'inputCount',
    'outputCount',
    'viewCount',
    'commandCount',
    'regionCount',
    'tapCount',
    'opCount',
    'indexCount',
    'metadataBytes',
    'streamedLines',
    'checksum',
  ],
} as const;

/** 'UNTP' in little-endian. */
export const MAGIC = 0x50544e55;

export const SECTIONS = [
  'bindings',
  'views',
  'commands',
  'regions',
  'taps',
  'ops',
  'indices',
  'metadata',
  'constants',
  'streamed',
] as const;

/** One binding per input then output: inputs give the arena offset, outputs their slot's size. 16 bytes. */
export const BINDING = {fields: ['offsetBytes', 'elements', 'reserved0', 'reserved1']} as const;

type Table = typeof COMMANDS;
export type CommandName = keyof Table;

/** Commands that only CPUs have kernels for; native/gpu refuses them by the same list. */
export const CPU_COMMANDS = ['load'] as const satisfies readonly CommandName[];

/** A decoded command: its name and every field as a number (floats already decoded from Bits stay as bits). */
export type Command = {
  [Op in CommandName]: {readonly op: Op} & Readonly<Record<Table[Op]['fields'][number], number>>;
}[CommandName];
