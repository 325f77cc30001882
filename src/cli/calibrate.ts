// This machine as a board profile, measured.

import type {Board, BoardBandwidth, BoardCache, BoardGpu, BoardPeak} from '../boards/board.js';
import {cpuInfo, type GpuInfo, gpuInfo} from '../index.js';
import {measureLevels} from '../runtime/native.js';
import {type Cache, describeMachine} from './machine.js';

/**
 * Measures arithmetic and every level of memory at 1, 2, 4, ... and all threads: half a second each.
 *
 * @throws ERR_ADDON_MISSING, ERR_ISA_UNSUPPORTED
 */
export function calibrate(name: string): Board {
  const machine = describeMachine();
  const cpu = cpuInfo();
  const caches = dataCaches(machine.caches);
  const notes = caches.length > 0 ? [] : ['the operating system does not tell the caches'];
  return {
    name,
    source: 'measured',
    notes,
    processor: machine.processor,
    cores: machine.cores,
    instructionSets: [cpu.isa, ...cpu.available.filter(isa => isa !== cpu.isa)],
    caches,
    memoryBytes: machine.memoryBytes,
    freeBytes: machine.freeBytes,
    peaks: threadCounts(machine.cores).map(threads => measurePeak(threads, caches)),
    gpu: describeGpu(gpuInfo()),
  };
}

/** 1, 2, 4, ... and all. */
function threadCounts(cores: number): number[] {
  const counts: number[] = [];
  for (let threads = 1; threads < cores; threads *= 2) counts.push(threads);
  return [...counts, cores];
}

function measurePeak(threads: number, caches: readonly BoardCache[]): BoardPeak {
  const blocks = caches.map((_, index) => blockOf(caches, index, threads));
  const known = blocks.flatMap(bytes => (bytes === null ? [] : [bytes]));
  const {gflops, readGbs, blockGbs, phaseNs} = measureLevels(threads, known);
  const levels = blocks.flatMap((bytes, index) =>
    bytes === null ? [] : [[`L${caches[index]!.level}`, round(blockGbs[known.indexOf(bytes)]!)]],
  );
  const gbs: BoardBandwidth = {...Object.fromEntries(levels), memory: round(readGbs)};
  return {threads, gflops: round(gflops), gbs, phaseNs: Math.max(1, Math.round(phaseNs))};
}

/** Half of a thread's share of a level, when that is far more than the level before holds; else null. */
function blockOf(caches: readonly BoardCache[], index: number, threads: number): number | null {
  const share = ({bytes, sharedBy}: BoardCache) => bytes / Math.min(threads, sharedBy);
  const bytes = Math.floor(share(caches[index]!) / 2);
  const before = index === 0 ? 0 : share(caches[index - 1]!);
  return bytes >= 2 * before ? bytes : null;
}

/** Levels 1 to 3 of data, as far as they are known without a gap. */
function dataCaches(found: readonly Cache[]): BoardCache[] {
  const caches: BoardCache[] = [];
  for (const level of [1, 2, 3]) {
    const cache = found.find(one => one.level === level && one.type !== 'Instruction');
    const bytes = cache === undefined ? 0 : parseCacheSize(cache.size);
    if (cache === undefined || bytes <= (caches.at(-1)?.bytes ?? 0)) break;
    const {sharedBy, ways, lineBytes} = cache;
    caches.push({
      level,
      bytes,
      sharedBy: Math.max(1, sharedBy),
      ways: ways >= 1 ? ways : 8,
      lineBytes: lineBytes >= 1 ? lineBytes : 64,
    });
  }
  return caches;
}

/** Bytes of a size such as "32K"; 0 when it is none. */
export function parseCacheSize(text: string): number {
  const match = /^([0-9]+)([KMG]?)$/.exec(text);
  if (match === null) return 0;
  return Number(match[1]) * 1024 ** ['', 'K', 'M', 'G'].indexOf(match[2]!);
}

function describeGpu(info: GpuInfo): BoardGpu | null {
  if (info.reason !== undefined) return null;
  const {name, compute, memoryBytes, isIntegrated} = info;
  return {name, compute, memoryBytes, isIntegrated, gflops: {fp32: null, fp16: null}, gbs: null};
}

/** Three digits: more were noise. */
function round(value: number): number {
  return Number(value.toPrecision(3));
}
