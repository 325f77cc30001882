// One run of a session, from checked inputs to named outputs.

import {UntangleError} from '../errors.js';
import type {Explanation, Port} from '../program/program.js';
import type {NativeTimeline} from './addon.js';
import {
  checkLength,
  claimBuffers,
  createOutput,
  deliver,
  isPinned,
  type OutputArray,
  type TensorOutputs,
} from './outputs.js';
import type {Plan} from './plan.js';
import {type RunProgress, watchProgress} from './progress.js';
import type {Job} from './run-queue.js';

/** Elements of an output that malloc hands out again without new pages; larger ones come from the session. */
const SMALL_OUTPUT = 16 * 1024;

export interface RunCall {
  /** One array per input, sizes checked. */
  readonly inputs: readonly Float32Array[];
  /** The caller's array for each output, undefined where the session makes one. */
  readonly buffers: readonly (OutputArray | undefined)[];
  /** Called when it is this run's turn. */
  readonly findPlan: () => Plan;
  readonly profile: boolean;
  readonly transferable: boolean;
  readonly onProgress: ((progress: RunProgress) => void) | undefined;
}

export interface RunResults {
  readonly outputs: TensorOutputs;
  /** Null unless the run was profiled. */
  readonly timeline: NativeTimeline | null;
  readonly explanation: Explanation;
}

/** Where one output is computed, and the array it is copied to when that is another. */
interface Place {
  readonly values: Float32Array;
  readonly target: OutputArray;
}

export class Run implements Job {
  readonly #call: RunCall;
  readonly #release: () => void;
  #inputs: readonly Float32Array[];
  #plan: Plan | null = null;
  #results: RunResults | null = null;

  /** @throws ERR_OPTION when a buffer is in use */
  constructor(ports: readonly Port[], call: RunCall) {
    this.#call = call;
    this.#inputs = call.inputs;
    this.#release = claimBuffers(ports, call.buffers);
  }

  hold(): void {
    this.#inputs = this.#inputs.map(input => input.slice());
  }

  abort(): void {
    this.#plan?.native.abort();
  }

  async start(): Promise<void> {
    const {findPlan, profile, onProgress} = this.#call;
    const plan = findPlan();
    this.#plan = plan;
    const {native, explanation} = plan;
    const places = explanation.outputs.map((port, index) => this.#place(plan, port, index));
    const running = native.run(
      this.#inputs,
      places.map(({values}) => values),
      profile,
    );
    const {timeline} =
      onProgress === undefined ? await running : await watchProgress(plan, running, onProgress);
    const outputs = nameOutputs(explanation.outputs, places);
    this.#results = {outputs, timeline, explanation};
  }

  /** What command `index` of the program that ran is called. */
  commandName(index: number): string {
    return this.#plan?.explanation.commands[index]?.name ?? `command ${index}`;
  }

  /** What start computed. */
  take(): RunResults {
    if (this.#results === null) throw new UntangleError('ERR_INTERNAL', ['a run has no outputs']);
    return this.#results;
  }

  /** Lets go of the caller's arrays, whatever became of the run. */
  release(): void {
    this.#release();
  }

  #place(plan: Plan, port: Port, index: number): Place {
    const {dtype, shape} = port;
    const count = shape.reduce((product, size) => product * size, 1);
    const given = this.#call.buffers[index];
    if (given !== undefined) checkLength(port, given, count);
    // A short run reads its inputs in place, so it cannot write there at the same time.
    const isInput = this.#inputs.some(({buffer}) => buffer === given?.buffer);
    if (given !== undefined && isPinned(given) && !isInput) {
      if (!plan.writesAllOutputs) given.fill(0);
      return {values: given, target: given};
    }
    if (given !== undefined || dtype !== 'float32') {
      const values = plan.scratchOutput(index, count);
      return {values, target: given ?? createOutput(dtype, count)};
    }
    const values =
      this.#call.transferable || count < SMALL_OUTPUT
        ? new Float32Array(count)
        : plan.native.newOutput(index, !plan.writesAllOutputs);
    return {values, target: values};
  }
}

function nameOutputs(ports: readonly Port[], places: readonly Place[]): TensorOutputs {
  const outputs: Record<string, unknown> = {};
  for (const [index, port] of ports.entries()) {
    const {values, target} = places[index]!;
    if (values !== target) deliver(values, port, target);
    outputs[port.name] = {data: target, shape: port.shape, dtype: port.dtype};
  }
  // The arrays were made, or checked, by the ports' types.
  return outputs as TensorOutputs;
}
