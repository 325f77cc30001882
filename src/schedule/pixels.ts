// Sets of pixels as unions of products rows × columns, counted without listing rows, columns or pixels.

/** The indices first + i * step, 0 <= i < count. */
export interface Progression {
  readonly first: number;
  /** At least 1. */
  readonly step: number;
  readonly count: number;
}

/** A union of progressions; they may overlap. */
export type IndexSet = readonly Progression[];

/** All pixels (row, column) with the row in `rows` and the column in `columns`. */
export interface PixelProduct {
  readonly rows: IndexSet;
  readonly columns: IndexSet;
}

/** The indices [0, count). */
export function firstIndices(count: number): IndexSet {
  return count > 0 ? [{first: 0, step: 1, count}] : [];
}

/** Counts the distinct indices of a set. */
export function countIndices(set: IndexSet): number {
  const [only] = set;
  if (set.length === 1) return Math.max(0, only!.count);
  // Most sets have one step, and few progressions.
  if (set.every(({step}) => step === only!.step)) return countMerged(set, only?.step ?? 1);
  let total = 0;
  sweep([set], length => {
    total += length;
  });
  return total;
}

/** Counts the distinct indices of progressions of the same step: those of each residue class, merged in order. */
function countMerged(set: IndexSet, step: number): number {
  const residue = ({first}: Progression) => first - Math.floor(first / step) * step;
  const sorted = set
    .filter(({count}) => count > 0)
    .sort((a, b) => residue(a) - residue(b) || a.first - b.first);
  let total = 0;
  let last = {residue: -1, end: 0};
  for (const progression of sorted) {
    const {first, count} = progression;
    const own = {residue: residue(progression), end: first + count * step};
    const before = own.residue === last.residue ? Math.max(last.end, first) : first;
    if (own.end <= before) continue;
    total += (own.end - before) / step;
    last = own;
  }
  return total;
}

/**
 * Counts the distinct pixels of a union of products.
 *
 * Rows crossed by the same products share one union of columns, so the work grows with the number of products and
 * border classes and not with the number of pixels.
 */
export function countPixels(products: readonly PixelProduct[]): number {
  const grid = gridOf(products);
  if (grid !== null) return countIndices(grid.rows) * countIndices(grid.columns);
  const unions = new Map<string, number>();
  let pixels = 0;
  sweep(
    products.map(({rows}) => rows),
    (length, crossing) => {
      const key = crossing.join();
      let width = unions.get(key);
      if (width === undefined) {
        width = countIndices(crossing.flatMap(index => products[index]!.columns));
        unions.set(key, width);
      }
      pixels += length * width;
    },
  );
  return pixels;
}

/** All rows and all columns, where every rows meet every columns: what regions make that a map is cut into along both axes. */
function gridOf(products: readonly PixelProduct[]): PixelProduct | null {
  const [first] = products;
  if (first === undefined || products.length === 1) return first ?? null;
  const [rows, columns] = [new Map<string, IndexSet>(), new Map<string, IndexSet>()];
  const pairs = new Set<string>();
  for (const product of products) {
    const [row, column] = [keyOf(product.rows), keyOf(product.columns)];
    rows.set(row, product.rows);
    columns.set(column, product.columns);
    pairs.add(`${row}|${column}`);
  }
  if (pairs.size < rows.size * columns.size) return null;
  return {rows: [...rows.values()].flat(), columns: [...columns.values()].flat()};
}

function keyOf(set: IndexSet): string {
  let key = '';
  for (const {first, step, count} of set) key += `${first},${step},${count};`;
  return key;
}

interface Owned extends Progression {
  readonly owner: number;
}

/** Consecutive indices of one residue class, as quotients: [start, end). */
interface Run {
  readonly start: number;
  readonly end: number;
  readonly owner: number;
}

/**
 * Calls `visit` with the length of every run of indices that lie in the same sets, and which sets these are, ascending.
 *
 * Runs are found in each residue class by itself; what belongs together may come in several parts.
 */
export function sweep(
  sets: readonly IndexSet[],
  visit: (length: number, owners: readonly number[]) => void,
): void {
  const all = sets.flatMap((set, owner) =>
    set
      .filter(({count}) => count > 0)
      .map(({first, step, count}) => ({first, count, owner, step: count === 1 ? 1 : step})),
  );
  const modulus = all.reduce((common, {step}) => leastCommonMultiple(common, step), 1);
  const classes = new Map<number, Run[]>();
  for (const progression of all) {
    for (const {residue, run} of runsOf(progression, modulus)) {
      const runs = classes.get(residue);
      if (runs === undefined) classes.set(residue, [run]);
      else runs.push(run);
    }
  }
  for (const runs of classes.values()) sweepResidue(runs, visit);
}

/** A progression as one run in each residue class that it meets modulo `modulus`, a multiple of its step: no more than it has indices. */
function runsOf(
  {first, step, count, owner}: Owned,
  modulus: number,
): {residue: number; run: Run}[] {
  const period = modulus / step;
  return Array.from({length: Math.min(period, count)}, (_, skipped) => {
    const from = first + skipped * step;
    const start = Math.floor(from / modulus);
    const end = start + Math.ceil((count - skipped) / period);
    return {residue: from - start * modulus, run: {start, end, owner}};
  });
}

function sweepResidue(
  runs: readonly Run[],
  visit: (length: number, owners: readonly number[]) => void,
): void {
  const [only] = runs;
  if (only !== undefined && runs.length === 1) {
    visit(only.end - only.start, [only.owner]);
    return;
  }
  const changes = runs
    .flatMap(({start, end, owner}) => [
      {at: start, owner, by: 1},
      {at: end, owner, by: -1},
    ])
    .sort((a, b) => a.at - b.at);
  const depth = new Map<number, number>();
  let from = 0;
  for (const {at, owner, by} of changes) {
    if (at > from && depth.size > 0)
      visit(
        at - from,
        [...depth.keys()].sort((a, b) => a - b),
      );
    from = at;
    const now = (depth.get(owner) ?? 0) + by;
    if (now === 0) depth.delete(owner);
    else depth.set(owner, now);
  }
}

export function leastCommonMultiple(a: number, b: number): number {
  let [divisor, rest] = [a, b];
  while (rest !== 0) [divisor, rest] = [rest, divisor % rest];
  return (a / divisor) * b;
}
