// What profiling a run recorded, by command.

import type {CommandInfo} from '../program/program.js';
import type {NativeTimeline} from './addon.js';

/** A thread's work on a command without a break. */
export interface ThreadWork {
  /** 0 is the thread that executes the commands. */
  readonly thread: number;
  /** Since the run began. */
  readonly startMs: number;
  readonly endMs: number;
  /** Less than the span where breaks of microseconds are left out. */
  readonly busyMs: number;
  /** Pieces of the command's work. */
  readonly items: number;
}

/** When one command ran. */
export interface CommandTime {
  readonly op: string;
  readonly name: string;
  readonly ms: number;
  /** Since the run began. */
  readonly startMs: number;
  /**
   * What each thread did of the work that the command shares between threads, by thread and time; empty for what one thread does
   * alone, and on a GPU.
   */
  readonly work: readonly ThreadWork[];
}

const SPAN_NUMBERS = 6;

/** The times of `commands`, in their order. */
export function commandTimes(
  commands: readonly CommandInfo[],
  {startsMs, timesMs, work}: NativeTimeline,
): CommandTime[] {
  const works = commands.map((): ThreadWork[] => []);
  for (let at = 0; at + SPAN_NUMBERS <= work.length; at += SPAN_NUMBERS) {
    const [command, thread, items, startMs, endMs, busyMs] = work.subarray(at, at + SPAN_NUMBERS);
    works[command!]?.push({
      thread: thread!,
      startMs: startMs!,
      endMs: endMs!,
      busyMs: busyMs!,
      items: items!,
    });
  }
  return commands.map(({op, name}, index) => ({
    op,
    name,
    ms: timesMs[index] ?? 0,
    startMs: startsMs[index] ?? 0,
    work: works[index]!,
  }));
}
