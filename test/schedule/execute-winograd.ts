// Runs a single winograd step as a program of its own, over the memory of `execute.ts`.

import {decodeProgram} from '../../src/program/decode.js';
import {encodeProgram} from '../../src/program/encode.js';
import {interpret} from '../../src/program/interpreter/interpret.js';
import {ARENA_ALIGNMENT} from '../../src/schedule/arena.js';
import type {Buffer, ConvStep, Counts, Storage, WinogradStep} from '../../src/schedule/steps.js';
import {explain} from '../program/encode-sample.js';
import {executeConvStep, type Memory} from './execute.js';
import {at, indices} from './lower-case.js';

/** Executes one step of a convolution, writing into `memory`, and returns what was counted. */
export function executeStep(step: ConvStep, memory: Memory): Counts {
  return step.op === 'winograd' ? executeWinograd(step, memory) : executeConvStep(step, memory);
}

/** The interpreter's results and recount. */
function executeWinograd(step: WinogradStep, memory: Memory): Counts {
  const storageOf = (id: number): Storage => {
    if (id === step.y.buffer) return {kind: 'output', index: 0};
    if (id === step.x.buffer) return {kind: 'input', index: 0};
    return {kind: id === step.scratch?.buffer ? 'arena' : 'constant'};
  };
  const buffers = [...memory].map(([id, data]): Buffer => {
    const storage = storageOf(id);
    return {id, storage, elements: data.length, ...(storage.kind === 'constant' ? {data} : {})};
  });
  const offsets = new Map<number, number>();
  let arenaBytes = 0;
  for (const {id, elements} of buffers.filter(
    ({storage}) => storage.kind === 'arena' || storage.kind === 'input',
  )) {
    offsets.set(id, arenaBytes);
    arenaBytes += Math.ceil((elements * 4) / ARENA_ALIGNMENT) * ARENA_ALIGNMENT;
  }
  const port = (name: string, id: number) =>
    ({name, dtype: 'float32', shape: [memory.get(id)!.length]}) as const;
  const [input, output] = [port('x', step.x.buffer), port('y', step.y.buffer)];
  const bytes = encodeProgram({
    steps: [step],
    buffers,
    offsets,
    arenaBytes,
    inputs: [{port: input, buffer: step.x.buffer}],
    outputs: [{port: output}],
    explanation: explain([input], [output]),
  });

  const {outputs, counts} = interpret(decodeProgram(bytes), [memory.get(step.x.buffer)!], {
    count: true,
  });
  copyWritten(step, outputs[0]!, memory.get(step.y.buffer)!);
  return counts[0]!;
}

/** What the regions write, as other steps may write the rest of y. */
function copyWritten({y, regions}: WinogradStep, from: Float32Array, to: Float32Array): void {
  const [batch, , , channels] = y.shape as [number, number, number, number];
  for (const {outY, outX, outStepY, outStepX, countY, countX} of regions) {
    for (const [n, qy, qx, c] of indices([batch, countY, countX, channels])) {
      const place = at(y, [n!, outY + outStepY * qy!, outX + outStepX * qx!, c!]);
      to[place] = from[place]!;
    }
  }
}
