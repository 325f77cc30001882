// The candidates of a convolution as a table.

import type {
  CandidateWork,
  ExplainedCandidate,
  ExplainedChoice,
} from '../program/explain-choice.js';
import {levelBytes, levelColumns} from './level-columns.js';
import {formatBytes, formatCount, formatNs} from './sizes.js';
import {formatTable} from './table.js';

/** A line for every schedule; the one that is taken has a mark. */
export function whyTable({candidates}: ExplainedChoice): string {
  const levels = candidates.find(({work}) => work?.levels !== undefined)?.work?.levels ?? [];
  const columns = [
    {title: ''},
    {title: 'schedule'},
    {title: 'steps', align: 'right'},
    {title: 'regions', align: 'right'},
    {title: 'macs', align: 'right'},
    {title: 'read', align: 'right'},
    {title: 'written', align: 'right'},
    ...levelColumns(levels),
    {title: 'cost', align: 'right'},
    ...(levels.length > 0 ? [{title: 'predicted', align: 'right'} as const] : []),
    {title: ''},
  ] as const;
  return formatTable(
    columns,
    candidates.map(candidate => row(candidate, levels.length)),
  );
}

function row(candidate: ExplainedCandidate, levels: number): string[] {
  const {isChosen, tile, work, reason} = candidate;
  const schedule = tile === null ? candidate.schedule : `${candidate.schedule} ${tile}x${tile}`;
  const mark = isChosen ? '*' : '';
  if (work === null) {
    const blanks = Array<string>(6 + levels + (levels > 0 ? 1 : 0)).fill('');
    return [mark, schedule, ...blanks, `– ${reason}`];
  }
  return [
    mark,
    schedule,
    String(work.steps),
    String(work.regions),
    formatCount(work.macs),
    formatBytes(work.readBytes),
    formatBytes(work.writtenBytes),
    ...levelBytes(work.levels),
    formatCount(work.cost),
    ...(work.predictedNs === undefined ? [] : [formatNs(work.predictedNs)]),
    remark(work),
  ];
}

function remark({copiedElements}: CandidateWork): string {
  return copiedElements === 0
    ? ''
    : `and copies ${formatBytes(copiedElements * 4)} to or from planes`;
}
