// The table of all commands: plain HTML, so that it needs no script to be read.

import type {Explanation} from '../../program/program.js';
import {limitOf, predictedMs, type Roof} from '../roof.js';
import {formatBytes, formatCount, formatMs, formatNumber, formatShape} from '../sizes.js';
import {escapeHtml} from './escape.js';
import {intensityOf} from './roofline-chart.js';

/** A cell: what is shown, and the number behind it where there is one. */
interface Cell {
  readonly text: string;
  readonly value?: number;
}

const COLUMNS: readonly {readonly title: string; readonly isNumber: boolean}[] = [
  {title: '#', isNumber: true},
  {title: 'command', isNumber: false},
  {title: 'name', isNumber: false},
  {title: 'output', isNumber: false},
  {title: 'schedule', isNumber: false},
  {title: 'MACs', isNumber: true},
  {title: 'read', isNumber: true},
  {title: 'written', isNumber: true},
  {title: 'FLOP per byte', isNumber: true},
  {title: 'predicted', isNumber: true},
  {title: 'limited by', isNumber: false},
  {title: 'arena offset', isNumber: true},
];

/** Rows in order of execution; a press on a heading sorts by it. */
export function commandTable({commands}: Explanation, roof: Roof): string {
  const head = COLUMNS.map(
    ({title, isNumber}) =>
      `<th scope="col"${isNumber ? ' class="number"' : ''}><button type="button">${escapeHtml(title)}</button></th>`,
  );
  const rows = commands.map((command, index) => {
    const {op, name, shape, schedule, macs, readBytes, writtenBytes, arenaOffset} = command;
    const intensity = intensityOf(command);
    const cells: Cell[] = [
      {text: String(index), value: index},
      {text: op},
      {text: name},
      {text: formatShape(shape)},
      {text: schedule},
      {text: formatCount(macs), value: macs},
      {text: formatBytes(readBytes), value: readBytes},
      {text: formatBytes(writtenBytes), value: writtenBytes},
      {text: intensity === null ? '–' : formatNumber(intensity), value: intensity ?? -1},
      {text: formatMs(predictedMs(roof, command)), value: predictedMs(roof, command)},
      {text: limitOf(roof, command)},
      {text: arenaOffset < 0 ? 'output' : String(arenaOffset), value: arenaOffset},
    ];
    return `<tr>${cells.map(cellHtml).join('')}</tr>`;
  });
  return `<table id="commands">
<caption>${commands.length} commands in order of execution. Press a heading to sort.</caption>
<thead><tr>${head.join('')}</tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>`;
}

function cellHtml({text, value}: Cell): string {
  const number = value === undefined ? '' : ` class="number" data-value="${value}"`;
  return `<td${number}>${escapeHtml(text)}</td>`;
}
