// What takes part: programs that load a row, run it and say how long each run took.
//
// Each is one process per thread count that answers lines on stdin with lines on stdout (bench/workers/):
//
//   load key=value …   -> ok key=value …                 weights are made and packed here
//   run N              -> ms t1 t2 … tN                   each run timed inside the worker, in milliseconds
//   output             -> output COUNT SUMABS v1 … v64    of the last run, in NCHW; evenly spaced samples
//   anything that went wrong -> error SENTENCE
//
// All values are percent-encoded. Input, weights and bias are those of bench/models/hash.ts; a trained model has its own.

import {rowModelFile} from '../models/model-cache.js';
import {trainedFiles} from '../models/trained.js';
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

/** A row for workers that read ONNX: the `model`, and the `shape` of the input or the files of all `inputs`. */
export function modelTask(row: Row, threads: number): Task | Absence {
  const {id} = row;
  if (row.kind !== 'model')
    return {id, threads, model: rowModelFile(row), shape: inputShape(row).join(',')};
  const files = trainedFiles(row);
  if (files === null) return {absent: 'the model is not on this machine'};
  return {id, threads, model: files.model, inputs: files.inputs.join(',')};
}

/** A layer for workers that build it themselves. */
export function layerTask(layer: Layer, threads: number): Task {
  const {op, batch, inChannels, outChannels, input, kernel, stride, pad, dilation, groups} = layer;
  const [outHeight, outWidth] = outputSize(layer);
  const [height, width] = input;
  return {
    id: layer.id,
    threads,
    shape: inputShape(layer).join(','),
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
