// Several passes as one set of results: a cell is the lowest median of the passes given.

import type {Peak} from '../machine.js';
import type {Circumstances, InstructionLine, Line, ResultLine, SkipLine} from '../results.js';

export interface Results {
  readonly circumstances: Circumstances;
  /** Result files. */
  readonly passes: number;
  /** Of all lines; one where everything was measured on one build. */
  readonly commits: readonly string[];
  readonly threads: readonly number[];
  /** Row ids and contenders in the order in which they first come. */
  readonly rows: readonly string[];
  readonly contenders: readonly string[];
  readonly peers: readonly string[];
  /** By contender; empty where it does not say. */
  readonly versions: ReadonlyMap<string, string>;
  /** Results whose output is right, best of all passes. */
  find(row: string, contender: string, threads: number): ResultLine | undefined;
  /** Turns of all passes, and those whose threads waited for a core however often they were repeated. */
  readonly turns: {readonly all: number; readonly dirty: number};
  readonly mismatches: readonly ResultLine[];
  readonly skips: readonly SkipLine[];
  readonly instructions: readonly InstructionLine[];
}

/** @throws Error when there are no results, or they come from different machines. */
export function collect(passes: readonly (readonly Line[])[]): Results {
  const lines = passes.flat();
  const results = lines.filter(line => line.kind === 'result');
  const best = new Map<string, ResultLine>();
  for (const result of results.filter(({matches}) => matches)) {
    const key = keyOf(result.shape, result.contender, result.threads);
    const seen = best.get(key);
    if (seen === undefined || result.msP50 < seen.msP50) best.set(key, result);
  }
  const cells = [...best.values()];
  const counted = lines.filter(line => line.kind === 'instructions');
  return {
    circumstances: mergeCircumstances([...results, ...counted]),
    passes: passes.length,
    commits: unique([...results, ...counted].map(({commit}) => commit)),
    threads: unique(cells.map(({threads}) => threads)).sort((a, b) => a - b),
    rows: unique(cells.map(({shape}) => shape)),
    contenders: unique(cells.map(({contender}) => contender)),
    peers: unique(cells.filter(({isPeer}) => isPeer).map(({contender}) => contender)),
    versions: new Map(cells.map(({contender, version}) => [contender, version])),
    find: (row, contender, threads) => best.get(keyOf(row, contender, threads)),
    turns: {
      all: results.reduce((sum, {turns}) => sum + turns, 0),
      dirty: results.reduce((sum, {dirtyTurns}) => sum + dirtyTurns, 0),
    },
    mismatches: results.filter(({matches}) => !matches),
    skips: [...new Map(lines.filter(isSkip).map(skip => [JSON.stringify(skip), skip])).values()],
    instructions: [...new Map(counted.map(line => [line.shape, line])).values()],
  };
}

function keyOf(row: string, contender: string, threads: number): string {
  return JSON.stringify([row, contender, threads]);
}

function isSkip(line: Line): line is SkipLine {
  return line.kind === 'skip';
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

/** One machine; its peaks are the highest measured, because neighbours only lower them. */
function mergeCircumstances(all: readonly Circumstances[]): Circumstances {
  const [first] = all;
  if (first === undefined) throw new Error('the files hold no results');
  const peaks = new Map<number, Peak>();
  for (const {machine} of all) {
    if (machine.processor !== first.machine.processor || machine.isa !== first.machine.isa) {
      throw new Error(
        `results of different machines: ${first.machine.processor} (${first.machine.isa}) and ${machine.processor} (${machine.isa})`,
      );
    }
    for (const {threads, gflops, readGbs} of machine.peaks) {
      const seen = peaks.get(threads);
      peaks.set(threads, {
        threads,
        gflops: Math.max(gflops, seen?.gflops ?? 0),
        readGbs: Math.max(readGbs, seen?.readGbs ?? 0),
      });
    }
  }
  return {...first, machine: {...first.machine, peaks: [...peaks.values()]}};
}
