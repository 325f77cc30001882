// The rows of the benchmark: layers and whole generators of real networks, and trained models, from bench/shapes/*.json.

import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {ROOT} from './folders.js';

/** A convolution of one layer; pads, strides and dilations are the same on both axes. Sizes count elements. */
export interface Layer {
  readonly kind: 'layer';
  readonly id: string;
  /** The file it stands in: which network it belongs to. */
  readonly family: string;
  readonly op: 'transposed' | 'conv';
  readonly batch: number;
  readonly inChannels: number;
  readonly outChannels: number;
  /** [H, W] */
  readonly input: readonly [number, number];
  readonly kernel: number;
  readonly stride: number;
  readonly pad: number;
  readonly outputPadding: number;
  readonly dilation: number;
  readonly groups: number;
}

/** A whole generator; `bench/models/generators.ts` says what it is made of. */
export interface Net {
  readonly kind: 'net';
  readonly id: string;
  readonly family: 'nets';
  readonly generator: 'dcgan' | 'cyclegan' | 'unet';
  /** [N, C, H, W] */
  readonly input: readonly [number, number, number, number];
  /** Of DCGAN's layers. */
  readonly kernel?: number;
}

/** A trained model with its own inputs, a folder of MODELS: `model.onnx` and `input_0.pb`, `input_1.pb`, … */
export interface TrainedModel {
  readonly kind: 'model';
  /** Name of the folder. */
  readonly id: string;
  readonly family: 'models';
}

export type Row = Layer | Net | TrainedModel;

const FOLDER = path.join(ROOT, 'bench', 'shapes');
const NETS = 'nets';
const TRAINED = 'models';
const QUICK = 'quick';
const LAYER_DEFAULTS = {batch: 1, stride: 1, pad: 0, outputPadding: 0, dilation: 1, groups: 1};

/** All rows: layers, nets, models, in the order of the files. */
export function readRows(): Row[] {
  const families = readdirSync(FOLDER)
    .map(file => path.basename(file, '.json'))
    .filter(family => ![NETS, TRAINED, QUICK].includes(family))
    .sort();
  const layers = families.flatMap(family =>
    readShapes<{layers: Layer[]}>(family).layers.map(layer => ({
      ...LAYER_DEFAULTS,
      ...layer,
      kind: 'layer' as const,
      family,
    })),
  );
  const nets = readShapes<{nets: Net[]}>(NETS).nets.map(net => ({
    ...net,
    kind: 'net' as const,
    family: 'nets' as const,
  }));
  const models = readShapes<{models: {id: string}[]}>(TRAINED).models.map(({id}) => ({
    kind: 'model' as const,
    id,
    family: 'models' as const,
  }));
  return [...layers, ...nets, ...models];
}

/** Ids of the representative rows. */
export function readQuickIds(): ReadonlySet<string> {
  return new Set(readShapes<{ids: string[]}>(QUICK).ids);
}

function readShapes<T>(name: string): T {
  return JSON.parse(readFileSync(path.join(FOLDER, `${name}.json`), 'utf8')) as T;
}

/** [N, C, H, W] of what a layer or a net is fed. */
export function inputShape(row: Layer | Net): readonly [number, number, number, number] {
  return row.kind === 'net' ? row.input : [row.batch, row.inChannels, ...row.input];
}

/** [H, W] of what a layer writes. */
export function outputSize(layer: Layer): readonly [number, number] {
  return [outputLength(layer, layer.input[0]), outputLength(layer, layer.input[1])];
}

function outputLength(layer: Layer, length: number): number {
  const {op, kernel, stride, pad, outputPadding, dilation} = layer;
  const extent = dilation * (kernel - 1) + 1;
  return op === 'transposed'
    ? (length - 1) * stride - 2 * pad + extent + outputPadding
    : Math.floor((length + 2 * pad - extent) / stride) + 1;
}

/** Multiply-accumulates of a convolution. */
export interface Macs {
  /** By the usual formula: every tap of every pixel. */
  readonly nominal: number;
  /** Without taps that fall into padding or are cropped: what has to be computed. */
  readonly inBounds: number;
}

/** Counts a layer by its closed form. */
export function layerMacs(layer: Layer): Macs {
  const {op, batch, inChannels, outChannels, groups, kernel, input} = layer;
  const output = outputSize(layer);
  const pairs = (batch * inChannels * outChannels) / groups;
  const pixels = op === 'transposed' ? input : output;
  const inBounds = [0, 1].map(axis => tapsInBounds(layer, input[axis]!, output[axis]!));
  return {
    nominal: pairs * kernel * kernel * pixels[0] * pixels[1],
    inBounds: pairs * inBounds[0]! * inBounds[1]!,
  };
}

/** Pairs of an input and a kernel element, along one axis, that reach an output. */
function tapsInBounds(layer: Layer, input: number, output: number): number {
  const {op, kernel, stride, pad, dilation} = layer;
  // Scattering for a transposed convolution, gathering for a plain one: the same sum from either end.
  const [from, to] = op === 'transposed' ? [input, output] : [output, input];
  let count = 0;
  for (let index = 0; index < from; index++) {
    for (let tap = 0; tap < kernel; tap++) {
      const target = index * stride + tap * dilation - pad;
      if (target >= 0 && target < to) count++;
    }
  }
  return count;
}
