// The GPU that tests run on: the driver UNTANGLE_CUDA_DRIVER names, or else the emulated one.

import {existsSync} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';

const ROOT = path.resolve(import.meta.dirname, '..', '..', '..');
const EMULATOR = path.join(ROOT, 'build-gpu-emulator', 'libuntangle_gpu_emulator.so');

export const DRIVER = process.env.UNTANGLE_CUDA_DRIVER || EMULATOR;

// Sessions of this worker use it too.
process.env.UNTANGLE_CUDA_DRIVER = DRIVER;

/** A test of the GPU executor; skipped where there is no driver to run it on. */
export function gpuTest(title: string, body: (t: ExecutionContext) => Promise<void> | void): void {
  if (existsSync(DRIVER)) test.serial(title, body);
  else test.skip(`${title}: skipped, ${DRIVER} is missing (npm run build:gpu-emulator)`, () => {});
}
