// A loaded program with its memory and threads.

// Declared in session.d.ts, so that callers need no lib of their own for `await using`.
/// <reference lib="esnext.disposable" preserve="true" />

import {UntangleError} from '../errors.js';
import {checkFeeds, checkNames} from '../feeds/check.js';
import {describeValue} from '../feeds/describe.js';
import type {Feeds} from '../feeds/feeds.js';
import type {Explanation, Port} from '../program/program.js';
import type {Device} from '../schedule/device.js';
import {translateNativeError} from './native-error.js';
import {
  checkOutputBuffers,
  type OutputBuffers,
  type TensorOutput,
  type TensorOutputs,
} from './outputs.js';
import type {Plans, Shapes} from './plans.js';
import {type CommandTime, commandTimes} from './profile.js';
import {CallbackError, type RunProgress} from './progress.js';
import {Run} from './run.js';
import {RunQueue} from './run-queue.js';

// Node before 20.18 may lack the symbol that `await using` looks for; TypeScript's helper uses the same fallback.
if (Symbol.asyncDispose === undefined) {
  Object.defineProperty(Symbol, 'asyncDispose', {value: Symbol.for('Symbol.asyncDispose')});
}

export interface RunOptions {
  /** Ends the run within milliseconds when it fires; a run that still waits is never started. */
  readonly signal?: AbortSignal | undefined;
  /** Times every command, and what each thread does of it; the result is in `session.profile`. */
  readonly profile?: boolean | undefined;
  /**
   * Puts the outputs into arrays that `postMessage` can transfer. Otherwise their memory comes back to the session
   * once they are dropped, which is faster for large outputs.
   */
  readonly transferable?: boolean | undefined;
  /**
   * Arrays to write outputs to instead of new ones, by output name: of the type that the run would return, and of its length.
   * They hold the results when the promise resolves, and must not be transferred before; those in a SharedArrayBuffer are
   * written in place, others are copied to.
   */
  readonly outputs?: OutputBuffers | undefined;
  /**
   * Called on the event loop during the run, at most ten times a second and only when more commands are done, and at its
   * end. What it throws ends the run, which rejects with it.
   */
  readonly onProgress?: ((progress: RunProgress) => void) | undefined;
}

/** What a session is made of; `load` and `open` supply it. */
export interface SessionParts {
  readonly plans: Plans;
  readonly device: Device;
  readonly threads: number;
}

/**
 * Runs one program, again and again. Made by `load` or `open`; freed by `dispose` or `await using`.
 *
 * All memory is allocated when the session is made, except one array per output and run, which belongs to the caller.
 */
export class Session {
  /** What runs the program. */
  readonly device: Device;
  readonly threads: number;
  readonly #plans: Plans;
  readonly #queue = new RunQueue();
  #profile: readonly CommandTime[] | null = null;
  #disposal: Promise<void> | null = null;

  constructor({plans, device, threads}: SessionParts) {
    this.#plans = plans;
    this.device = device;
    this.threads = threads;
  }

  /** What `run` must be fed, in the order of the model. */
  get inputs(): readonly Port[] {
    return this.explain().inputs;
  }

  /** What `run` returns, in the order of the model. */
  get outputs(): readonly Port[] {
    return this.explain().outputs;
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
   * Floating outputs are Float32Arrays. Integer outputs come in arrays of their type (int64 as BigInt64Array, bool as
   * Uint8Array); TypeScript takes their types as a parameter: `run<{ids: TensorOutput<'int64'>}>(feeds)`.
   *
   * @param feeds an array of numbers, {data, shape} or a picture per input; values row-major in the input's shape
   * @throws ERR_INPUT_NAME, ERR_INPUT_MISSING, ERR_INPUT_TYPE, ERR_INPUT_SHAPE, ERR_INPUT_VALUE, ERR_OPTION,
   *   ERR_OUTPUT_NAME, ERR_INDEX_RANGE, ERR_SESSION_DISPOSED, and ERR_ABORTED (name AbortError, cause the signal's
   *   reason) when the signal fires or the session is disposed
   */
  async run<Outputs extends TensorOutputs = Record<string, TensorOutput>>(
    feeds: Feeds,
    options: RunOptions = {},
  ): Promise<Outputs> {
    const {signal, outputs, ...rest} = checkRunOptions(options);
    if (this.#disposal !== null) throw new UntangleError('ERR_SESSION_DISPOSED');
    if (signal?.aborted) throw abortError(signal);
    const inputs = this.#plans.inputsFor(checkFeedNames(this.inputs, feeds));
    const run = new Run(this.outputs, {
      ...rest,
      inputs: checkFeeds(inputs, feeds),
      buffers: checkOutputBuffers(this.outputs, outputs),
      findPlan: () => this.#plans.find(inputs),
    });
    try {
      await this.#queue.submit(run, signal);
    } catch (error) {
      if (error instanceof CallbackError) throw error.cause;
      // Translated here, inside run, so that the stack leads to whoever called it.
      const translated = translateNativeError(error, index => run.commandName(index));
      throw translated.code === 'ERR_ABORTED' ? abortError(signal) : translated;
    } finally {
      run.release();
    }
    const results = run.take();
    if (results.timeline !== null)
      this.#profile = commandTimes(results.explanation.commands, results.timeline);
    // What the outputs are is known to the caller who names their types.
    return results.outputs as Outputs;
  }

  /**
   * Plans for other sizes of symbolic dimensions, without reading the file again: from then on `inputs`, `outputs` and `explain` are
   * those of the new shapes, and bare arrays are taken for them. Earlier runs end first; later ones wait.
   *
   * Not needed for another batch: a run whose feeds say another leading size, as {data, shape}, has it planned. A
   * session stays ready for the shapes it used last (option `plans`), as far as its memory budget allows.
   *
   * @param shapes full shapes by input name; inputs that share a symbolic dimension follow
   * @throws ERR_INPUT_NAME, ERR_INPUT_SHAPE, ERR_OPTION, ERR_BUDGET_EXCEEDED, ERR_SESSION_DISPOSED
   */
  async reshape(shapes: Shapes): Promise<void> {
    if (this.#disposal !== null) throw new UntangleError('ERR_SESSION_DISPOSED');
    const inputs = this.#plans.reshapedInputs(checkShapes(shapes));
    const start = async () => this.#plans.select(inputs);
    await this.#queue.submit({hold: () => {}, start, abort: () => {}}, null);
  }

  /** Bytes of everything held now: the memory of each plan, and the model where it is kept for more. */
  get heldBytes(): number {
    return this.#plans.heldBytes;
  }

  /** What runs, where it lies in memory and what was counted; nothing is measured. */
  explain(): Explanation {
    return this.#plans.current;
  }

  /**
   * Frees memory and threads. The run in flight is aborted, runs that wait are refused. May be called again.
   *
   * Resolves when everything is freed.
   */
  dispose(): Promise<void> {
    this.#disposal ??= this.#close();
    return this.#disposal;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async #close(): Promise<void> {
    await this.#queue.close();
    this.#plans.dispose();
  }
}

/** @throws ERR_OPTION, ERR_INPUT_NAME */
function checkFeedNames(inputs: readonly Port[], feeds: Feeds): Feeds {
  checkNames(
    inputs.map(({name}) => name),
    feeds,
  );
  return feeds;
}

/** @throws ERR_OPTION */
function checkShapes(shapes: Shapes): Shapes {
  const isShape = (shape: unknown) =>
    Array.isArray(shape) && shape.every(size => Number.isSafeInteger(size) && size >= 0);
  const isObject = typeof shapes === 'object' && shapes !== null;
  if (isObject && Object.values(shapes).every(isShape)) return shapes;
  const expected = 'an object of input name to a list of integers of 0 or more';
  throw new UntangleError('ERR_OPTION', ['shapes', expected, describeValue(shapes)]);
}

/** @throws ERR_OPTION */
function checkRunOptions(options: RunOptions): {
  readonly signal: AbortSignal | null;
  readonly profile: boolean;
  readonly transferable: boolean;
  readonly outputs: unknown;
  readonly onProgress: RunOptions['onProgress'];
} {
  const {signal = null, profile = false, transferable = false, outputs, onProgress} = options;
  if (signal !== null && !(signal instanceof AbortSignal)) {
    throw new UntangleError('ERR_OPTION', ['signal', 'an AbortSignal', describeValue(signal)]);
  }
  for (const [name, value] of Object.entries({profile, transferable})) {
    if (typeof value !== 'boolean')
      throw new UntangleError('ERR_OPTION', [name, 'true or false', describeValue(value)]);
  }
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw new UntangleError('ERR_OPTION', ['onProgress', 'a function', describeValue(onProgress)]);
  return {signal, profile, transferable, outputs, onProgress};
}

function abortError(signal: AbortSignal | null): UntangleError {
  return Object.assign(new UntangleError('ERR_ABORTED'), {cause: signal?.reason});
}
