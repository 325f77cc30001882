// What a machine can do at most: the roof of the roofline.

/** A memory from which operands come, and how fast. */
export interface RoofLevel {
  readonly name: string;
  /** GB/s over all threads together. */
  readonly gbs: number;
}

export interface Roof {
  /** The machine in words, for the reader. */
  readonly board: string;
  readonly threads: number;
  /** GFLOP/s of all threads together. */
  readonly gflops: number;
  /** From the nearest memory to the farthest; at least one. */
  readonly levels: readonly RoofLevel[];
}

/** The memory that arena traffic is held against: the farthest. */
export function farthest({levels}: Roof): RoofLevel {
  return levels.at(-1)!;
}

/** GFLOP/s that operands from `level` allow where every byte of them is used for `intensity` FLOP. */
export function attainable(roof: Roof, level: RoofLevel, intensity: number): number {
  return Math.min(roof.gflops, level.gbs * intensity);
}

/** FLOP per byte from which on arithmetic is what limits. */
export function ridge(roof: Roof, level: RoofLevel): number {
  return roof.gflops / level.gbs;
}
