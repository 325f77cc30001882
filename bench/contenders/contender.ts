// What takes part: programs that load a row, run it and say how long each run took.
//
// Each is one process per thread count that answers lines on stdin with lines on stdout (bench/workers/):
//
//   load key=value …   -> ok key=value …                 weights are made and packed here
//   run N              -> ms t1 t2 … tN                   each run timed inside the worker, in milliseconds
//   output             -> output COUNT SUMABS v1 … v64    of the last run, in NCHW; evenly spaced samples
//   anything that went wrong -> error SENTENCE
//
// All values are percent-encoded. Input, weights and bias are those of bench/models/hash.ts.

import {inputShape, type Layer, outputSize, type Row} from '../shapes.js';

/** A command that speaks the protocol, with what it needs in its environment. */
export interface Launch {
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
}

/** What a worker is to load: `key=value` pairs. */
export type Task = Readonly<Record<string, string | number>>;

/** Why something does not take part; a phrase. */
export interface Absence {
  readonly absent: string;
}

export interface Contender {
  readonly name: string;
  /** Other people's: what we are compared with. */
  readonly isPeer: boolean;
  /** Looks for it on this machine; builds its worker where one has to be compiled. */
  find(threads: number): Launch | Absence;
  /** What its worker loads for `row`. Writes the model file when there is none. */
  task(row: Row, threads: number): Task | Absence;
}

export function isAbsent(value: object): value is Absence {
  return 'absent' in value;
}

/** Number of numbers to be fed, and threads to run on: what every worker wants to know. */
export function commonTask(row: Row, threads: number): Task {
  return {id: row.id, threads, shape: inputShape(row).join(',')};
}

/** A layer for workers that build it themselves. */
export function layerTask(layer: Layer, threads: number): Task {
  const {op, batch, inChannels, outChannels, input, kernel, stride, pad, dilation, groups} = layer;
  const [outHeight, outWidth] = outputSize(layer);
  const [height, width] = input;
  return {
    ...commonTask(layer, threads),
    op,
    batch,
    inChannels,
    outChannels,
    height,
    width,
    outHeight,
    outWidth,
    kernel,
    stride,
    pad,
    dilation,
    groups,
  };
}
