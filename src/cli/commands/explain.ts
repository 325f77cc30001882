// untangle explain: what a model is compiled to, where it lies and what was counted.

import type {Command} from 'commander';
import type {Explanation} from '../../program/program.js';
import {findRoof} from '../known-roof.js';
import {levelBytes, levelColumns} from '../level-columns.js';
import {describeMachine} from '../machine.js';
import {explainFile, explainFileChoice, type ModelFile, openModelFile} from '../model-file.js';
import {addOptions, type CliOptions} from '../options.js';
import {packageVersion} from '../package-root.js';
import {htmlPage, readPageAssets} from '../page/page.js';
import {print, printJson} from '../report.js';
import {formatBytes, formatCount, formatNs, formatShape} from '../sizes.js';
import {formatTable} from '../table.js';
import {describeLess, trafficBytes} from '../traffic.js';
import {whyTable} from '../why-table.js';
import {writeFileAtomic} from '../write-file.js';

export function addExplainCommand(program: Command): void {
  const command = program
    .command('explain')
    .description(
      'show the commands a model is compiled to, with counted operations and memory traffic',
    )
    .argument('<model>', 'an ONNX model or a compiled program')
    .addHelpText(
      'after',
      `
Examples:
  untangle explain generator.onnx
  untangle explain generator.onnx --schedule huge2 --json
  untangle explain generator.onnx --memory 24MiB --html generator.html
  untangle explain generator.onnx --board jetson-nano --html generator.html`,
    )
    .action(explainCommand);
  addOptions(
    command,
    'shape',
    'constant',
    'device',
    'threads',
    'memory',
    'schedule',
    'exact',
    'board',
    'weights',
    'why',
    'html',
    'streamWeights',
    'json',
  );
}

async function explainCommand(path: string, options: CliOptions): Promise<void> {
  const file = await openModelFile(path, options);
  if (options.why !== undefined) {
    await explainWhy(file, options.why, options);
    return;
  }
  const explanation = await explainFile(file);
  if (options.html !== undefined) await writePage(options.html, explanation, options);
  if (options.json) {
    printJson(explanation);
    return;
  }
  if (options.html !== undefined) {
    print(`${options.html}: charts of ${explanation.commands.length} commands`);
    return;
  }
  for (const [role, ports] of [
    ['input', explanation.inputs],
    ['output', explanation.outputs],
  ] as const) {
    for (const {name, shape} of ports) print(`${role} ${name}  ${formatShape(shape)}`);
  }
  print('');
  print(commandTable(explanation));
  print('');
  print([...totalLines(explanation), ...boardLines(explanation)].join('\n'));
}

async function explainWhy(file: ModelFile, name: string, {json}: CliOptions): Promise<void> {
  const choice = await explainFileChoice(file, name);
  if (json) {
    printJson(choice);
    return;
  }
  print(`${choice.name}, * is taken:`);
  print('');
  print(whyTable(choice));
}

/** @throws ERR_FILE_WRITE; without a board ERR_ADDON_MISSING */
async function writePage(
  path: string,
  explanation: Explanation,
  {memory, threads, board}: CliOptions,
): Promise<void> {
  const parts = {
    explanation,
    roof: await findRoof(board, threads ?? describeMachine().cores),
    budgetBytes: memory,
    version: packageVersion(),
  };
  const page = htmlPage(parts, await readPageAssets());
  await writeFileAtomic(path, Buffer.from(page));
}

function commandTable({commands}: Explanation): string {
  const levels = commands[0]?.levels;
  const isPredicted = commands[0]?.predictedNs !== undefined;
  const columns = [
    {title: '#', align: 'right'},
    {title: 'op'},
    {title: 'name'},
    {title: 'shape'},
    {title: 'schedule'},
    {title: 'macs', align: 'right'},
    {title: 'read', align: 'right'},
    {title: 'written', align: 'right'},
    ...levelColumns(levels),
    ...(isPredicted ? [{title: 'predicted', align: 'right'} as const] : []),
    {title: 'arena offset', align: 'right'},
  ] as const;
  const rows = commands.map((command, index) => [
    String(index),
    command.op,
    shorten(command.name),
    formatShape(command.shape),
    command.schedule,
    formatCount(command.macs),
    formatBytes(command.readBytes),
    formatBytes(command.writtenBytes),
    ...levelBytes(command.levels),
    ...(command.predictedNs === undefined ? [] : [formatNs(command.predictedNs)]),
    command.arenaOffset < 0 ? 'output' : String(command.arenaOffset),
  ]);
  return formatTable(columns, rows);
}

function boardLines({board, commands}: Explanation): string[] {
  if (board === undefined) return [];
  const {name, source, threads, freeBytes} = board;
  const ns = commands.reduce((sum, {predictedNs = 0}) => sum + predictedNs, 0);
  const free = freeBytes === null ? '' : `, ${formatBytes(freeBytes)} of its memory are free`;
  return [
    '',
    `on ${name} (${source}), ${threads} thread(s): ${formatNs(ns)} predicted${free}`,
    ...(commands[0]?.levels === undefined
      ? []
      : ['levels: bytes that are expected to come from and go to each, in whole cache lines']),
  ];
}

function shorten(name: string): string {
  return name.length > 40 ? `...${name.slice(-37)}` : name;
}

/** What lives at once at the fullest moment: no placement can do with less. */
function boundText({memory}: Explanation): string {
  return memory === undefined
    ? ''
    : `, of ${formatBytes(memory.arenaLowerBoundBytes)} alive at once`;
}

function totalLines(explanation: Explanation): string[] {
  const {totals, baselines} = explanation;
  const traffic = trafficBytes(totals);
  const lines = [
    `macs           ${formatCount(totals.macs)}`,
    `traffic        ${formatBytes(traffic)} (${formatBytes(totals.readBytes)} read, ${formatBytes(totals.writtenBytes)} written)`,
    `arena peak     ${formatBytes(totals.arenaPeakBytes)}${boundText(explanation)}`,
    `weights        ${formatBytes(totals.weightsBytes)}`,
    ...(totals.streamedBytes === undefined
      ? []
      : [`read in a run  ${formatBytes(totals.streamedBytes)} of weights that stay in the file`]),
    `memory in all  ${formatBytes(totals.totalBytes)}`,
    ...(explanation.memory?.measures ?? []).map(measure => `to hold less   ${measure}`),
    '',
    'the same model done in other ways, counted by the same rules:',
  ];
  const rows = [
    ['zero insertion + im2col', baselines.zeroInsertIm2col],
    ['zero insertion, direct', baselines.zeroInsertDirect],
    ['GEMM + col2im', baselines.gemmCol2im],
  ] as const;
  const columns = [
    {title: 'method'},
    {title: 'macs', align: 'right'},
    {title: 'traffic', align: 'right'},
    {title: 'here'},
  ] as const;
  const cells = rows.map(([title, baseline]) => [
    title,
    formatCount(baseline.macs),
    formatBytes(trafficBytes(baseline)),
    describeLess(traffic, trafficBytes(baseline)),
  ]);
  return [...lines, formatTable(columns, cells), ...upsampledLine(explanation)];
}

/** The upsampled maps that zero insertion makes and nothing here needs, all together and the largest. */
function upsampledLine({convolutions}: Explanation): string[] {
  const bytes = convolutions.map(({upsampledBytes = 0}) => upsampledBytes);
  const most = Math.max(0, ...bytes);
  if (most === 0) return [];
  const sum = bytes.reduce((total, each) => total + each, 0);
  return [
    '',
    `upsampled maps that zero insertion would hold: ${formatBytes(sum)} in all, ${formatBytes(most)} at a time`,
  ];
}
