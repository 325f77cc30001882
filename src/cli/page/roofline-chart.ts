// The roofline: what each command could reach, by the FLOP it does per byte it moves.

import type {CommandInfo, Explanation} from '../../program/program.js';
import {attainable, limitOf, predictedMs, type Roof, ridge} from '../roof.js';
import {formatBytes, formatCount, formatMs, formatNumber} from '../sizes.js';
import {trafficBytes} from '../traffic.js';
import {AUTOSIZE, type Axis, type ChartSpec, SCHEMA, shortName} from './chart.js';
import {familyOf} from './families.js';

/** FLOP per byte of arena traffic; two for a multiply-add, null where nothing is multiplied. */
export function intensityOf(command: CommandInfo): number | null {
  const bytes = trafficBytes(command);
  return command.macs > 0 && bytes > 0 ? (2 * command.macs) / bytes : null;
}

/** How far the slopes go to the left of their bends at least, so that their names find room. */
const LEFT = 8;

/** A point for each command that multiplies, and a roof for each memory level. */
export function rooflineChart({commands}: Explanation, roof: Roof): ChartSpec {
  const points = commands.flatMap((command, index) => pointOf(command, index, roof));
  const ridges = roof.levels.map(level => ridge(roof, level));
  const intensities = [...points.map(({intensity}) => intensity), ...ridges.map(at => at / LEFT)];
  const domain: [number, number] = [
    10 ** Math.floor(Math.log10(Math.min(...intensities, 1))),
    10 ** Math.ceil(Math.log10(Math.max(...intensities, 100))),
  ];
  const x = {
    field: 'intensity',
    type: 'quantitative',
    title: 'FLOP per byte read or written',
    scale: {type: 'log', domain, nice: false},
    axis: {format: '~g', grid: true},
  } satisfies Axis;
  const y = {
    field: 'gflops',
    type: 'quantitative',
    title: 'predicted GFLOP/s',
    scale: {type: 'log', nice: true},
    axis: {format: '~g', grid: true},
  } satisfies Axis;
  return {
    $schema: SCHEMA,
    description: `Predicted GFLOP/s over FLOP per byte for ${points.length} commands on ${roof.board}, ${roof.threads} threads.`,
    width: 'container',
    autosize: AUTOSIZE,
    height: 360,
    layer: [
      {
        data: {values: roofLines(roof, domain)},
        mark: {type: 'line', strokeWidth: 2},
        encoding: {x, y, detail: {field: 'level', type: 'nominal'}},
      },
      {
        data: {values: roofLabels(roof, domain)},
        mark: {type: 'text', align: 'right', baseline: 'bottom', dx: -6, dy: -3},
        encoding: {x, y, text: {field: 'text', type: 'nominal'}},
      },
      {
        data: {values: points},
        mark: {type: 'point', filled: true, opacity: 0.75, strokeWidth: 1},
        encoding: {
          x,
          y,
          color: {field: 'op', type: 'nominal', title: null, legend: {orient: 'top'}},
          shape: {field: 'op', type: 'nominal', title: null},
          size: {field: 'flop', type: 'quantitative', scale: {range: [40, 500]}, legend: null},
          tooltip: [
            {field: 'name', type: 'nominal'},
            {field: 'op', type: 'nominal', title: 'command'},
            {field: 'schedule', type: 'nominal'},
            {field: 'count', type: 'nominal', title: 'FLOP'},
            {field: 'bytes', type: 'nominal', title: 'traffic'},
            {field: 'intensity', type: 'quantitative', title: 'FLOP per byte', format: '.3~g'},
            {field: 'gflops', type: 'quantitative', title: 'predicted GFLOP/s', format: '.3~g'},
            {field: 'time', type: 'nominal', title: 'predicted time'},
            {field: 'limit', type: 'nominal', title: 'limited by'},
            {field: 'levels', type: 'nominal', title: 'from caches and memory'},
          ],
        },
      },
    ],
  };
}

function pointOf(command: CommandInfo, index: number, roof: Roof) {
  const intensity = intensityOf(command);
  if (intensity === null) return [];
  const {op, name, schedule, macs} = command;
  return [
    {
      name: `${index}  ${shortName(name)}`,
      op: op === 'matmul' ? op : `${familyOf(op)}: ${op}`,
      schedule,
      flop: 2 * macs,
      count: `${formatCount(2 * macs)}FLOP`,
      bytes: formatBytes(trafficBytes(command)),
      intensity,
      gflops: macs / predictedMs(roof, command) / 5e5,
      limit: limitOf(roof, command),
      time: formatMs(predictedMs(roof, command)),
      levels: levelText(command),
    },
  ];
}

/** Straight in a plot of logarithms: from the left edge to the ridge, then level. */
function roofLines(roof: Roof, [left, right]: readonly [number, number]) {
  return roof.levels.flatMap(level =>
    [left, ridge(roof, level), right].map(intensity => ({
      level: level.name,
      intensity,
      gflops: attainable(roof, level, intensity),
    })),
  );
}

function roofLabels(roof: Roof, [left, right]: readonly [number, number]) {
  const slopes = roof.levels.map(level => {
    const middle = Math.sqrt(left * ridge(roof, level));
    const text = `${level.name}, ${formatNumber(level.gbs)} GB/s`;
    return {intensity: middle, gflops: attainable(roof, level, middle), text};
  });
  const top = {
    intensity: right,
    gflops: roof.gflops,
    text: `arithmetic, ${formatNumber(roof.gflops)} GFLOP/s`,
  };
  return [...slopes, top];
}

/** Bytes that cross each cache, where they were counted for a board. */
function levelText({levels = []}: CommandInfo): string {
  return levels.map(level => `${level.from} ${formatBytes(trafficBytes(level))}`).join(', ') || '–';
}
