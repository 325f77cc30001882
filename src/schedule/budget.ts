// The byte budget: everything a session holds, brought under it and checked before anything is allocated.

import {UntangleError} from '../errors.js';
import type {Graph} from '../graph/graph.js';
import {ARENA_ALIGNMENT} from './arena.js';
import {type Schedule, type ScheduleOptions, schedule} from './schedule.js';
import type {Buffer} from './steps.js';

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
  const bytes = buffer.elements * 4;
  return kind === 'constant' ? Math.ceil(bytes / ARENA_ALIGNMENT) * ARENA_ALIGNMENT : bytes;
}

export interface MemoryLimits {
  readonly memoryBudgetBytes: number;
  readonly workspaceBytes: number;
}

/**
 * Schedules a graph within a budget, giving up speed only as far as memory asks for it.
 *
 * Winograd's form goes first: its kernels and tiles take scratch. Then
 * concats: the parts of one are written straight into the whole, which then lives from its first part on. As long as the
 * budget is exceeded, concats that wait during the busiest step are copied together at their end instead.
 *
 * @throws ERR_BUDGET_EXCEEDED with the least that was reached and the step that needs it.
 */
export function scheduleWithin(
  graph: Graph,
  options: ScheduleOptions,
  limits: MemoryLimits,
): Schedule {
  const fast = schedule(graph, options);
  if (!exceeds(fast, limits)) return fast;

  const copiedConcats = new Set(options.copiedConcats);
  const tight = {...options, exact: true, copiedConcats};
  const usesWinograd = fast.steps.some(({op}) => op === 'winograd');
  let last = usesWinograd ? schedule(graph, tight) : fast;
  let best = smaller(fast, last);
  while (exceeds(last, limits)) {
    const waiting = last.waitingConcats.filter(name => !copiedConcats.has(name));
    if (waiting.length === 0) break;
    for (const name of waiting) copiedConcats.add(name);
    last = schedule(graph, tight);
    best = smaller(best, last);
  }
  checkBudget(best, limits);
  return best;
}

/** The schedule that holds less; the first of equals. */
function smaller(first: Schedule, second: Schedule): Schedule {
  const [one, other] = [first, second].map(planned => scheduleMemory(planned, 0).totalBytes);
  return other! < one! ? second : first;
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
