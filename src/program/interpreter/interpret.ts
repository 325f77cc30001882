// A program in plain JavaScript: what every command means, and what it really touches.
//
// The native executor is tested against the outputs, the scheduler against the counts. Slow, obvious, and
// independent of both: only the program format is shared.

import type {Counts} from '../../schedule/steps.js';
import {type Command, SLOT} from '../commands.js';
import type {DecodedProgram} from '../program.js';
import {runArgReduce, runCumulative} from './along-axis.js';
import {runDepthwise} from './depthwise.js';
import {runCopy, runElementwise, runFill, runGather} from './elementwise.js';
import {runGemmTaps} from './gemm-taps.js';
import {runGridSample} from './grid-sample.js';
import {runGatherIndexed, runScatterIndexed} from './indexed.js';
import {runLoad} from './load.js';
import {createMachine, type Machine} from './machine.js';
import {runMatmul} from './matmul.js';
import {runPlanarTaps} from './planar-taps.js';
import {runNormalize, runReduce, runSoftmax} from './reduce.js';
import {runWiden} from './weights.js';
import {runPool, runResize} from './windows.js';
import {runWinograd} from './winograd.js';

export interface InterpretResult {
  /** One array per output binding. */
  readonly outputs: readonly Float32Array[];
  /** What each command did, in order; bytes are 0 when counting is off. */
  readonly counts: readonly Counts[];
}

/**
 * Runs a validated program once.
 *
 * @param inputs one array per input binding, with exactly its number of elements
 * @param options count: recount every access (about twice the time and three times the memory)
 * @throws RangeError when an input has the wrong length
 */
export function interpret(
  program: DecodedProgram,
  inputs: readonly Float32Array[],
  options: {readonly count: boolean},
): InterpretResult {
  const machine = createMachine(program, inputs, options.count);
  const counts = program.commands.map(command => {
    runCommand(command, machine);
    return machine.counter.take();
  });
  return {
    outputs: machine.slots.slice(SLOT.firstOutput, SLOT.firstOutput + program.outputs.length),
    counts,
  };
}

function runCommand(command: Command, machine: Machine): void {
  switch (command.op) {
    case 'gemmTaps':
      runGemmTaps(command, machine);
      break;
    case 'planarTaps':
      runPlanarTaps(command, machine);
      break;
    case 'depthwise':
      runDepthwise(command, machine);
      break;
    case 'elementwise':
      runElementwise(command, machine);
      break;
    case 'copy':
      runCopy(command, machine);
      break;
    case 'widen':
      runWiden(command, machine);
      break;
    case 'fill':
      runFill(command, machine);
      break;
    case 'pool':
      runPool(command, machine);
      break;
    case 'reduce':
      runReduce(command, machine);
      break;
    case 'argReduce':
      runArgReduce(command, machine);
      break;
    case 'cumulative':
      runCumulative(command, machine);
      break;
    case 'normalize':
      runNormalize(command, machine);
      break;
    case 'softmax':
      runSoftmax(command, machine);
      break;
    case 'resize':
      runResize(command, machine);
      break;
    case 'gridSample':
      runGridSample(command, machine);
      break;
    case 'matmul':
      runMatmul(command, machine);
      break;
    case 'gather':
      runGather(command, machine);
      break;
    case 'gatherIndexed':
      runGatherIndexed(command, machine);
      break;
    case 'scatterIndexed':
      runScatterIndexed(command, machine);
      break;
    case 'winograd':
      runWinograd(command, machine);
      break;
    case 'load':
      runLoad(command, machine);
      break;
    default:
      command satisfies never;
  }
}
