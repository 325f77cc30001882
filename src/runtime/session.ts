// A loaded program with its memory and threads.

import {UntangleError} from '../errors.js';
import {describeValue} from '../options.js';
import type {Explanation, Port} from '../program/program.js';
import type {NativeSession} from './addon.js';
import {translateNativeError} from './native-error.js';
import {RunQueue, type RunTimes} from './run-queue.js';
import {checkFeeds, type Feeds, type TensorOutput} from './tensors.js';

// Node before 20.18 may lack the symbol that `await using` looks for; TypeScript's helper uses the same fallback.
if (Symbol.asyncDispose === undefined) {
  Object.defineProperty(Symbol, 'asyncDispose', {value: Symbol.for('Symbol.asyncDispose')});
}

export interface RunOptions {
  /** Ends the run within milliseconds when it fires; a run that still waits is never started. */
  readonly signal?: AbortSignal | undefined;
  /** Times every command; the result is in `session.profile`. */
  readonly profile?: boolean | undefined;
  /**
   * Puts the outputs into arrays that `postMessage` can transfer. Otherwise their memory comes back to the session
   * once they are dropped, which is faster for large outputs.
   */
  readonly transferable?: boolean | undefined;
}

/** Elements of an output that malloc hands out again without new pages; larger ones come from the session. */
const SMALL_OUTPUT = 16 * 1024;

/** How long one command took. */
export interface CommandTime {
  readonly op: string;
  readonly name: string;
  readonly ms: number;
}

/** What a session is made of; `load` and `open` supply it. */
export interface SessionParts {
  readonly native: NativeSession;
  readonly explanation: Explanation;
  readonly threads: number;
  /** The program was compiled here, so it writes every output element; a file might leave some out. */
  readonly writesAllOutputs: boolean;
}

/**
 * Runs one program, again and again. Made by `load` or `open`; freed by `dispose` or `await using`.
 *
 * All memory is allocated when the session is made, except one array per output and run, which belongs to the caller.
 */
export class Session {
  /** What `run` must be fed, in the order of the model. */
  readonly inputs: readonly Port[];
  /** What `run` returns, in the order of the model. */
  readonly outputs: readonly Port[];
  readonly threads: number;
  readonly #explanation: Explanation;
  readonly #queue: RunQueue;
  readonly #native: NativeSession;
  readonly #writesAllOutputs: boolean;
  #profile: readonly CommandTime[] | null = null;
  #disposal: Promise<void> | null = null;

  constructor(parts: SessionParts) {
    this.#explanation = parts.explanation;
    this.inputs = parts.explanation.inputs;
    this.outputs = parts.explanation.outputs;
    this.threads = parts.threads;
    this.#queue = new RunQueue(parts.native);
    this.#native = parts.native;
    this.#writesAllOutputs = parts.writesAllOutputs;
  }

  /** The times of the last run with `profile: true`, in command order; null before the first. */
  get profile(): readonly CommandTime[] | null {
    return this.#profile;
  }

  /**
   * Computes every output from `feeds`, on the session's own threads.
   *
   * Inputs are read before this returns and may be reused at once. Runs of one session queue, first come, first
   * served; different sessions run at the same time. Results do not depend on the number of threads.
   *
   * @param feeds one Float32Array, or {data, shape}, per input; values row-major in the input's shape
   * @throws ERR_INPUT_NAME, ERR_INPUT_MISSING, ERR_INPUT_TYPE, ERR_INPUT_SHAPE, ERR_SESSION_DISPOSED, and
   *   ERR_ABORTED (name AbortError, cause the signal's reason) when the signal fires or the session is disposed
   */
  async run(feeds: Feeds, options: RunOptions = {}): Promise<Record<string, TensorOutput>> {
    const {signal, profile, transferable} = checkRunOptions(options);
    if (this.#disposal !== null) throw new UntangleError('ERR_SESSION_DISPOSED');
    if (signal?.aborted) throw abortError(signal);
    const inputs = checkFeeds(this.inputs, feeds);
    const outputs = this.outputs.map((port, index) =>
      transferable || elementCount(port) < SMALL_OUTPUT
        ? new Float32Array(elementCount(port))
        : this.#native.newOutput(index, !this.#writesAllOutputs),
    );

    let times: RunTimes;
    try {
      times = await this.#queue.submit({inputs, outputs, profile, signal});
    } catch (error) {
      // Translated here, inside run, so that the stack leads to whoever called it.
      const translated = translateNativeError(error);
      throw translated.code === 'ERR_ABORTED' ? abortError(signal) : translated;
    }
    if (times.commandMs !== null) this.#profile = this.#nameTimes(times.commandMs);
    return this.#nameOutputs(outputs);
  }

  /** What runs, where it lies in memory and what was counted; nothing is measured. */
  explain(): Explanation {
    return this.#explanation;
  }

  /**
   * Frees memory and threads. The run in flight is aborted, runs that wait are refused. May be called again.
   *
   * Resolves when everything is freed.
   */
  dispose(): Promise<void> {
    this.#disposal ??= this.#queue.close();
    return this.#disposal;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #nameOutputs(outputs: readonly Float32Array[]): Record<string, TensorOutput> {
    return Object.fromEntries(
      this.outputs.map((port, index) => [
        port.name,
        {data: outputs[index]!, shape: port.shape, dtype: port.dtype},
      ]),
    );
  }

  #nameTimes(commandMs: Float64Array): CommandTime[] {
    return this.#explanation.commands.map(({op, name}, index) => ({
      op,
      name,
      ms: commandMs[index] ?? 0,
    }));
  }
}

/** @throws ERR_OPTION */
function checkRunOptions(options: RunOptions): {
  readonly signal: AbortSignal | null;
  readonly profile: boolean;
  readonly transferable: boolean;
} {
  const {signal = null, profile = false, transferable = false} = options;
  if (signal !== null && !(signal instanceof AbortSignal)) {
    throw new UntangleError('ERR_OPTION', ['signal', 'an AbortSignal', describeValue(signal)]);
  }
  for (const [name, value] of Object.entries({profile, transferable})) {
    if (typeof value !== 'boolean')
      throw new UntangleError('ERR_OPTION', [name, 'true or false', describeValue(value)]);
  }
  return {signal, profile, transferable};
}

function abortError(signal: AbortSignal | null): UntangleError {
  return Object.assign(new UntangleError('ERR_ABORTED'), {cause: signal?.reason});
}

function elementCount(port: Port): number {
  return port.shape.reduce((product, size) => product * size, 1);
}
