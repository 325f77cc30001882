// The byte budget: everything a session holds, checked before anything is allocated.

import {UntangleError} from '../errors.js';
import {ARENA_ALIGNMENT} from './arena.js';
import type {Schedule} from './schedule.js';
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

/** @throws ERR_BUDGET_EXCEEDED with the step during which most of the arena is alive. */
export function checkBudget(
  schedule: Schedule,
  limits: {memoryBudgetBytes: number; workspaceBytes: number},
): void {
  const {memoryBudgetBytes: budgetBytes, workspaceBytes} = limits;
  const neededBytes = scheduleMemory(schedule, workspaceBytes).totalBytes;
  if (neededBytes <= budgetBytes) return;
  const command = schedule.busiestStep;
  const name = schedule.steps[command]?.name ?? '';
  throw new UntangleError('ERR_BUDGET_EXCEEDED', [budgetBytes, neededBytes, command, name], {
    budgetBytes,
    neededBytes,
    command,
  });
}
