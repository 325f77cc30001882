// A profiled run as a trace for Perfetto (ui.perfetto.dev) and chrome://tracing.
//
// The format is the JSON of Chrome's Trace Event Format: complete events (X) with ts and dur in microseconds, counters
// (C) and names (M).

import type {CommandInfo, Explanation} from '../program/program.js';
import type {CommandTime} from '../runtime/profile.js';
import {predictedMs, type Roof} from './roof.js';
import {formatShape} from './sizes.js';
import {trafficBytes} from './traffic.js';

type Arguments = Readonly<Record<string, string | number>>;

/** An event of the trace; times in microseconds since the run began. */
export interface TraceEvent {
  readonly name: string;
  readonly ph: 'X' | 'C' | 'M';
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly args?: Arguments;
}

export interface Trace {
  readonly displayTimeUnit: 'ms';
  readonly otherData: Arguments;
  readonly traceEvents: readonly TraceEvent[];
}

export interface TraceParts {
  readonly explanation: Explanation;
  readonly times: readonly CommandTime[];
  /** Threads of the executor; 0 for a GPU, which has one row. */
  readonly threads: number;
  /** Where it ran, in words. */
  readonly place: string;
  /** What predictions are made of; without it there are none. */
  readonly roof?: Roof | undefined;
}

/** What ran, and what was expected to, as two processes one below the other. */
const MEASURED = 1;
const PREDICTED = 2;

/** The commands of a run by thread, and the predicted run beside it. */
export function traceOf(parts: TraceParts): Trace {
  const {explanation, place, roof} = parts;
  return {
    displayTimeUnit: 'ms',
    otherData: {
      model: explanation.model,
      place,
      ...(roof === undefined ? {} : {board: roof.board, peakGflops: roof.gflops}),
    },
    traceEvents: [
      ...nameEvents(parts),
      ...measuredEvents(parts),
      ...memoryEvents(parts),
      ...(roof === undefined ? [] : predictedEvents(parts, roof)),
    ],
  };
}

function nameEvents({explanation, threads, place, roof}: TraceParts): TraceEvent[] {
  const processes = [
    {pid: MEASURED, name: `${explanation.model}, measured on ${place}`},
    ...(roof === undefined ? [] : [{pid: PREDICTED, name: `predicted for ${roof.board}`}]),
  ];
  const rows = Array.from({length: Math.max(1, threads)}, (_, tid) => ({
    pid: MEASURED,
    tid,
    name: threads === 0 ? 'GPU' : tid === 0 ? 'commands, thread 0' : `thread ${tid}`,
  }));
  return [
    ...processes.flatMap(({pid, name}) => [
      metadata('process_name', pid, 0, {name}),
      metadata('process_sort_index', pid, 0, {sort_index: pid}),
    ]),
    ...rows.map(({pid, tid, name}) => metadata('thread_name', pid, tid, {name})),
    ...(roof === undefined ? [] : [metadata('thread_name', PREDICTED, 0, {name: 'commands'})]),
  ];
}

function metadata(name: string, pid: number, tid: number, args: Arguments): TraceEvent {
  return {name, ph: 'M', pid, tid, ts: 0, args};
}

function measuredEvents({explanation, times, roof}: TraceParts): TraceEvent[] {
  const end = times.reduce((last, {startMs, ms}) => Math.max(last, startMs + ms), 0);
  const run = span(explanation.model, 'run', 0, {startMs: 0, endMs: end});
  const commands = times.flatMap(({startMs, ms, work}, index) => {
    const command = explanation.commands[index]!;
    const title = command.name || command.op;
    const args = commandArguments(command, index, ms, roof);
    const own = span(title, command.op, 0, {startMs, endMs: startMs + ms}, args);
    const parts = work.map(part =>
      span(title, 'work', part.thread, part, {
        command: index,
        items: part.items,
        busyMs: rounded(part.busyMs),
      }),
    );
    return [own, ...parts];
  });
  return [run, ...commands];
}

/** Rounded to whole nanoseconds at both ends, so that what nests in time nests in the file. */
function span(
  name: string,
  cat: string,
  tid: number,
  {startMs, endMs}: {readonly startMs: number; readonly endMs: number},
  args: Arguments = {},
): TraceEvent {
  const [start, end] = [startMs, endMs].map(ms => Math.round(ms * 1e6)) as [number, number];
  return {name, cat, ph: 'X', pid: MEASURED, tid, ts: start / 1e3, dur: (end - start) / 1e3, args};
}

function commandArguments(
  command: CommandInfo,
  index: number,
  ms: number,
  roof: Roof | undefined,
): Arguments {
  const {op, schedule, shape, macs, readBytes, writtenBytes} = command;
  const rate = (amount: number) => (ms > 0 ? rounded(amount / ms / 1e6) : 0);
  return {
    command: index,
    op,
    ...(schedule === '' ? {} : {schedule}),
    output: formatShape(shape),
    flop: 2 * macs,
    readBytes,
    writtenBytes,
    gflops: rate(2 * macs),
    gbs: rate(trafficBytes(command)),
    measuredMs: rounded(ms),
    ...(roof === undefined ? {} : {predictedMs: rounded(predictedMs(roof, command))}),
  };
}

/** Bytes of the arena that hold something, whenever a command begins. */
function memoryEvents({explanation, times}: TraceParts): TraceEvent[] {
  return times.map(({startMs}, index) => {
    const bytes = explanation.blocks
      .filter(({firstCommand, lastCommand}) => firstCommand <= index && index <= lastCommand)
      .reduce((sum, block) => sum + block.bytes, 0);
    const ts = Math.round(startMs * 1e6) / 1e3;
    return {name: 'arena', ph: 'C', pid: MEASURED, tid: 0, ts, args: {bytes}};
  });
}

/** One after the other without a break. */
function predictedEvents({explanation}: TraceParts, roof: Roof): TraceEvent[] {
  let startMs = 0;
  return explanation.commands.map((command, index) => {
    const endMs = startMs + predictedMs(roof, command);
    const title = command.name || command.op;
    const args = {command: index, predictedMs: rounded(endMs - startMs)};
    const event = {...span(title, command.op, 0, {startMs, endMs}, args), pid: PREDICTED};
    startMs = endMs;
    return event;
  });
}

/** To nanoseconds. */
function rounded(ms: number): number {
  return Math.round(ms * 1e6) / 1e6;
}
