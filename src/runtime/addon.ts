// The native addon's shape: declared once, here. The C++ side is native/addon.

import type {Precision} from '../schedule/device.js';

export interface CpuInfo {
  /** The instruction set in use: UNTANGLE_ISA, or the best available. */
  readonly isa: string;
  readonly available: readonly string[];
}

/** What was recorded of a profiled run; milliseconds after it began. */
export interface NativeTimeline {
  /** When each command began. */
  readonly startsMs: Float64Array;
  /** How long each command took. */
  readonly timesMs: Float64Array;
  /** Spans of work, by thread and time, of six numbers: command, thread, items, start, end, busy. */
  readonly work: Float64Array;
}

/** A loaded program with its memory. Not thread-safe; one run at a time (the caller queues). */
export interface NativeSession {
  /**
   * Copies `inputs` (one Float32Array per input) into the arena on the calling thread, then executes on a worker thread (on the calling one when the last run was shorter than 1 ms), writing
   * `outputs` (one Float32Array per output, sizes already checked). Rejects with {code: 'ERR_ABORTED'} after abort().
   */
  run(
    inputs: readonly Float32Array[],
    outputs: readonly Float32Array[],
    profile: boolean,
  ): Promise<{ms: number; timeline: NativeTimeline | null}>;
  /**
   * An array for output `index`, in memory that comes back to the session when the array is collected. It cannot be
   * transferred to another thread. Holds old data unless `zeroed`.
   */
  newOutput(index: number, zeroed: boolean): Float32Array;
  /** Ends the run in flight between two tiles; harmless when none is. */
  abort(): void;
  /** How many commands the run in flight, or the last one, has done. */
  commandsDone(): number;
  /** Frees everything; a run in flight is aborted first and its promise rejects. */
  dispose(): void;
}

/** The GPU, or why there is none. */
export type GpuInfo = {
  /** Architectures this build has kernels for, such as "sm_87 compute_75"; others are compiled on the board. */
  readonly images: string;
} & (
  | {
      readonly reason?: undefined;
      readonly name: string;
      /** Compute capability, such as 8.7. */
      readonly compute: string;
      readonly multiprocessors: number;
      readonly memoryBytes: number;
      /** Of these, what nobody has now: the driver's context for this process is already taken off. */
      readonly freeBytes: number;
      /** What loading our kernels took of it; sessions do not count it. */
      readonly kernelsBytes: number;
      /** Its memory is the machine's. */
      readonly isIntegrated: boolean;
      /** The newest CUDA version the driver knows. */
      readonly cuda: string;
      /** Library of the driver. */
      readonly driver: string;
      /** Library of cuBLAS, or why there is none. */
      readonly cublas: string;
    }
  | {readonly reason: string}
);

/** Which GPU, and what a session may take of it. */
export interface GpuChoice {
  /** A driver's library; '' for the system's. */
  readonly driver: string;
  readonly budgetBytes: number;
  readonly precision: Precision;
}

/** What threads reach together. */
export interface MachineSpeed {
  /** Of the FMA units. */
  readonly gflops: number;
  /** Reads from memory, GB/s. */
  readonly readGbs: number;
  /** Reads of each block, GB/s. */
  readonly blockGbs: readonly number[];
  /** Handing out work and having it back when there is none. */
  readonly phaseNs: number;
}

export interface Addon {
  /** The hash of the format tables the addon was built with. */
  formatHash(): string;
  cpuInfo(): CpuInfo;
  /**
   * Bytes, all zero, that `open` and `release` take over: the array is empty afterwards. Pages of sparse memory become real
   * when they are written.
   */
  allocate(bytes: number, isSparse?: boolean): Uint8Array;
  /** Frees what `allocate` gave; harmless for other arrays. */
  release(array: Uint8Array): void;
  /**
   * Validates `program` again in C++, allocates arena and constants once, starts threads. A program in memory of `allocate` is
   * taken over, any other one copied.
   * `isa` overrides UNTANGLE_ISA; `keptOutputBytes` (0) bounds the memory of dropped outputs kept for later ones.
   * Streamed weights that `program` lacks are read from `file`, a descriptor that stays the caller's.
   * With `gpu` the program goes to the GPU, which needs no threads; `neededBytes` comes with ERR_BUDGET_EXCEEDED.
   * @throws {code, message} ERR_ISA_UNSUPPORTED, ERR_PROGRAM_FORMAT, ERR_PROGRAM_READ, ERR_OUT_OF_MEMORY, ERR_DEVICE_UNSUPPORTED, ERR_GPU_MEMORY,
   *   ERR_GPU_FAILED, ERR_BUDGET_EXCEEDED
   */
  open(
    program: Uint8Array,
    threads: number,
    isa?: string,
    keptOutputBytes?: number,
    gpu?: GpuChoice,
    file?: number,
  ): NativeSession;
  /** What the CUDA driver in the file `driver`, or the system's when that is empty, has to offer. */
  gpuInfo(driver: string): GpuInfo;
  /** Measures `threads` threads at once; each has `blockBytes` of its own. About 200 ms, and 100 ms a block. */
  measure(threads: number, blockBytes: readonly number[]): MachineSpeed;
}
