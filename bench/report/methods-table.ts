// The published and the usual methods beside `auto`: how the ratio of times follows the ratio of counted bytes.

import type {ResultLine} from '../results.js';
import type {Results} from './collect.js';
import {geometricMean, OURS} from './figures.js';
import {MISSING, markdownTable} from './markdown.js';

/** Networks whose layers the papers of these methods measure. */
const FAMILIES: ReadonlySet<string> = new Set(['dcgan', 'ebgan', 'pix2pix', 'enet', 'aspp']);

interface Ratios {
  readonly time: number;
  readonly bytes: number;
}

/** Time and counted bytes of each method over those of `auto`, "time / bytes"; null when no method was run. */
export function methodsTable(results: Results, threads: number): string | null {
  const methods = results.contenders.filter(
    contender => contender !== OURS && !results.peers.includes(contender),
  );
  const has = (row: string) =>
    methods.some(method => ratiosOf(results, {row, method, threads}) !== null);
  const rows = results.rows.filter(row => {
    const family = results.find(row, OURS, threads)?.family;
    return family !== undefined && FAMILIES.has(family) && has(row);
  });
  if (rows.length === 0) return null;

  const means = methods.map(method => {
    const all = rows.flatMap(row => ratiosOf(results, {row, method, threads}) ?? []);
    const mean = (pick: (ratios: Ratios) => number) => geometricMean(all.map(pick));
    return formatRatios({time: mean(({time}) => time), bytes: mean(({bytes}) => bytes)});
  });
  return markdownTable(
    ['layer', ...methods],
    [
      ...rows.map(row => [
        row,
        ...methods.map(method => formatRatios(ratiosOf(results, {row, method, threads}))),
      ]),
      ['**geometric mean**', ...means],
    ],
  );
}

function ratiosOf(
  results: Results,
  {row, method, threads}: {readonly row: string; readonly method: string; readonly threads: number},
): Ratios | null {
  const ours = results.find(row, OURS, threads);
  const other = results.find(row, method, threads);
  if (ours === undefined || other === undefined) return null;
  return {time: other.msP50 / ours.msP50, bytes: bytesOf(other) / bytesOf(ours)};
}

function bytesOf({counted}: ResultLine): number {
  return counted === null ? Number.NaN : counted.readBytes + counted.writtenBytes;
}

function formatRatios(ratios: Ratios | null): string {
  if (ratios === null || Number.isNaN(ratios.time)) return MISSING;
  return `${ratios.time.toFixed(2)} / ${ratios.bytes.toFixed(2)}`;
}
