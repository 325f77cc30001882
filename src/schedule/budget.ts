// The byte budget: everything a session holds, brought under it and checked before anything is allocated.

import {UntangleError} from '../errors.js';
import type {Graph} from '../graph/graph.js';
import {ARENA_ALIGNMENT} from './arena.js';
import {type Schedule, type ScheduleOptions, schedule} from './schedule.js';
import {type Buffer, bufferBytes} from './steps.js';
import {streamWithin} from './stream-within.js';
import {type Tightening, tighten} from './tighten.js';

export interface Memory {
  readonly arenaBytes: number;
  /** Packed weights and other constants. */
  readonly constantBytes: number;
  readonly outputBytes: number;
  /** Scratch of the executor's threads. */
  readonly workspaceBytes: number;
  readonly totalBytes: number;
}

/** What a session of this schedule holds. */
export function scheduleMemory(
  schedule: Pick<Schedule, 'buffers' | 'arenaPeakBytes'>,
  workspaceBytes: number,
): Memory {
  const bytes = (kind: string) =>
    schedule.buffers
      .filter(buffer => buffer.storage.kind === kind)
      .reduce((sum, buffer) => sum + alignedBytes(kind, buffer), 0);
  const parts = {
    arenaBytes: schedule.arenaPeakBytes,
    constantBytes: bytes('constant'),
    outputBytes: bytes('output'),
    workspaceBytes,
  };
  return {...parts, totalBytes: Object.values(parts).reduce((sum, part) => sum + part, 0)};
}

/** Constants lie at multiples of 64 bytes in the program; outputs are arrays of their own. */
function alignedBytes(kind: string, buffer: Buffer): number {
  const bytes = bufferBytes(buffer);
  return kind === 'constant' ? Math.ceil(bytes / ARENA_ALIGNMENT) * ARENA_ALIGNMENT : bytes;
}

export interface MemoryLimits {
  readonly memoryBudgetBytes: number;
  readonly workspaceBytes: number;
  /** Weights may stay in the program's file. */
  readonly canStream?: boolean | undefined;
}

/**
 * Schedules a graph within a budget, giving up speed only as far as memory asks for it.
 *
 * Less scratch for Winograd's form, parts of concats that wait where they are, and rows of some layers computed band by band:
 * the first schedule that fits is taken, of those that cost little the first (`tighten.ts`). Where none can, the
 * largest weights are streamed, if they may be.
 *
 * @throws ERR_BUDGET_EXCEEDED with the least that will do and the step that needs it.
 */
export function scheduleWithin(
  graph: Graph,
  options: ScheduleOptions,
  limits: MemoryLimits,
): Schedule {
  const planned = closestWithin(graph, options, limits);
  checkBudget(planned, limits);
  return planned;
}

/** The schedule that fits, or the one that holds the least. */
function closestWithin(graph: Graph, options: ScheduleOptions, limits: MemoryLimits): Schedule {
  const fast = schedule(graph, options);
  if (!exceeds(fast, limits)) return fast;

  const tightening = tighten(graph, options, fast);
  const {smallest, within} = tightening;
  if (exceeds(smallest, limits)) {
    if (limits.canStream !== true) return smallest;
    const streamed = streamedWithin(fast, tightening, limits, options.checkTime);
    // Winograd's weights are read as a whole, those of direct products in runs.
    const isTiled = fast.steps.some(({op}) => op === 'winograd');
    if (!isTiled || !exceeds(streamed, limits)) return streamed;
    return smaller(streamed, closestWithin(graph, {...options, exact: true}, limits));
  }
  const {totalBytes} = scheduleMemory(smallest, limits.workspaceBytes);
  const room = limits.memoryBudgetBytes - (totalBytes - smallest.arenaPeakBytes);
  for (const planned of within(room)) if (!exceeds(planned, limits)) return planned;
  return smallest;
}

/** The schedule that holds less; the first of equals. */
function smaller(first: Schedule, second: Schedule): Schedule {
  const total = (planned: Schedule) => scheduleMemory(planned, 0).totalBytes;
  return total(second) < total(first) ? second : first;
}

/**
 * Streams weights, where nothing else makes enough room: of the fastest schedule, of one that holds less beside them and of the
 * smallest, what reads the fewest bytes, the fastest of equals; what holds the least when nothing fits.
 */
function streamedWithin(
  fast: Schedule,
  {smallest, within}: Tightening,
  limits: MemoryLimits,
  checkTime?: () => void,
): Schedule {
  const streamed = (planned: Schedule) =>
    streamWithin(planned, each => exceeds(each, limits), checkTime);
  const [first, last] = [streamed(fast), streamed(smallest)];
  const closest = smaller(first, last);
  if (exceeds(closest, limits)) return closest;
  const {totalBytes} = scheduleMemory(last, limits.workspaceBytes);
  const room = limits.memoryBudgetBytes - (totalBytes - smallest.arenaPeakBytes);
  const between = firstWithin(within(room), room) ?? smallest;
  const [cheapest] = [first, ...(between === smallest ? [] : [streamed(between)]), last]
    .filter(planned => !exceeds(planned, limits))
    .sort((a, b) => readBytes(a) - readBytes(b));
  return cheapest!;
}

function firstWithin(schedules: Iterable<Schedule>, arenaBytes: number): Schedule | undefined {
  for (const planned of schedules) if (planned.arenaPeakBytes <= arenaBytes) return planned;
  return undefined;
}

/** Bytes that a run reads from the program's file. */
function readBytes({steps}: Schedule): number {
  return steps.reduce((sum, {op, counts}) => sum + (op === 'load' ? counts.readBytes : 0), 0);
}

function exceeds(planned: Schedule, {memoryBudgetBytes, workspaceBytes}: MemoryLimits): boolean {
  return scheduleMemory(planned, workspaceBytes).totalBytes > memoryBudgetBytes;
}

/** @throws ERR_BUDGET_EXCEEDED with the step during which most of the arena is alive. */
export function checkBudget(planned: Schedule, limits: MemoryLimits): void {
  if (!exceeds(planned, limits)) return;
  const {memoryBudgetBytes: budgetBytes, workspaceBytes} = limits;
  const neededBytes = scheduleMemory(planned, workspaceBytes).totalBytes;
  const command = planned.busiestStep;
  const name = planned.steps[command]?.name ?? '';
  throw new UntangleError('ERR_BUDGET_EXCEEDED', [budgetBytes, neededBytes, command, name], {
    budgetBytes,
    neededBytes,
    command,
    name,
  });
}
