// A program with its memory: what a session runs at one set of input shapes.

import type {Explanation} from '../program/program.js';
import type {Device} from '../schedule/device.js';
import type {NativeSession} from './addon.js';

export interface PlanParts {
  readonly device: Device;
  readonly native: NativeSession;
  readonly explanation: Explanation;
  /** The program was compiled here, so it writes every output element; a file might leave some out. */
  readonly writesAllOutputs: boolean;
}

export class Plan {
  readonly device: Device;
  readonly native: NativeSession;
  readonly explanation: Explanation;
  readonly writesAllOutputs: boolean;
  readonly #scratch: (Float32Array | undefined)[] = [];

  constructor({device, native, explanation, writesAllOutputs}: PlanParts) {
    this.device = device;
    this.native = native;
    this.explanation = explanation;
    this.writesAllOutputs = writesAllOutputs;
  }

  /** Memory for output `index` when it is not what the caller gets; the same for every run. */
  scratchOutput(index: number, count: number): Float32Array {
    this.#scratch[index] ??= new Float32Array(count);
    const scratch = this.#scratch[index];
    if (!this.writesAllOutputs) scratch.fill(0);
    return scratch;
  }
}
