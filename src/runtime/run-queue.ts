// One run after the other on one native session.

import {UntangleError} from '../errors.js';
import type {NativeSession} from './addon.js';

export interface RunRequest {
  /** One array per input, sizes checked. */
  readonly inputs: readonly Float32Array[];
  readonly outputs: readonly Float32Array[];
  readonly profile: boolean;
  readonly signal: AbortSignal | null;
}

export interface RunTimes {
  readonly ms: number;
  /** Per command; null unless the run was profiled. */
  readonly commandMs: Float64Array | null;
}

interface Job extends RunRequest {
  resolve(times: RunTimes): void;
  reject(error: unknown): void;
  /** Stops listening to the signal. */
  release(): void;
}

/** First come, first served; owns the native session. */
export class RunQueue {
  readonly #native: NativeSession;
  readonly #waiting: Job[] = [];
  #active: Job | null = null;
  /** Settles when the run in flight has ended, either way. */
  #idle: Promise<void> = Promise.resolve();

  constructor(native: NativeSession) {
    this.#native = native;
  }

  /**
   * Runs when every earlier request has ended. The inputs are the queue's own from the moment this returns.
   * Rejects with ERR_ABORTED when the signal fires first, ERR_SESSION_DISPOSED when the queue is closed first.
   */
  submit(request: RunRequest): Promise<RunTimes> {
    return new Promise((resolve, reject) => {
      const isWaiting = this.#active !== null;
      const inputs = isWaiting ? request.inputs.map(input => input.slice()) : request.inputs;
      const onAbort = () => this.#abort(job);
      const release = () => request.signal?.removeEventListener('abort', onAbort);
      const job: Job = {...request, inputs, resolve, reject, release};
      request.signal?.addEventListener('abort', onAbort, {once: true});
      this.#waiting.push(job);
      this.#startNext();
    });
  }

  /** Drops what waits, aborts the run in flight, waits for its end and frees the native session. */
  async close(): Promise<void> {
    for (const job of this.#waiting.splice(0)) {
      job.release();
      job.reject(new UntangleError('ERR_SESSION_DISPOSED'));
    }
    if (this.#active !== null) this.#native.abort();
    await this.#idle;
    this.#native.dispose();
  }

  #startNext(): void {
    if (this.#active !== null) return;
    const job = this.#waiting.shift();
    if (job === undefined) return;
    this.#active = job;
    this.#idle = this.#execute(job);
  }

  async #execute(job: Job): Promise<void> {
    try {
      // Up to its first await this runs inside submit: the addon copies the inputs before submit returns.
      job.resolve(await this.#native.run(job.inputs, job.outputs, job.profile));
    } catch (error) {
      job.reject(error);
    } finally {
      job.release();
      this.#active = null;
      this.#startNext();
    }
  }

  #abort(job: Job): void {
    if (job === this.#active) {
      this.#native.abort();
      return;
    }
    const index = this.#waiting.indexOf(job);
    if (index === -1) return;
    this.#waiting.splice(index, 1);
    job.release();
    job.reject(new UntangleError('ERR_ABORTED'));
  }
}
