// The page of `untangle explain --html` in a real browser: it draws, by day and by night, and lets nothing in or out.

import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import type {ExecutionContext} from 'ava';
import type {Page} from 'playwright-core';
import {METHODS} from '../../src/cli/page/traffic-chart.js';
import type {Explanation} from '../../src/program/program.js';
import {browserTest, openPage} from '../helpers/chromium.js';
import {untangle} from '../helpers/command-line.js';
import {model, type NodeSpec} from '../helpers/onnx-builder.js';

const HOSTILE = `</script><script>window.wasHacked = 1</script><img src=x onerror="window.wasHacked = 2">'"&\u2028`;

/** Convolutions, each with an operator that cannot be fused behind it, one after the other. */
function chain(length: number, name: (index: number) => string): Uint8Array {
  const nodes = Array.from({length}, (_, index): NodeSpec[] => [
    {
      op: 'Conv',
      name: name(index),
      inputs: [index === 0 ? 'x' : `b${index - 1}`, 'w'],
      outputs: [`a${index}`],
      attrs: {pads: [1, 1, 1, 1]},
    },
    {
      op: 'MaxPool',
      name: `pool ${index}`,
      inputs: [`a${index}`],
      outputs: [index === length - 1 ? 'y' : `b${index}`],
      attrs: {kernel_shape: [3, 3], pads: [1, 1, 1, 1]},
    },
  ]).flat();
  return model({
    inputs: [{name: 'x', dims: [1, 8, 16, 16]}],
    outputs: [{name: 'y', dims: [1, 8, 16, 16]}],
    nodes,
    initializers: {w: {dims: [8, 8, 3, 3], data: Array.from({length: 576}, (_, i) => (i % 7) - 3)}},
  });
}

interface Written {
  readonly page: string;
  readonly explanation: Explanation;
}

async function writePage(
  t: ExecutionContext,
  bytes: Uint8Array,
  ...args: string[]
): Promise<Written> {
  const folder = mkdtempSync(path.join(tmpdir(), 'untangle-page-'));
  t.teardown(() => rmSync(folder, {recursive: true}));
  writeFileSync(path.join(folder, 'model.onnx'), bytes);
  const result = await untangle(
    folder,
    ...['explain', 'model.onnx', '--html', 'page.html', '--json', ...args],
  );
  t.is(result.code, 0, result.stderr);
  return {
    page: path.join(folder, 'page.html'),
    explanation: JSON.parse(result.stdout) as Explanation,
  };
}

const isDrawn = (page: Page, scheme: string) => page.waitForSelector(`html[data-drawn=${scheme}]`);
const countMarks = (page: Page, chart: string, mark: string) =>
  page.locator(`[data-chart=${chart}] g.mark-${mark}.role-mark path`).count();

/** Marks and rows are as many as there are blocks, bars and commands. */
async function checkCounts(
  t: ExecutionContext,
  page: Page,
  {blocks, commands, convolutions}: Explanation,
) {
  t.is(await countMarks(page, 'memory', 'rect'), blocks.length);
  t.is(await countMarks(page, 'traffic', 'rect'), METHODS.length * convolutions.length);
  const multiplying = commands.filter(({macs}) => macs > 0).length;
  t.is(await countMarks(page, 'roofline', 'symbol'), multiplying);
  t.is(await page.locator('#commands tbody tr').count(), commands.length);
}

browserTest('every chart is drawn, light and dark, without a word on the console', async t => {
  const {page: file, explanation} = await writePage(
    t,
    chain(3, i => `conv ${i}`),
    '--memory',
    '2MiB',
  );
  const {page, complaints} = await openPage(t, file, 'light');
  await isDrawn(page, 'light');
  await checkCounts(t, page, explanation);
  t.regex((await page.textContent('[data-chart=memory]')) ?? '', /budget 2 MiB/);
  const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
  const day = await background();

  await page.emulateMedia({colorScheme: 'dark'});
  await isDrawn(page, 'dark');
  await checkCounts(t, page, explanation);
  t.not(await background(), day);
  t.deepEqual(complaints, []);
});

browserTest('a block says what it is under the pointer', async t => {
  const {page: file} = await writePage(
    t,
    chain(2, i => `conv ${i}`),
  );
  const {page, complaints} = await openPage(t, file);
  await isDrawn(page, 'light');
  await page.locator('[data-chart=memory] g.mark-rect.role-mark path').first().hover();
  await page.waitForSelector('#vg-tooltip-element.visible');
  t.regex((await page.textContent('#vg-tooltip-element')) ?? '', /input.*8 KiB \(8192 bytes\)/s);
  t.deepEqual(complaints, []);
});

browserTest('a board is drawn with its caches, and its predictions are told', async t => {
  const {page: file, explanation} = await writePage(
    t,
    chain(2, i => `conv ${i}`),
    ...['--board', 'jetson-orin-nano', '--threads', '2'],
  );
  const {page, complaints} = await openPage(t, file);
  await isDrawn(page, 'light');
  await checkCounts(t, page, explanation);
  const chart = (await page.textContent('[data-chart=roofline]')) ?? '';
  for (const level of ['L1', 'memory']) t.regex(chart, new RegExp(`${level}, [0-9.]+ GB/s`));
  const predicted = await page
    .locator('#commands tbody td:nth-child(10)')
    .evaluateAll(cells => cells.map(cell => Number(cell.getAttribute('data-value'))));
  t.deepEqual(
    predicted,
    explanation.commands.map(({predictedNs}) => predictedNs! / 1e6),
  );
  t.deepEqual(complaints, []);
});

browserTest('the table is reached and sorted by keys alone', async t => {
  const {page: file, explanation} = await writePage(
    t,
    chain(3, i => `conv ${i}`),
  );
  const {page, complaints} = await openPage(t, file);
  await isDrawn(page, 'light');
  const focused = () => page.evaluate<string>('document.activeElement.textContent.trim()');
  for (let presses = 0; presses < 40 && (await focused()) !== 'MACs'; presses++)
    await page.keyboard.press('Tab');
  t.is(await focused(), 'MACs');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  const shown = await page
    .locator('#commands tbody td:nth-child(6)')
    .evaluateAll(cells => cells.map(cell => Number(cell.getAttribute('data-value'))));
  t.deepEqual(
    shown,
    explanation.commands.map(({macs}) => macs).sort((a, b) => b - a),
  );
  t.is(await page.locator('#commands th[aria-sort=descending]').count(), 1);
  t.deepEqual(complaints, []);
});

browserTest('500 commands and names that want to break out are drawn as text', async t => {
  const name = (index: number) => `${HOSTILE} ${index}`;
  const {page: file, explanation} = await writePage(t, chain(250, name), '--memory', '64MiB');
  t.true(explanation.commands.length >= 500);
  const {page, complaints} = await openPage(t, file, 'dark');
  await isDrawn(page, 'dark');
  await checkCounts(t, page, explanation);
  t.is(await page.evaluate('window.wasHacked'), undefined);
  t.is(await page.locator('img').count(), 0);
  t.true((await page.textContent('#commands'))!.includes(name(7)));
  t.deepEqual(complaints, []);
  t.true(readFileSync(file).length < 4 * 2 ** 20);
});
