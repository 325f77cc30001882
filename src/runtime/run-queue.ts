// One job after the other: the runs of a session.

import {UntangleError} from '../errors.js';

export interface Job {
  /** It has to wait: makes its own what the caller may change meanwhile. */
  hold(): void;
  /** Does the work; resolves when its results are complete. Whatever must happen before submit returns comes before its first await. */
  start(): Promise<void>;
  /** Makes the work that start began end early. */
  abort(): void;
}

interface Entry {
  readonly job: Job;
  resolve(): void;
  reject(error: unknown): void;
  /** Stops listening to the signal. */
  release(): void;
}

/** First come, first served. */
export class RunQueue {
  readonly #waiting: Entry[] = [];
  #active: Entry | null = null;
  /** Settles when the job in flight has ended, either way. */
  #idle: Promise<void> = Promise.resolve();

  /**
   * Starts `job` when every earlier one has ended; at once when none is left.
   *
   * Rejects with what the job rejects with, with ERR_ABORTED when the signal fires before its turn, and with
   * ERR_SESSION_DISPOSED when the queue is closed before it.
   */
  submit(job: Job, signal: AbortSignal | null): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => this.#abort(entry);
      const release = () => signal?.removeEventListener('abort', onAbort);
      const entry: Entry = {job, resolve, reject, release};
      signal?.addEventListener('abort', onAbort, {once: true});
      if (this.#active !== null) job.hold();
      this.#waiting.push(entry);
      this.#startNext();
    });
  }

  /** Refuses what waits, aborts the job in flight and resolves when it has ended. */
  async close(): Promise<void> {
    for (const entry of this.#waiting.splice(0)) {
      entry.release();
      entry.reject(new UntangleError('ERR_SESSION_DISPOSED'));
    }
    this.#active?.job.abort();
    await this.#idle;
  }

  #startNext(): void {
    if (this.#active !== null) return;
    const entry = this.#waiting.shift();
    if (entry === undefined) return;
    this.#active = entry;
    this.#idle = this.#execute(entry);
  }

  async #execute(entry: Entry): Promise<void> {
    try {
      await entry.job.start();
      entry.resolve();
    } catch (error) {
      entry.reject(error);
    } finally {
      entry.release();
      this.#active = null;
      this.#startNext();
    }
  }

  #abort(entry: Entry): void {
    if (entry === this.#active) {
      entry.job.abort();
      return;
    }
    const index = this.#waiting.indexOf(entry);
    if (index === -1) return;
    this.#waiting.splice(index, 1);
    entry.release();
    entry.reject(new UntangleError('ERR_ABORTED'));
  }
}
