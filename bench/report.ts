// JSON lines of `run.ts` to docs/benchmarks.md and its chart.
//
//   node dist/bench/report.js pass1.jsonl [pass2.jsonl …] [--folder docs]

import {mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {parseArgs} from 'node:util';
import {ROOT} from './folders.js';
import {chart} from './report/chart.js';
import {collect, type Results} from './report/collect.js';
import {OURS, ratioTo} from './report/figures.js';
import {formatThreads} from './report/markdown.js';
import {page} from './report/page.js';
import {readLines} from './results.js';

const PAGE = 'benchmarks.md';
const CHART = 'benchmarks.svg';

/** Times of the peers as multiples of ours, on the least threads. */
function chartOf(results: Results): string {
  const threads = results.threads[0]!;
  const rows = results.rows.filter(row => results.find(row, OURS, threads) !== undefined);
  return chart({
    title: `Time of the others as a multiple of ours, ${formatThreads(threads)} (right of the line: ours is faster)`,
    series: results.peers,
    rows: rows.map(row => ({
      label: row,
      values: new Map(
        results.peers.flatMap(contender => {
          const ratio = ratioTo(results, row, {contender, threads});
          return ratio === null ? [] : [[contender, 1 / ratio] as const];
        }),
      ),
    })),
  });
}

const {values, positionals} = parseArgs({
  allowPositionals: true,
  options: {folder: {type: 'string', default: path.join(ROOT, 'docs')}},
});
try {
  mkdirSync(values.folder, {recursive: true});
  const results = collect(positionals.map(readLines));
  writeFileSync(path.join(values.folder, PAGE), page(results, CHART));
  writeFileSync(path.join(values.folder, CHART), chartOf(results));
} catch (error) {
  console.error(`report: ${(error as Error).message}`);
  process.exitCode = 1;
}
