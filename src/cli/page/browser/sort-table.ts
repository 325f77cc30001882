// A press on a heading sorts the table by its column, another one the other way round.

/** Makes the buttons in the headings of `table` work. */
export function sortByHeadings(table: HTMLTableElement): void {
  const body = table.tBodies[0]!;
  const headings = [...table.tHead!.rows[0]!.cells];
  for (const [column, heading] of headings.entries()) {
    heading.querySelector('button')!.addEventListener('click', () => {
      const isDescending = heading.ariaSort === 'ascending';
      for (const other of headings) other.ariaSort = null;
      heading.ariaSort = isDescending ? 'descending' : 'ascending';
      const sign = isDescending ? -1 : 1;
      const rows = [...body.rows].sort(
        (a, b) => sign * compare(a.cells[column]!, b.cells[column]!),
      );
      body.append(...rows);
    });
  }
}

function compare(a: HTMLTableCellElement, b: HTMLTableCellElement): number {
  const [x, y] = [a.dataset.value, b.dataset.value];
  if (x !== undefined && y !== undefined) return Number(x) - Number(y);
  return a.textContent!.localeCompare(b.textContent!);
}
