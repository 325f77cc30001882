// Tables of GitHub's Markdown.

/** A header, an alignment line and one line per row. The first column is text, the others numbers. */
export function markdownTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const alignment = header.map((_, column) => (column === 0 ? '---' : '---:'));
  return [line(header), line(alignment), ...rows.map(line)].join('\n');
}

export const MISSING = '–';

/** Three digits, without exponents. */
export function formatMs(ms: number | undefined): string {
  if (ms === undefined) return MISSING;
  return ms >= 100 ? ms.toFixed(0) : ms.toPrecision(3);
}

export function formatRatio(ratio: number | null): string {
  return ratio === null || Number.isNaN(ratio) ? MISSING : ratio.toFixed(2);
}

export function formatThreads(threads: number): string {
  return `${threads} thread${threads > 1 ? 's' : ''}`;
}
