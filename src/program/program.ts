// A program: the flat, portable result of compiling, as bytes and as decoded tables.

import type {ChainOp} from '../graph/graph.js';
import type {RunTimeType} from '../graph/types.js';
import type {Counts, Region} from '../schedule/steps.js';
import type {LevelTraffic} from '../schedule/traffic/step-traffic.js';
import type {WeightType} from '../untangle/stored-weights.js';
import type {Command, CommandName} from './commands.js';

/** An input or output as the caller sees it; shape in ONNX order (NCHW). */
export interface Port {
  readonly name: string;
  /**
   * What the values mean; in the program's memory all are f32. Integers are whole numbers there, exact to 2^24,
   * and bool is 0 or 1. Every floating type is float32.
   */
  readonly dtype: RunTimeType;
  readonly shape: readonly number[];
}

/** One line of explain: what a command is and what it costs. */
export interface CommandInfo extends Counts {
  readonly op: string;
  readonly name: string;
  readonly shape: readonly number[];
  readonly schedule: string;
  /** Byte offset of the output in the arena; -1 when it is written straight into an output. */
  readonly arenaOffset: number;
  /** Compiled for a board: bytes expected to cross each of its caches, from the core outwards. */
  readonly levels?: readonly LevelTraffic[] | undefined;
  /** The time this is expected to take there. */
  readonly predictedNs?: number | undefined;
}

/** The board a program was explained for. */
export interface ExplainedBoard {
  readonly name: string;
  readonly source: string;
  /** What is predicted is meant for so many. */
  readonly threads: number;
  /** What programs may take of its memory; null: unknown. */
  readonly freeBytes: number | null;
}

/** A block of the arena and when it holds something. */
export interface ArenaBlock {
  /** The input, or the command that touches it first; in-place commands may write over it later. */
  readonly name: string;
  /** Scratch is used within one command only. */
  readonly kind: ArenaBlockKind;
  readonly offsetBytes: number;
  readonly bytes: number;
  /** The first and the last command that touch it; -1 for what is there before the first. */
  readonly firstCommand: number;
  readonly lastCommand: number;
}

export const ARENA_BLOCK_KINDS = ['input', 'value', 'scratch'] as const;
export type ArenaBlockKind = (typeof ARENA_BLOCK_KINDS)[number];

export interface Totals extends Counts {
  readonly arenaPeakBytes: number;
  /** Weights that are held. */
  readonly weightsBytes: number;
  /** Weights that each run reads from the program's file instead; left out where there are none. */
  readonly streamedBytes?: number | undefined;
  /** Everything a session holds: arena, weights, tables, workspace and outputs. */
  readonly totalBytes: number;
}

export interface Baselines {
  readonly zeroInsertIm2col: Totals;
  readonly zeroInsertDirect: Totals;
  readonly gemmCol2im: Totals;
}

/** What explain shows; stored as JSON in the metadata section, never read by the executor. */
export interface Explanation {
  readonly model: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly commands: readonly CommandInfo[];
  /** The arena over time, in the order of first use. */
  readonly blocks: readonly ArenaBlock[];
  readonly totals: Totals;
  readonly baselines: Baselines;
  /** Absent where none was named. */
  readonly board?: ExplainedBoard | undefined;
  /** The most bytes of the arena alive at once, which no placement can go below, and what was done to hold less. */
  readonly memory?:
    | {readonly arenaLowerBoundBytes: number; readonly measures: readonly string[]}
    | undefined;
  /** What to know about results: where they may differ from integer arithmetic. */
  readonly notes?: readonly string[] | undefined;
  /** Per convolution: its counts and those of the three baselines, in command order (index into commands). */
  readonly convolutions: readonly {
    readonly command: number;
    readonly weightsBytes: number;
    /** Of all its commands, those of every band. */
    readonly own: Counts;
    /** The upsampled map that zero insertion would hold, of one image; nothing here does. */
    readonly upsampledBytes?: number | undefined;
    readonly zeroInsertIm2col: Counts;
    readonly zeroInsertDirect: Counts;
    readonly gemmCol2im: Counts;
  }[];
}

/** A view record after decoding: strides in elements. */
export interface ViewRecord {
  readonly slot: number;
  readonly offsetBytes: number;
  /** Of its elements: f32 but for weights. */
  readonly type: WeightType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** What a program holds, takes and gives, before any of its tables is looked at; constants are a view of the file's bytes. */
export interface ProgramHead {
  readonly arenaBytes: number;
  readonly constants: Float32Array;
  /** The section of streamed weights: its place and size in the file, and its bytes unless they were left there. */
  readonly streamed: {
    readonly start: number;
    readonly bytes: number;
    readonly data: Uint8Array | null;
  };
  readonly inputs: readonly {readonly offsetBytes: number; readonly elements: number}[];
  readonly outputs: readonly {readonly elements: number}[];
  /** What its commands are called. */
  readonly commandNames: readonly CommandName[];
  readonly explanation: Explanation;
}

/** A validated program with its tables. */
export interface DecodedProgram extends ProgramHead {
  readonly views: readonly ViewRecord[];
  readonly commands: readonly Command[];
  readonly regions: readonly Region[];
  readonly ops: readonly ChainOp[];
  readonly indices: Int32Array;
}

/** A compiled model; `bytes` is the file. */
export interface Program {
  readonly bytes: Uint8Array;
  readonly explanation: Explanation;
}
