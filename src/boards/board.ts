// A board: what a machine can do, as numbers. Schedules are priced and explained by them on any other machine.

import * as v from 'valibot';

/** Where the numbers come from. */
export const BOARD_SOURCES = ['measured', 'datasheet, not measured'] as const;

/** A data cache. */
export interface BoardCache {
  /** 1 is the one next to the core. */
  readonly level: number;
  readonly bytes: number;
  /** Cores that share one. */
  readonly sharedBy: number;
  readonly ways: number;
  readonly lineBytes: number;
}

/** Read bandwidth of all threads together, GB/s (10^9 bytes), by where the data lies. */
export interface BoardBandwidth {
  readonly L1?: number | undefined;
  readonly L2?: number | undefined;
  readonly L3?: number | undefined;
  readonly memory: number;
}

/** What a number of threads reach together. */
export interface BoardPeak {
  readonly threads: number;
  /** Of fused multiply-adds in registers, f32, two operations each. */
  readonly gflops: number;
  readonly gbs: BoardBandwidth;
  /** From handing out work to having it all back, when there is none. */
  readonly phaseNs?: number | undefined;
}

export interface BoardGpu {
  readonly name: string;
  /** Compute capability, such as 8.7. */
  readonly compute: string;
  readonly memoryBytes: number;
  /** Its memory is the machine's. */
  readonly isIntegrated: boolean;
  /** Null: unknown. */
  readonly gflops: {readonly fp32: number | null; readonly fp16: number | null};
  readonly gbs: number | null;
}

/** A board profile; docs/board-profile.md describes the file. */
export interface Board {
  readonly name: string;
  readonly source: (typeof BOARD_SOURCES)[number];
  /** What else there is to know: the mode that is meant, where the numbers were found. */
  readonly notes: readonly string[];
  readonly processor: string;
  readonly cores: number;
  /** Of our kernels, best first: avx512, avx2, neon, scalar. */
  readonly instructionSets: readonly string[];
  /** From the core outwards. */
  readonly caches: readonly BoardCache[];
  readonly memoryBytes: number;
  /** What programs may take of it; null: unknown. */
  readonly freeBytes: number | null;
  /** By thread count, ascending; the first is of one thread. */
  readonly peaks: readonly BoardPeak[];
  readonly gpu: BoardGpu | null;
}

const MOST = {caches: 3, peaks: 64, notes: 64, cores: 4096} as const;

const text = v.pipe(v.string('text'), v.minLength(1, 'text'), v.maxLength(1000, 'a short text'));
const integer = (most: number) => {
  const message = most < Infinity ? `an integer from 1 to ${most}` : 'a positive integer';
  return v.pipe(
    v.number(message),
    v.safeInteger(message),
    v.minValue(1, message),
    v.maxValue(most, message),
  );
};
const bytes = integer(Infinity);
const rate = v.pipe(
  v.number('a positive number'),
  v.finite('a positive number'),
  v.gtValue(0, 'a positive number'),
);
const object = 'an object with the fields of docs/board-profile.md';
const list = 'a list';

const cache = v.strictObject(
  {
    level: integer(MOST.caches),
    bytes,
    sharedBy: integer(MOST.cores),
    ways: integer(2 ** 16),
    lineBytes: integer(4096),
  },
  object,
);

const peak = v.strictObject(
  {
    threads: integer(MOST.cores),
    gflops: rate,
    gbs: v.strictObject(
      {L1: v.optional(rate), L2: v.optional(rate), L3: v.optional(rate), memory: rate},
      object,
    ),
    phaseNs: v.optional(rate),
  },
  object,
);

const gpu = v.strictObject(
  {
    name: text,
    compute: v.pipe(v.string('text such as "8.7"'), v.regex(/^\d+\.\d+$/, 'text such as "8.7"')),
    memoryBytes: bytes,
    isIntegrated: v.boolean('true or false'),
    gflops: v.strictObject({fp32: v.nullable(rate), fp16: v.nullable(rate)}, object),
    gbs: v.nullable(rate),
  },
  object,
);

const ASCENDING = {
  levels: 'caches of levels 1, 2, 3 in this order, each larger than the one before',
  threads: 'entries of ascending thread counts that begin with 1',
} as const;

/** The schema of a profile; messages say what is expected. */
export const boardSchema = v.strictObject(
  {
    name: text,
    source: v.picklist(BOARD_SOURCES, BOARD_SOURCES.map(name => `"${name}"`).join(' or ')),
    notes: v.pipe(v.array(text, list), v.maxLength(MOST.notes, `at most ${MOST.notes} notes`)),
    processor: text,
    cores: integer(MOST.cores),
    instructionSets: v.pipe(
      v.array(text, list),
      v.minLength(1, 'a list that is not empty'),
      v.maxLength(16, 'a short list'),
    ),
    caches: v.pipe(
      v.array(cache, list),
      v.maxLength(MOST.caches, ASCENDING.levels),
      v.check(
        caches =>
          caches.every(
            ({level, bytes: size}, i) => level === i + 1 && size > (caches[i - 1]?.bytes ?? 0),
          ),
        ASCENDING.levels,
      ),
    ),
    memoryBytes: bytes,
    freeBytes: v.nullable(bytes),
    peaks: v.pipe(
      v.array(peak, list),
      v.minLength(1, ASCENDING.threads),
      v.maxLength(MOST.peaks, `at most ${MOST.peaks} entries`),
      v.check(
        peaks => peaks.every(({threads}, i) => threads > (peaks[i - 1]?.threads ?? 0)),
        ASCENDING.threads,
      ),
      v.check(peaks => peaks[0]?.threads === 1, ASCENDING.threads),
    ),
    gpu: v.nullable(gpu),
  },
  object,
) satisfies v.GenericSchema<unknown, Board>;

/** What `threads` threads reach: measured for as many, or for the next fewer that were. */
export function peakOf({peaks}: Board, threads: number): BoardPeak {
  return peaks.findLast(one => one.threads <= threads) ?? peaks[0]!;
}

/** Levels as tables name them, from the core outwards. */
export const MEMORY_LEVELS = ['L1', 'L2', 'L3', 'memory'] as const;

export type MemoryLevel = (typeof MEMORY_LEVELS)[number];
