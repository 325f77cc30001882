// Memory over time: blocks of the arena, offset over command, with what the budget leaves for it.

import type {ArenaBlock, Explanation} from '../../program/program.js';
import {formatBytes} from '../sizes.js';
import {
  AUTOSIZE,
  type Axis,
  type ByteUnit,
  type ChartSpec,
  type Layer,
  SCHEMA,
  shortName,
  unitFor,
} from './chart.js';
import {FAMILIES, familyOf} from './families.js';

/** A limit further above the peak than this, in peaks, would press the blocks flat. */
const FARTHEST_LINE = 1.5;
/** Where such a limit is drawn instead, with an arrow. */
const FAR_AWAY = 1.2;
/** Room above the highest line for its text. */
const HEADROOM = 1.1;

/** Bytes of `budgetBytes` that are left for the arena when the rest has what it needs. */
export function arenaShare({totals}: Explanation, budgetBytes: number): number {
  return budgetBytes - (totals.totalBytes - totals.arenaPeakBytes);
}

/** One rectangle per block; a command takes the place from its index to the next. */
export function memoryChart(explanation: Explanation, budgetBytes: number | undefined): ChartSpec {
  const {totals, commands} = explanation;
  const unit = unitFor(totals.arenaPeakBytes);
  const peak = {
    bytes: totals.arenaPeakBytes,
    text: `peak ${formatBytes(totals.arenaPeakBytes)}`,
  };
  const limit = budgetBytes === undefined ? [] : [budgetLine(explanation, budgetBytes)];
  const highest = [peak, ...limit].reduce((most, {bytes}) => Math.max(most, bytes), 0);
  const y = {
    field: 'low',
    type: 'quantitative',
    title: `arena offset (${unit.name})`,
    scale: {domain: [0, Math.max(1, (HEADROOM * highest) / unit.bytes)], nice: false},
  } satisfies Axis;
  return {
    $schema: SCHEMA,
    description: `Blocks of the arena over the ${commands.length} commands that use them; the peak is ${formatBytes(totals.arenaPeakBytes)}.`,
    width: 'container',
    height: 380,
    autosize: AUTOSIZE,
    layer: [
      blockLayer(explanation, unit, y),
      ...lineLayers(peak, unit, {align: 'left', strokeDash: [2, 3]}),
      ...limit.flatMap(line =>
        lineLayers(line, unit, {align: 'right', style: 'limit', strokeDash: [7, 4]}),
      ),
    ],
  };
}

function blockLayer(explanation: Explanation, unit: ByteUnit, y: Axis): Layer {
  const {blocks, commands} = explanation;
  const rows = blocks.map(block => blockRow(block, explanation, unit));
  const used = new Set<string>(rows.map(({family}) => family));
  return {
    data: {values: rows},
    params: [
      {
        name: 'view',
        select: {type: 'interval', encodings: ['x'], zoom: 'wheel![event.shiftKey]'},
        bind: 'scales',
      },
    ],
    mark: {type: 'rect', clip: true, strokeWidth: 0.6},
    encoding: {
      x: {
        field: 'from',
        type: 'quantitative',
        title: 'command, in order of execution',
        scale: {domain: [firstPlace(blocks), commands.length], nice: false},
        axis: {tickMinStep: 1, labelExpr: "datum.value < 0 ? 'input' : format(datum.value, 'd')"},
      },
      x2: {field: 'to'},
      y,
      y2: {field: 'high'},
      color: {
        field: 'family',
        type: 'nominal',
        title: null,
        scale: {domain: [...FAMILIES]},
        legend: {orient: 'top', columns: 4, values: FAMILIES.filter(family => used.has(family))},
      },
      tooltip: [
        {field: 'name', type: 'nominal'},
        {field: 'use', type: 'nominal', title: 'what it is'},
        {field: 'size', type: 'nominal'},
        {field: 'offset', type: 'nominal'},
        {field: 'commands', type: 'nominal', title: 'in use'},
      ],
    },
  };
}

/** A line over the whole width, and what it says. */
function lineLayers(
  {bytes, text}: {readonly bytes: number; readonly text: string},
  unit: ByteUnit,
  {
    align,
    ...look
  }: {
    readonly align: 'left' | 'right';
    readonly style?: string;
    readonly strokeDash: number[];
  },
): Layer[] {
  const data = {values: [{at: bytes / unit.bytes, text}]};
  const y = {field: 'at', type: 'quantitative'} satisfies Axis;
  return [
    {data, mark: {type: 'rule', strokeWidth: 1.5, ...look}, encoding: {y}},
    {
      data,
      mark: {type: 'text', align, baseline: 'bottom', dy: -3, fontWeight: 600},
      encoding: {
        x: {value: align === 'left' ? 4 : 'width'},
        y,
        text: {field: 'text', type: 'nominal'},
      },
    },
  ];
}

function firstPlace(blocks: readonly ArenaBlock[]): number {
  return blocks.reduce((first, {firstCommand}) => Math.min(first, firstCommand), 0);
}

/** Where the arena would have to end; above the picture it is drawn at its edge and says so. */
function budgetLine(explanation: Explanation, budgetBytes: number) {
  const share = Math.max(0, arenaShare(explanation, budgetBytes));
  const text = `budget ${formatBytes(budgetBytes)}: ${formatBytes(share)} for the arena`;
  const peak = explanation.totals.arenaPeakBytes;
  if (share <= FARTHEST_LINE * peak) return {bytes: share, text};
  return {bytes: FAR_AWAY * peak, text: `${text}, far above ↑`};
}

function blockRow(block: ArenaBlock, {commands}: Explanation, unit: ByteUnit) {
  const {name, kind, offsetBytes, bytes, firstCommand, lastCommand} = block;
  const op = commands[firstCommand]?.op ?? '';
  const first = firstCommand < 0 ? 'before the first command' : `from command ${firstCommand}`;
  return {
    name: shortName(name),
    family: kind === 'value' ? familyOf(op) : kind,
    use: kind === 'value' ? `output of ${op}` : kind === 'input' ? 'input' : `scratch of ${op}`,
    from: firstCommand,
    to: lastCommand + 1,
    low: offsetBytes / unit.bytes,
    high: (offsetBytes + bytes) / unit.bytes,
    size: `${formatBytes(bytes)} (${bytes} bytes)`,
    offset: `byte ${offsetBytes}`,
    commands: `${first} to ${Math.max(lastCommand, firstCommand)}`,
  };
}
