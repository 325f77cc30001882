// What the operating system says about this machine.

import {accessSync, constants, existsSync, readdirSync, readFileSync} from 'node:fs';
import {availableParallelism, cpus, freemem, totalmem} from 'node:os';
import {join} from 'node:path';
import type {GpuInfo} from '../index.js';
import {formatBytes} from './sizes.js';

export interface Cache {
  readonly level: number;
  readonly type: string;
  readonly size: string;
  /** Logical cores that share one. */
  readonly sharedBy: number;
  readonly ways: number;
  readonly lineBytes: number;
}

export interface Machine {
  readonly platform: string;
  readonly processor: string;
  readonly cores: number;
  readonly caches: readonly Cache[];
  readonly memoryBytes: number;
  readonly freeBytes: number;
  readonly node: string;
}

export function describeMachine(): Machine {
  return {
    platform: `${process.platform}-${process.arch}`,
    processor: cpus()[0]?.model.trim() || 'unknown',
    cores: availableParallelism(),
    caches: readCaches(),
    memoryBytes: totalmem(),
    freeBytes: availableMemory(),
    node: process.version,
  };
}

function readCaches(): Cache[] {
  const folder = '/sys/devices/system/cpu/cpu0/cache';
  if (!existsSync(folder)) return [];
  const indices = readdirSync(folder)
    .filter(name => name.startsWith('index'))
    .sort();
  return indices.map(name => {
    const read = (file: string): string => readText(join(folder, name, file));
    return {
      level: Number(read('level')),
      type: read('type'),
      size: read('size'),
      sharedBy: countList(read('shared_cpu_list')),
      ways: Number(read('ways_of_associativity')),
      lineBytes: Number(read('coherency_line_size')),
    };
  });
}

/** The size of a list such as "0-3,8". */
function countList(text: string): number {
  return text
    .split(',')
    .filter(Boolean)
    .reduce((count, part) => {
      const [first = 0, last = first] = part.split('-').map(Number);
      return count + last - first + 1;
    }, 0);
}

/** Memory that programs may still take, buffers that can be dropped included. */
function availableMemory(): number {
  const kib = /^MemAvailable: +([0-9]+) kB/m.exec(readText('/proc/meminfo'))?.[1];
  return kib === undefined ? freemem() : Number(kib) * 1024;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

const CUDA_LIBRARIES = [
  'libcuda.so.1',
  'tegra/libcuda.so.1',
  'nvidia/libcuda.so.1',
  'aarch64-linux-gnu/tegra/libcuda.so.1',
];
const LIBRARY_FOLDERS = [
  '/usr/lib',
  '/usr/lib64',
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib/wsl/lib',
  '/usr/local/cuda/compat',
];
const GPU_DEVICES = ['/dev/nvidia0', '/dev/nvhost-gpu', '/dev/nvgpu/igpu0', '/dev/nvmap'];

export interface GpuReport {
  readonly library: string | null;
  readonly device: string | null;
  /** What `device: 'cuda'` would use, or why nothing; null when the addon cannot tell. */
  readonly info: GpuInfo | null;
  readonly sentence: string;
}

/** What the driver says of the GPU, and else what can be seen of one: its driver library and its device node. */
export function describeGpu(info: GpuInfo | null): GpuReport {
  const folders = [
    ...(process.env.LD_LIBRARY_PATH ?? '').split(':').filter(Boolean),
    ...LIBRARY_FOLDERS,
  ];
  const library =
    folders.flatMap(folder => CUDA_LIBRARIES.map(name => join(folder, name))).find(existsSync) ??
    null;
  const device = GPU_DEVICES.find(existsSync) ?? null;
  const found = gpuSentence(library, device);
  const reason = info?.reason;
  if (info !== null && reason === undefined)
    return {library, device, info, sentence: infoSentence(info)};
  return {library, device, info, sentence: reason === undefined ? found : `${found} (${reason})`};
}

function infoSentence(info: Extract<GpuInfo, {readonly name: string}>): string {
  const shared = info.isIntegrated ? ' shared with the CPU' : '';
  const memory = `${formatBytes(info.memoryBytes)}${shared} (${formatBytes(info.freeBytes)} free, kernels take ${formatBytes(info.kernelsBytes)})`;
  return `${info.name}, compute capability ${info.compute}, ${info.multiprocessors} multiprocessors, ${memory}, CUDA ${info.cuda} (${info.driver}), cuBLAS ${info.cublas}`;
}

function gpuSentence(library: string | null, device: string | null): string {
  if (device === null && library === null)
    return 'no NVIDIA GPU: neither a device node (/dev/nvidia0, /dev/nvhost-gpu) nor libcuda.so.1 is here';
  if (device === null) return `no NVIDIA GPU: ${library} is here but there is no device node`;
  const access = isReadable(device) ? '' : ' (which this user may not open)';
  if (library === null)
    return `${device} is here${access} but the driver library libcuda.so.1 is not`;
  return `found ${device}${access} and ${library}`;
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
