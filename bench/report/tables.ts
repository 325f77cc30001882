// The tables of the page.

import type {Results} from './collect.js';
import {
  geometricMean,
  ONNXRUNTIME,
  OURS,
  ratioTo,
  ratioToBestPeer,
  utilization,
} from './figures.js';
import {formatMs, formatRatio, formatThreads, MISSING, markdownTable} from './markdown.js';

/** Rows that we ran. */
function ownRows(results: Results, threads: number): string[] {
  return results.rows.filter(row => results.find(row, OURS, threads) !== undefined);
}

/** Geometric means of our time over everybody else's. */
export function summaryTable(results: Results): string {
  const header = ['', 'rows', 'best peer', ...results.peers];
  const rows = results.threads.map(threads => {
    const rowsHere = ownRows(results, threads);
    const best = rowsHere.flatMap(row => ratioToBestPeer(results, row, threads) ?? []);
    const each = results.peers.map(contender => {
      const ratios = rowsHere.flatMap(row => ratioTo(results, row, {contender, threads}) ?? []);
      return `${formatRatio(geometricMean(ratios))} (${ratios.length})`;
    });
    const mean = `**${formatRatio(geometricMean(best))}**`;
    return [formatThreads(threads), String(rowsHere.length), mean, ...each];
  });
  return markdownTable(header, rows);
}

/** Every row: times, our rate, how near the limit, ratios. */
export function rowTable(results: Results, threads: number): string {
  const {peaks} = results.circumstances.machine;
  const header = ['layer or net', 'ours', ...results.peers, 'GFLOP/s', 'of the limit'];
  const rows = ownRows(results, threads).map(row => {
    const ours = results.find(row, OURS, threads)!;
    const use = utilization(ours, peaks);
    const others = results.peers.map(peer => formatMs(results.find(row, peer, threads)?.msP50));
    return [
      row,
      formatMs(ours.msP50),
      ...others,
      use === null ? MISSING : use.gflops.toFixed(0),
      use === null ? MISSING : `${(100 * use.share).toFixed(0)} % ${use.bound}`,
      formatRatio(ratioToBestPeer(results, row, threads)),
      formatRatio(ratioTo(results, row, {contender: ONNXRUNTIME, threads})),
    ];
  });
  return markdownTable([...header, '÷ best peer', '÷ onnxruntime'], rows);
}

/** Names every row on which we are slower, so that nobody has to look for them. */
export function slowRows(results: Results): string {
  const lines = [
    {name: 'the best peer', find: ratioToBestPeer},
    {
      name: 'onnxruntime',
      find: (all: Results, row: string, threads: number) =>
        ratioTo(all, row, {contender: ONNXRUNTIME, threads}),
    },
  ].map(({name, find}) => {
    const all = results.threads.flatMap(threads =>
      ownRows(results, threads).flatMap(row => {
        const ratio = find(results, row, threads);
        return ratio === null ? [] : [{label: `${row} ${threads}T`, ratio}];
      }),
    );
    const slow = all.filter(({ratio}) => ratio > 1).sort((a, b) => b.ratio - a.ratio);
    const list = slow.map(({label, ratio}) => `${label} ${ratio.toFixed(2)}`).join(', ');
    const count = slow.length === 0 ? 'none' : `${slow.length} of ${all.length}: ${list}`;
    return `Slower than ${name} (over 1.0): ${count}.`;
  });
  return lines.join('\n\n');
}

/** Instructions of one run, where they were counted; empty where not. */
export function instructionTable({instructions}: Results): string {
  const rows = instructions.map(line => [
    line.shape,
    (line.instructions / 1e6).toPrecision(4),
    (line.instructions / line.macsInBounds).toFixed(3),
  ]);
  return markdownTable(['layer or net', 'million instructions', 'per MAC in bounds'], rows);
}
