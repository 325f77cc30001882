// Finds, loads and checks the native addon, once per thread.

import {existsSync} from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';
import {PACKAGE_ROOT} from '#package-root';
import {UntangleError} from '../errors.js';
import {formatHashHex} from '../program/format-hash.js';
import type {Addon, CpuInfo, GpuInfo, MachineSpeed} from './addon.js';
import {translateNativeError} from './native-error.js';

const ADDON_FILE = path.join('build', 'Release', 'untangle_edge.node');

let loaded: Addon | null = null;

/**
 * The addon; loaded on the first call.
 *
 * @throws ERR_ADDON_MISSING when it was not built, does not load, or was built from other format tables.
 */
export function loadAddon(): Addon {
  loaded ??= requireAddon(path.join(PACKAGE_ROOT, ADDON_FILE));
  return loaded;
}

/** The instruction set in use and those available here. */
export function cpuInfo(): CpuInfo {
  return callNative(() => loadAddon().cpuInfo());
}

/** The CUDA driver to use: a file, or '' for the system's. */
export function gpuDriver(): string {
  return process.env.UNTANGLE_CUDA_DRIVER ?? '';
}

/** The GPU, or why there is none; starts its driver. */
export function gpuInfo(): GpuInfo {
  return callNative(() => loadAddon().gpuInfo(gpuDriver()));
}

/** Measures this machine over `threads` threads: GFLOP/s of the FMA units and GB/s of reads; about 200 ms. */
export function measure(threads: number): {gflops: number; readGbs: number} {
  const {gflops, readGbs} = measureLevels(threads, []);
  return {gflops, readGbs};
}

/**
 * The same, and GB/s of reads of blocks of `blockBytes` that every thread has for itself, and the time of handing out work;
 * about 100 ms more for each.
 */
export function measureLevels(threads: number, blockBytes: readonly number[]): MachineSpeed {
  return callNative(() => loadAddon().measure(threads, blockBytes));
}

/** Bytes in native memory: a program in them is opened without a copy, and they can be freed at once. */
export function allocateNative(bytes: number, isSparse = false): Uint8Array {
  return callNative(() => loadAddon().allocate(bytes, isSparse));
}

/** Calls into the addon; its errors come out as UntangleErrors. */
export function callNative<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw translateNativeError(error);
  }
}

/** Loads the addon in `file`; exported for its test. */
export function requireAddon(file: string): Addon {
  if (!existsSync(file)) throw new UntangleError('ERR_ADDON_MISSING', [`${file} does not exist`]);
  let addon: Addon;
  try {
    addon = createRequire(file)(file) as Addon;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0]! : String(error);
    throw Object.assign(new UntangleError('ERR_ADDON_MISSING', [reason]), {cause: error});
  }
  const [expected, received] = [formatHashHex(), addon.formatHash()];
  if (expected !== received) {
    throw new UntangleError('ERR_ADDON_MISSING', [
      `it was built for program format ${received}, not ${expected}`,
    ]);
  }
  return addon;
}
