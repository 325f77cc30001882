// How the executor cuts its work: the constants of native/cpu that decide what is reused when. A test compares them with the C++.

export const EXECUTOR = {
  /** gemm_taps.cc */
  blockInputs: 32768,
  minBlockPixels: 96,
  itemsPerThread: 4,
  minItemMacs: 131072,
  /** gemm_block.h */
  maxBlockPixels: 192,
  maxRowPointers: 12288,
  maxSlice: 2048,
  /** gemm_entries.h */
  chunkFloats: 32768,
  /** gemm_runs.cc */
  minRun: 8,
  maxChunkEntries: 2048,
  /** planar_plan.cc, planar_plan.h */
  windowFloats: 6144,
  wideWindowFloats: 24576,
  sliceStep: 8,
  planarPackFloats: 32768,
  planarSumFloats: 16384,
  /** winograd.cc */
  winogradSlice: 256,
  winogradBlockFloats: 163840,
  winogradFewestTiles: 16,
  winogradGap: 16,
  /** execution.h */
  streamedFloats: 262144,
  /** matmul.cc, op_kernels.h */
  matmulRows: 128,
  matmulDepth: 1024,
} as const;

/** Register tiles of an instruction set: native/cpu/kernels/kernels.def. */
export interface RegisterTile {
  /** Rows, and rows of evenly spaced pixels. */
  readonly rows: number;
  readonly runRows: number;
  /** Panels of PANEL columns. */
  readonly panels: number;
  /** Floats of a vector. */
  readonly lanes: number;
}

export const REGISTER_TILES: Readonly<Record<string, RegisterTile>> = {
  avx512: {rows: 10, runRows: 12, panels: 2, lanes: 16},
  avx2: {rows: 6, runRows: 6, panels: 1, lanes: 8},
  neon: {rows: 6, runRows: 6, panels: 1, lanes: 4},
  scalar: {rows: 2, runRows: 2, panels: 1, lanes: 4},
};
