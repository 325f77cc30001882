// A schedule in, its explanation out: what every command is and costs, and what the usual methods would cost.

import type {Board} from '../boards/board.js';
import type {Graph, Node} from '../graph/graph.js';
import {runTimeType} from '../graph/types.js';
import {type Baseline, type ConvBaselines, convBaselines} from '../schedule/baselines.js';
import {type Memory, scheduleMemory} from '../schedule/budget.js';
import {predictGpuNs} from '../schedule/cost-gpu.js';
import {addCounts} from '../schedule/counts.js';
import type {Device} from '../schedule/device.js';
import {predictStepNs} from '../schedule/predict.js';
import type {Schedule} from '../schedule/schedule.js';
import {isConvStep} from '../schedule/step-views.js';
import {bufferBytes, type Counts, type Step} from '../schedule/steps.js';
import {trafficMachine} from '../schedule/traffic/machine.js';
import {programTraffic} from '../schedule/traffic/program-traffic.js';
import {planeConv} from '../untangle/conv.js';
import {arenaBlocks} from './explain-arena.js';
import type {Baselines, CommandInfo, ExplainedBoard, Explanation, Totals} from './program.js';

export interface ExplainParts {
  readonly model: string;
  readonly graph: Graph;
  readonly schedule: Schedule;
  readonly workspaceBytes: number;
  /** What levels and times are given for. */
  readonly target?:
    | {readonly board: Board; readonly threads: number; readonly device: Device}
    | undefined;
}

/** A convolution of the graph and the steps it became. */
interface Convolution {
  readonly firstStep: number;
  readonly steps: readonly Step[];
  readonly baselines: ConvBaselines;
  /** Bytes of the weights as the model holds them; 0 when they are computed at run time. */
  readonly plainBytes: number;
}

/** Explains a placed schedule of `graph`. */
export function explainSchedule({
  model,
  graph,
  schedule,
  workspaceBytes,
  target,
}: ExplainParts): Explanation {
  const memory = scheduleMemory(schedule, workspaceBytes);
  const totals: Totals = {
    ...addCounts(schedule.steps.map(step => step.counts)),
    arenaPeakBytes: memory.arenaBytes,
    weightsBytes: memory.constantBytes,
    ...streamedBytes(schedule),
    totalBytes: memory.totalBytes,
  };
  const convolutions = findConvolutions(graph, schedule);
  return {
    model,
    inputs: graph.inputs.map(name => {
      const {dtype, shape} = graph.values.get(name)!;
      return {name, dtype: runTimeType(dtype), shape};
    }),
    outputs: graph.outputs.map(({name, value, dtype}) => ({
      name,
      dtype,
      shape: graph.values.get(value)!.shape,
    })),
    commands: commandInfos(schedule, target),
    ...(target === undefined ? {} : {board: explainedBoard(target)}),
    blocks: arenaBlocks(schedule),
    totals,
    baselines: baselineTotals(totals, convolutions, {memory, schedule}),
    memory: {
      arenaLowerBoundBytes: schedule.arenaLowerBoundBytes,
      measures: schedule.measures,
    },
    ...(graph.notes === undefined || graph.notes.length === 0 ? {} : {notes: graph.notes}),
    convolutions: convolutions.map(({firstStep, steps, plainBytes, baselines}) => ({
      command: firstStep,
      weightsBytes: plainBytes,
      own: addCounts(steps.map(step => step.counts)),
      ...(baselines.upsampledBytes > 0 ? {upsampledBytes: baselines.upsampledBytes} : {}),
      zeroInsertIm2col: countsOf(baselines.zeroInsertIm2col),
      zeroInsertDirect: countsOf(baselines.zeroInsertDirect),
      gemmCol2im: countsOf(baselines.gemmCol2im),
    })),
  };
}

type Target = NonNullable<ExplainParts['target']>;

function commandInfos(schedule: Schedule, target: Target | undefined): CommandInfo[] {
  const infos = schedule.steps.map(step => commandInfo(step, schedule));
  if (target === undefined) return infos;
  const {board, threads, device} = target;
  if (device === 'cuda') {
    // Its caches are not modelled.
    const {gpu} = board;
    if (gpu === null) return infos;
    return infos.map(info => ({...info, predictedNs: Math.round(predictGpuNs(info, gpu))}));
  }
  const traffic = programTraffic(schedule, trafficMachine(board, threads));
  return infos.map((info, index) => {
    const levels = traffic[index]!;
    const ns = predictStepNs(schedule.steps[index]!, board, threads, levels);
    return {...info, levels, predictedNs: Math.round(ns)};
  });
}

function explainedBoard({board, threads, device}: Target): ExplainedBoard {
  const {source, freeBytes} = board;
  const name = device === 'cuda' && board.gpu !== null ? `${board.name} (GPU)` : board.name;
  return {name, source, threads, freeBytes};
}

/** Bytes that a run reads from the program's file, where it does. */
function streamedBytes({steps}: Schedule): Pick<Totals, 'streamedBytes'> {
  const bytes = sum(steps.map(({op, counts}) => (op === 'load' ? counts.readBytes : 0)));
  return bytes > 0 ? {streamedBytes: bytes} : {};
}

function commandInfo(step: Step, {offsetsBytes}: Schedule): CommandInfo {
  const {op, name, y, schedule, counts} = step;
  const start = offsetsBytes.get(y.buffer);
  return {
    op,
    name,
    shape: y.shape,
    schedule,
    ...countsOf(counts),
    arenaOffset: start === undefined ? -1 : start + y.offset * 4,
  };
}

/** Every convolution node with its steps, those of all bands. */
function findConvolutions(graph: Graph, {steps, values}: Schedule): Convolution[] {
  const own = new Map<string, {readonly firstStep: number; readonly steps: Step[]}>();
  steps.forEach((step, index) => {
    const value = values[index]!;
    if (!isConvStep(step)) return;
    const known = own.get(value) ?? {firstStep: index, steps: []};
    own.set(value, known);
    known.steps.push(step);
  });
  return graph.nodes.flatMap(node => {
    const {operation} = node;
    const at = own.get(node.output);
    const isConv = operation.op === 'conv' || operation.op === 'dynamicConv';
    return isConv && at !== undefined ? [convolution(graph, node, operation, at)] : [];
  });
}

function convolution(
  graph: Graph,
  node: Node,
  operation: Extract<Node['operation'], {op: 'conv' | 'dynamicConv'}>,
  at: {readonly firstStep: number; readonly steps: readonly Step[]},
): Convolution {
  const input = graph.values.get(node.inputs[0]!)!.shape;
  const output = graph.values.get(node.output)!.shape;
  const {geometry} = operation;
  const baselines = convBaselines({
    plane: planeConv(geometry, input.slice(2), output.slice(2)),
    batch: input[0]!,
    groups: geometry.groups,
    inChannels: input[1]!,
    outChannels: output[1]!,
  });
  const plainBytes = operation.op === 'conv' ? operation.weights.values.length * 4 : 0;
  return {...at, baselines, plainBytes};
}

/** The whole program with every convolution done the usual way; everything else as it is. */
function baselineTotals(
  totals: Totals,
  convolutions: readonly Convolution[],
  {memory, schedule}: {readonly memory: Memory; readonly schedule: Schedule},
): Baselines {
  const own = addCounts(convolutions.flatMap(({steps}) => steps.map(step => step.counts)));
  const weightsBytes =
    totals.weightsBytes +
    (totals.streamedBytes ?? 0) -
    packedBytes(convolutions, schedule) +
    sum(convolutions.map(({plainBytes}) => plainBytes));
  const replaced = (pick: (baselines: ConvBaselines) => Baseline): Totals => {
    const chosen = convolutions.map(({baselines}) => pick(baselines));
    const counts = addCounts(chosen);
    const scratchBytes = chosen.reduce((largest, one) => Math.max(largest, one.scratchBytes), 0);
    const arenaPeakBytes = totals.arenaPeakBytes + scratchBytes;
    return {
      macs: totals.macs - own.macs + counts.macs,
      readBytes: totals.readBytes - own.readBytes + counts.readBytes,
      writtenBytes: totals.writtenBytes - own.writtenBytes + counts.writtenBytes,
      arenaPeakBytes,
      weightsBytes,
      totalBytes: arenaPeakBytes + weightsBytes + memory.workspaceBytes + memory.outputBytes,
    };
  };
  return {
    zeroInsertIm2col: replaced(baselines => baselines.zeroInsertIm2col),
    zeroInsertDirect: replaced(baselines => baselines.zeroInsertDirect),
    gemmCol2im: replaced(baselines => baselines.gemmCol2im),
  };
}

/** Bytes of the packed constant weights of all convolutions; equal weights share one buffer. */
function packedBytes(
  convolutions: readonly Convolution[],
  {steps, buffers}: Pick<Schedule, 'steps' | 'buffers'>,
): number {
  // Weights that are widened or read from the file before they are used.
  const sources = new Map<number, number>();
  for (const {op, ...step} of steps)
    if ((op === 'widen' || op === 'load') && 'x' in step) sources.set(step.y.buffer, step.x.buffer);
  const stored = new Set<number>();
  for (const conv of convolutions.filter(({plainBytes}) => plainBytes > 0)) {
    for (const step of conv.steps) {
      if (!isConvStep(step)) continue;
      let at = step.weights.buffer;
      for (let from = sources.get(at); from !== undefined; from = sources.get(at)) at = from;
      stored.add(at);
    }
  }
  const own = buffers.filter(({id}) => stored.has(id));
  const streamed = own.filter(({storage}) => storage.kind === 'streamed');
  const {constantBytes} = scheduleMemory({buffers: own, arenaPeakBytes: 0}, 0);
  return constantBytes + sum(streamed.map(bufferBytes));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function countsOf({macs, readBytes, writtenBytes}: Counts): Counts {
  return {macs, readBytes, writtenBytes};
}
