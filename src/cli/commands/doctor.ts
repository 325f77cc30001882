// untangle doctor: what this machine offers and what of it is used; made to be pasted into a bug report.

import {basename} from 'node:path';
import type {Command} from 'commander';
import type {BoardPeak} from '../../boards/board.js';
import {encodeBoard} from '../../boards/board-text.js';
import {UntangleError} from '../../errors.js';
import {cpuInfo, type GpuInfo, gpuInfo, measure} from '../../index.js';
import type {CpuInfo} from '../../runtime/addon.js';
import {calibrate} from '../calibrate.js';
import {describeGpu, describeMachine, type GpuReport, type Machine} from '../machine.js';
import {addOptions, type CliOptions} from '../options.js';
import {print, printJson} from '../report.js';
import {formatBytes, formatNumber} from '../sizes.js';
import {writeFileAtomic} from '../write-file.js';

interface Peak {
  readonly threads: number;
  readonly gflops: number;
  readonly readGbs: number;
}

interface Native {
  readonly cpu: CpuInfo;
  readonly peaks: readonly Peak[];
  readonly gpu: GpuInfo;
}

export function addDoctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .description('show what this machine offers and measure its peaks')
    .option(
      '--calibrate',
      'measure every level of memory at several thread counts and write a board profile, for --board',
    )
    .option('-o, --output <file>', 'the file of the profile; an old one is replaced in one step')
    .addHelpText(
      'after',
      `
Examples:
  untangle doctor
  untangle doctor --json
  untangle doctor --calibrate -o board.json`,
    )
    .action(doctorCommand);
  addOptions(command, 'json');
}

type DoctorOptions = Pick<CliOptions, 'json'> & {
  readonly calibrate?: boolean;
  readonly output?: string;
};

async function doctorCommand(options: DoctorOptions): Promise<void> {
  const {calibrate: isCalibrating = false, output} = options;
  if (!isCalibrating && output === undefined) return showMachine(options);
  if (!isCalibrating || output === undefined)
    throw new UntangleError('ERR_OPTION', [
      '--calibrate',
      '-o FILE with it',
      'one without the other',
    ]);
  await writeProfile(output, options);
}

async function writeProfile(file: string, {json}: DoctorOptions): Promise<void> {
  const board = calibrate(basename(file, '.json'));
  await writeFileAtomic(file, encodeBoard(board));
  if (json) {
    printJson(board);
    return;
  }
  print([`${file}: ${board.processor}, measured`, ...board.peaks.map(peakLine)].join('\n'));
}

function peakLine({threads, gflops, gbs}: BoardPeak): string {
  const levels = Object.entries(gbs).map(([level, rate]) => `${level} ${formatNumber(rate)}`);
  return `${threads} thread(s): ${formatNumber(gflops)} GFLOP/s; GB/s read: ${levels.join(', ')}`;
}

function showMachine(options: DoctorOptions): void {
  const machine = describeMachine();
  const native = inspectAddon(machine.cores);
  const gpu = describeGpu(native instanceof UntangleError ? null : native.gpu);
  if (native instanceof UntangleError) {
    // The rest is worth seeing all the more when the addon is at fault.
    if (!options.json) print(machineLines(machine, gpu).join('\n'));
    throw native;
  }
  if (options.json) {
    printJson({
      ...machine,
      isa: native.cpu.isa,
      isasAvailable: native.cpu.available,
      peaks: native.peaks,
      gpu,
    });
    return;
  }
  print([...machineLines(machine, gpu), ...nativeLines(native)].join('\n'));
}

function inspectAddon(cores: number): Native | UntangleError {
  try {
    const counts = cores > 1 ? [1, cores] : [1];
    const peaks = counts.map(threads => ({threads, ...measure(threads)}));
    return {cpu: cpuInfo(), peaks, gpu: gpuInfo()};
  } catch (error) {
    if (error instanceof UntangleError) return error;
    throw error;
  }
}

function machineLines(machine: Machine, gpu: GpuReport): string[] {
  const caches = machine.caches.map(
    ({level, type, size, sharedBy}) =>
      `L${level} ${type.toLowerCase()} ${size}${sharedBy > 1 ? ` (for ${sharedBy})` : ''}`,
  );
  return [
    `platform          ${machine.platform}, node ${machine.node}`,
    `processor         ${machine.processor}`,
    `cores             ${machine.cores}`,
    `caches            ${caches.join(', ') || 'unknown'}`,
    `memory            ${formatBytes(machine.memoryBytes)}, ${formatBytes(machine.freeBytes)} available`,
    `gpu               ${gpu.sentence}`,
  ];
}

function nativeLines({cpu, peaks, gpu}: Native): string[] {
  return [
    `gpu kernels       ${gpu.images || 'none built in (nvcc was not found); compiled on the board by its NVRTC'}`,
    `instruction set   ${cpu.isa} (available: ${cpu.available.join(', ')})`,
    ...peaks.map(
      ({threads, gflops, readGbs}) =>
        `measured          ${formatNumber(gflops)} GFLOP/s, ${formatNumber(readGbs)} GB/s read on ${threads} thread(s)`,
    ),
  ];
}
