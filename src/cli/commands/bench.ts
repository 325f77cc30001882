// untangle bench: repeated runs on random inputs.

import type {Command} from 'commander';
import type {Explanation} from '../../program/program.js';
import type {CommandTime} from '../../runtime/profile.js';
import type {Session} from '../../runtime/session.js';
import {findRoof} from '../known-roof.js';
import {openModelFile, openSession} from '../model-file.js';
import {addOptions, type CliOptions} from '../options.js';
import {placeOf} from '../place.js';
import {randomValues} from '../random.js';
import {print, printJson, startProgress} from '../report.js';
import {formatBytes, formatCount, formatMs, formatNumber} from '../sizes.js';
import {formatTable} from '../table.js';
import {percentile} from '../timing.js';
import {traceOf} from '../trace.js';
import {writeFileAtomic} from '../write-file.js';

const WARM_UP_RUNS = 3;

type Profile = readonly CommandTime[];

interface CommandResult {
  readonly op: string;
  readonly name: string;
  readonly schedule: string;
  readonly ms: number;
  readonly gflops: number;
}

export function addBenchCommand(program: Command): void {
  const command = program
    .command('bench')
    .description('time a model on random inputs')
    .argument('<model>', 'an ONNX model or a compiled program')
    .addHelpText(
      'after',
      `
Examples:
  untangle bench generator.onnx --threads 1 --runs 50
  untangle bench generator.onnx --per-op --schedule huge2
  untangle bench generator.onnx --trace run.json   # open it in ui.perfetto.dev`,
    )
    .action(benchCommand);
  addOptions(
    command,
    'device',
    'precision',
    'threads',
    'runs',
    'perOp',
    'trace',
    'board',
    'shape',
    'constant',
    'memory',
    'schedule',
    'exact',
    'weights',
    'streamWeights',
    'json',
  );
}

async function benchCommand(path: string, options: CliOptions): Promise<void> {
  await using session = await openSession(await openModelFile(path, options));
  const times = await timeRuns(session, options.runs);
  const profiles =
    options.perOp || options.trace !== undefined ? await profileRuns(session, options.runs) : [];
  const commands = options.perOp ? medianCommands(session.explain(), profiles) : null;
  if (options.trace !== undefined)
    await writeTrace(options.trace, session, profiles, options.board);

  const {totals} = session.explain();
  const medianMs = percentile(times, 0.5);
  const p90Ms = percentile(times, 0.9);
  const gflops = (2 * totals.macs) / medianMs / 1e6;
  const place = placeOf(session);
  if (options.json) {
    printJson({
      runs: options.runs,
      ...place.fields,
      medianMs,
      p90Ms,
      gflops,
      arenaPeakBytes: totals.arenaPeakBytes,
      commands,
    });
    return;
  }
  print(
    `median ${formatMs(medianMs)}, p90 ${formatMs(p90Ms)} over ${options.runs} runs on ${place.text}`,
  );
  print(
    `${formatNumber(gflops)} GFLOP/s (${formatCount(2 * totals.macs)}FLOP), arena peak ${formatBytes(totals.arenaPeakBytes)}`,
  );
  if (options.trace !== undefined) print(`${options.trace}: a run for ui.perfetto.dev`);
  if (commands !== null) print(`\n${commandTable(commands)}`);
}

function randomInputs(session: Session): Record<string, Float32Array> {
  return Object.fromEntries(
    session.inputs.map((port, index) => [port.name, randomValues(port, index)]),
  );
}

async function timeRuns(session: Session, runs: number): Promise<number[]> {
  const inputs = randomInputs(session);
  for (let i = 0; i < WARM_UP_RUNS; i++) await session.run(inputs);
  const progress = startProgress('timing', runs);
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    const started = performance.now();
    await session.run(inputs);
    times.push(performance.now() - started);
    progress.step();
  }
  progress.stop();
  return times;
}

/** Runs again with the profile on, so that timing commands does not disturb the times above. */
async function profileRuns(session: Session, runs: number): Promise<Profile[]> {
  const inputs = randomInputs(session);
  const profiles: Profile[] = [];
  for (let i = 0; i < runs; i++) {
    await session.run(inputs, {profile: true});
    profiles.push(session.profile ?? []);
  }
  return profiles;
}

/** Each command with the median of its times. */
function medianCommands({commands}: Explanation, profiles: readonly Profile[]): CommandResult[] {
  return commands.map(({op, name, schedule, macs}, index) => {
    const ms = percentile(
      profiles.map(profile => profile[index]?.ms ?? 0),
      0.5,
    );
    return {op, name, schedule, ms, gflops: ms > 0 ? (2 * macs) / ms / 1e6 : 0};
  });
}

/** Writes the profiled run of median length. @throws ERR_FILE_WRITE */
async function writeTrace(
  path: string,
  session: Session,
  profiles: readonly Profile[],
  board: string | undefined,
): Promise<void> {
  const lengthOf = (profile: Profile) =>
    profile.reduce((last, {startMs, ms}) => Math.max(last, startMs + ms), 0);
  const median = percentile(profiles.map(lengthOf), 0.5);
  const {device, threads} = session;
  const trace = traceOf({
    explanation: session.explain(),
    times: profiles.find(profile => lengthOf(profile) === median) ?? [],
    threads: device === 'cpu' ? threads : 0,
    place: placeOf(session).text,
    roof: device === 'cpu' ? await findRoof(board, threads) : undefined,
  });
  await writeFileAtomic(path, Buffer.from(JSON.stringify(trace)));
}

function commandTable(commands: readonly CommandResult[]): string {
  const totalMs = commands.reduce((sum, {ms}) => sum + ms, 0);
  const columns = [
    {title: '#', align: 'right'},
    {title: 'op'},
    {title: 'name'},
    {title: 'schedule'},
    {title: 'ms', align: 'right'},
    {title: '%', align: 'right'},
    {title: 'GFLOP/s', align: 'right'},
  ] as const;
  const rows = commands.map(({op, name, schedule, ms, gflops}, index) => [
    String(index),
    op,
    name.slice(-40),
    schedule,
    ms.toFixed(3),
    ((100 * ms) / totalMs).toFixed(1),
    gflops > 0 ? gflops.toFixed(1) : '-',
  ]);
  return formatTable(columns, rows);
}
