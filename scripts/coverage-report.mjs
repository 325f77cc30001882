// Prints the coverage of src/ that c8 wrote: totals, and the files with the lowest coverage of lines and branches.
import {readFileSync} from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const summary = JSON.parse(
  readFileSync(path.join(root, 'build-coverage', 'src', 'coverage-summary.json'), 'utf8'),
);
const percent = ({pct}) => `${pct.toFixed(1)} %`.padStart(8);
const row = (name, {lines, branches}) =>
  `${percent(lines)} lines ${percent(branches)} branches  ${name}`;

const {total, ...files} = summary;
const worst = Object.entries(files).sort(
  ([, a], [, b]) => a.lines.pct + a.branches.pct - b.lines.pct - b.branches.pct,
);
console.log(row('src/', total));
for (const [file, counts] of worst.slice(0, 12))
  console.log(row(path.relative(root, file), counts));
