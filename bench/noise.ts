// Noticing that somebody else was using the cores. Linux only; elsewhere every turn counts as undisturbed.

import {readdirSync, readFileSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';

/** How long the machine has to look quiet, and how long to wait for that at most. */
const CALM_LOOKS = 3;
const LOOK_MS = 3;
const GATE_MS = 400;

/** Waits, for a while, until nothing but this process is runnable. */
export async function waitUntilQuiet(): Promise<void> {
  const end = performance.now() + GATE_MS;
  for (let calm = 0; calm < CALM_LOOKS && performance.now() < end; ) {
    calm = runnableCount() <= 1 ? calm + 1 : 0;
    await sleep(LOOK_MS);
  }
}

/** Milliseconds for which threads of process `pid` were ready but had no core, since they began. */
export function coreWaitMs(pid: number): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const waits = threads.map(thread =>
      parseSchedstat(readText(`/proc/${pid}/task/${thread}/schedstat`)),
    );
    return waits.reduce((sum, wait) => sum + wait, 0);
  } catch {
    return 0;
  }
}

/** The second number of "run wait slices": nanoseconds of waiting, as milliseconds. */
export function parseSchedstat(text: string): number {
  return Number(text.split(' ')[1] ?? 0) / 1e6;
}

function runnableCount(): number {
  return Number(/^procs_running (\d+)$/m.exec(readText('/proc/stat'))?.[1] ?? 1);
}

/** Empty when the file is gone: threads end while one looks. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
