// How far a run has come, looked up from time to time.

import type {Plan} from './plan.js';

/** How far a run has come. */
export interface RunProgress {
  /** Commands that have ended. */
  readonly done: number;
  readonly total: number;
  /** Name of the command that runs now; '' after the last. */
  readonly name: string;
  /** Since the run began. */
  readonly ms: number;
}

/** Between two reports: ten a second look smooth. */
const INTERVAL_MS = 100;

/** What a caller's own function threw, which is none of our errors. */
export class CallbackError extends Error {
  override readonly cause: unknown;

  constructor(cause: unknown) {
    super('a callback threw');
    this.cause = cause;
  }
}

/**
 * Passes on what `running` resolves to; meanwhile reports the commands done, when there are new ones, and all of them at the end.
 *
 * The executor only counts; this asks it.
 *
 * @throws CallbackError when `report` throws; the run is ended then
 */
export async function watchProgress<T>(
  {native, explanation: {commands}}: Plan,
  running: Promise<T>,
  report: (progress: RunProgress) => void,
): Promise<T> {
  const started = performance.now();
  const failures: CallbackError[] = [];
  let reported = 0;
  const update = (done: number) => {
    if (failures.length > 0) return;
    reported = done;
    const ms = performance.now() - started;
    try {
      report({done, total: commands.length, name: commands[done]?.name ?? '', ms});
    } catch (error) {
      failures.push(new CallbackError(error));
      native.abort();
    }
  };
  const timer = setInterval(() => {
    const done = native.commandsDone();
    if (done > reported && done < commands.length) update(done);
  }, INTERVAL_MS);

  try {
    const result = await running;
    update(commands.length);
    if (failures.length === 0) return result;
  } catch (error) {
    if (failures.length === 0) throw error;
  } finally {
    clearInterval(timer);
  }
  throw failures[0];
}
