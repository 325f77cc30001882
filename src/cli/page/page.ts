// One HTML file that shows an explanation: charts as data, the table, and the script that draws, all inside.

import {createHash} from 'node:crypto';
import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {UntangleError} from '../../errors.js';
import type {Explanation} from '../../program/program.js';
import {farthest, predictedMs, type Roof} from '../roof.js';
import {formatBytes, formatCount, formatMs, formatNumber, formatShape} from '../sizes.js';
import {describeLess, trafficBytes} from '../traffic.js';
import {commandTable} from './command-table.js';
import {escapeHtml, escapeJson} from './escape.js';
import {arenaShare, memoryChart} from './memory-chart.js';
import {rooflineChart} from './roofline-chart.js';
import {layerTraffic, trafficChart} from './traffic-chart.js';

/** What scripts/build-page.mjs makes of browser/: text to be put into pages. */
export interface PageAssets {
  readonly script: string;
  readonly style: string;
  readonly licences: string;
}

export interface PageParts {
  readonly explanation: Explanation;
  readonly roof: Roof;
  readonly budgetBytes?: number | undefined;
  readonly version: string;
}

/** @throws ERR_INTERNAL when the package was built without them */
export async function readPageAssets(
  folder = join(import.meta.dirname, 'assets'),
): Promise<PageAssets> {
  const read = (name: string) => readFile(join(folder, name), 'utf8');
  try {
    const [script, style, licences] = await Promise.all(
      ['page.js', 'page.css', 'licences.txt'].map(read),
    );
    return {script: script!, style: style!, licences: licences!};
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UntangleError('ERR_INTERNAL', [
      `the charts of this package are missing, npm run build:ts makes them (${reason})`,
    ]);
  }
}

/** The page; its policy lets nothing in from outside, and no script but its own run. */
export function htmlPage(parts: PageParts, {script, style, licences}: PageAssets): string {
  const {explanation, roof, budgetBytes} = parts;
  const layers = layerTraffic(explanation);
  const charts = {
    memory: memoryChart(explanation, budgetBytes),
    ...(layers.length === 0 ? {} : {traffic: trafficChart(layers)}),
    roofline: rooflineChart(explanation, roof),
  };
  const hash = createHash('sha256').update(script).digest('base64');
  const policy = `default-src 'none'; script-src 'sha256-${hash}'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'`;
  const title = escapeHtml(explanation.model);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} – untangled</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>${title}</h1>
<p>${portsText(explanation)}</p>
${factsHtml(parts)}
</header>
<main>
${memorySection(parts)}
${trafficSection(explanation, layers.length)}
${rooflineSection(explanation, roof)}
<section aria-labelledby="commands-title">
<h2 id="commands-title">Commands</h2>
<div class="scroll" role="region" aria-labelledby="commands-title" tabindex="0">
${commandTable(explanation, roof)}
</div>
</section>
</main>
<footer>
<p>Written by untangle ${escapeHtml(parts.version)}. Counts are exact and at arena level: every distinct element that a pass reads or writes, once.</p>
<details><summary>Licences of the software that draws the charts</summary><pre>${escapeHtml(licences)}</pre></details>
</footer>
<script type="application/json" id="charts">${escapeJson(charts)}</script>
<script>${script}</script>
</body>
</html>
`;
}

function portsText({inputs, outputs}: Explanation): string {
  const list = (ports: Explanation['inputs']) =>
    ports.map(({name, shape}) => `${escapeHtml(name)} ${formatShape(shape)}`).join(', ');
  return `${list(inputs)} → ${list(outputs)}`;
}

function factsHtml({explanation, budgetBytes, roof}: PageParts): string {
  const {totals, baselines} = explanation;
  const bytes = trafficBytes(totals);
  const facts: (readonly [string, string, string])[] = [
    ['multiply-adds', formatCount(totals.macs), `${explanation.commands.length} commands`],
    [
      'traffic',
      formatBytes(bytes),
      `${describeLess(bytes, trafficBytes(baselines.zeroInsertIm2col))} than zero insertion + im2col`,
    ],
    ['arena peak', formatBytes(totals.arenaPeakBytes), `${explanation.blocks.length} blocks`],
    ['weights', formatBytes(totals.weightsBytes), 'packed'],
    [
      'predicted time',
      formatMs(explanation.commands.reduce((sum, one) => sum + predictedMs(roof, one), 0)),
      explanation.board === undefined ? 'at best, on this machine' : roof.board,
    ],
    [
      'memory in all',
      formatBytes(totals.totalBytes),
      budgetBytes === undefined ? 'no budget given' : `budget ${formatBytes(budgetBytes)}`,
    ],
  ];
  const items = facts.map(
    ([name, value, more]) =>
      `<div><dt>${name}</dt><dd>${escapeHtml(value)}</dd><dd class="more">${escapeHtml(more)}</dd></div>`,
  );
  return `<dl class="facts">${items.join('')}</dl>`;
}

function memorySection({explanation, budgetBytes}: PageParts): string {
  const share =
    budgetBytes === undefined
      ? ''
      : ` Of the budget of ${formatBytes(budgetBytes)}, ${formatBytes(Math.max(0, arenaShare(explanation, budgetBytes)))} are left for the arena.`;
  return chartSection(
    'memory',
    'Memory over time',
    `Each block is a piece of the arena, from the first command that touches it to the last; blocks never overlap.${share} Drag to move, Shift and the wheel to zoom, a double click to go back.`,
  );
}

function trafficSection({totals, baselines}: Explanation, layers: number): string {
  const own = trafficBytes(totals);
  const ways = [
    ['zero insertion + im2col', baselines.zeroInsertIm2col],
    ['zero insertion, direct', baselines.zeroInsertDirect],
    ['GEMM + col2im', baselines.gemmCol2im],
  ] as const;
  const sums = ways.map(
    ([name, way]) =>
      `${name} ${formatBytes(trafficBytes(way))} (${describeLess(own, trafficBytes(way))} here)`,
  );
  const text = `The whole model moves ${formatBytes(own)}; with every convolution done the usual way it would be: ${sums.join(', ')}.`;
  if (layers === 0)
    return `<section><h2>Traffic of the convolutions</h2><p>The model has no convolutions.</p></section>`;
  return chartSection('traffic', 'Traffic of the convolutions', text, true);
}

function rooflineSection({commands, board}: Explanation, roof: Roof): string {
  const level = farthest(roof);
  const still = commands.filter(({macs}) => macs === 0).length;
  const left = still === 0 ? '' : ` ${still} commands multiply nothing and are only in the table.`;
  const points =
    board === undefined
      ? 'Points lie where they could be at best, left of the bend on the slope of the memory;'
      : 'Points lie where the model of the board expects them, above the slope of the memory where caches serve them;';
  return chartSection(
    'roofline',
    'Roofline',
    `${roof.board}, ${roof.threads} ${roof.threads === 1 ? 'thread' : 'threads'}: at most ${formatNumber(roof.gflops)} GFLOP/s and ${formatNumber(level.gbs)} GB/s. ${points} their area is the FLOP they do.${left}`,
  );
}

function chartSection(id: string, title: string, text: string, isLong = false): string {
  const scroll = isLong
    ? ` class="scroll" tabindex="0" role="region" aria-labelledby="${id}-title"`
    : '';
  return `<section aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
<p>${escapeHtml(text)}</p>
<div${scroll}><figure data-chart="${id}"></figure></div>
</section>`;
}
