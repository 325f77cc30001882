// What runs a graph of the zoo: this package, the reference interpreter, and onnxruntime-node where it is installed.

import {createRequire} from 'node:module';
import {load} from '../../src/index.js';
import {decodeModel} from '../../src/onnx/decode.js';
import type {DataType} from '../../src/onnx/model.js';
import {evaluateModel} from '../reference/onnx/evaluate.js';
import type {ZooEntry} from './zoo-graph.js';

/** One output, row-major. */
export interface Output {
  readonly name: string;
  readonly dtype: string;
  readonly dims: readonly number[];
  readonly data: readonly number[];
}

export function runReference({bytes, feeds}: ZooEntry): Output[] {
  const model = decodeModel(bytes);
  const inputs = Object.entries(feeds).map(
    ([name, {dims, data, dtype}]) => [name, {dims, dtype, data: Float64Array.from(data)}] as const,
  );
  return evaluateModel(model, new Map(inputs)).map(({dtype, dims, data}, index) => ({
    name: model.outputs[index]!.name,
    dtype,
    dims,
    data: Array.from(data),
  }));
}

/** This package on the native addon. Inputs keep their type; dims that the file leaves open are bound. */
export async function runHere({bytes, feeds}: ZooEntry, threads: number): Promise<Output[]> {
  const tensors = Object.entries(feeds);
  const shapes = Object.fromEntries(tensors.map(([name, {dims}]) => [name, dims]));
  await using session = await load(bytes, {threads, shapes});
  const results = await session.run(
    Object.fromEntries(tensors.map(([name, {dims, data}]) => [name, {data, shape: dims}])),
  );
  return session.outputs.map(({name, dtype}) => {
    const {shape, data} = results[name]!;
    return {name, dtype, dims: shape, data: Array.from(data, Number)};
  });
}

type TypedArray = ArrayLike<number | bigint>;

/** The part of onnxruntime-node that is used here. */
interface OnnxRuntime {
  readonly Tensor: new (type: string, data: TypedArray, dims: readonly number[]) => object;
  readonly InferenceSession: {
    create(
      bytes: Uint8Array,
      options: object,
    ): Promise<{
      readonly outputNames: readonly string[];
      run(
        feeds: object,
      ): Promise<
        Record<
          string,
          {readonly type: string; readonly data: TypedArray; readonly dims: readonly number[]}
        >
      >;
    }>;
  };
}

/** onnxruntime-node, found as `require` finds it (NODE_PATH included), or null. */
export function findOnnxRuntime(): OnnxRuntime | null {
  try {
    return createRequire(import.meta.url)('onnxruntime-node');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return null;
    throw error;
  }
}

const ARRAYS: Readonly<Partial<Record<DataType, (data: readonly number[]) => TypedArray>>> = {
  float32: data => Float32Array.from(data),
  uint8: data => Uint8Array.from(data),
  int32: data => Int32Array.from(data),
  int64: data => BigInt64Array.from(data, BigInt),
};

export async function runOnnxRuntime(runtime: OnnxRuntime, entry: ZooEntry): Promise<Output[]> {
  const session = await runtime.InferenceSession.create(entry.bytes, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const feeds = Object.entries(entry.feeds).map(([name, {dims, data, dtype}]) => {
    const toArray = ARRAYS[dtype];
    if (toArray === undefined) throw new Error(`no array for ${dtype}`);
    return [name, new runtime.Tensor(dtype, toArray(data), dims)];
  });
  const results = await session.run(Object.fromEntries(feeds));
  return session.outputNames.map(name => {
    const {type, data, dims} = results[name]!;
    return {name, dtype: type, dims, data: Array.from(data, Number)};
  });
}

/** Largest error accepted of floating outputs, relative to their range. */
const TOLERANCE = 1e-4;

/** The first difference between two lists of outputs in one sentence, or null. Whole numbers must be the same. */
export function outputDifference(got: readonly Output[], want: readonly Output[]): string | null {
  if (got.map(({name}) => name).join() !== want.map(({name}) => name).join())
    return `outputs ${got.map(({name}) => name)} instead of ${want.map(({name}) => name)}`;
  for (const [index, expected] of want.entries()) {
    const {name, dtype, dims, data} = got[index]!;
    if (dtype !== expected.dtype) return `${name} is ${dtype} instead of ${expected.dtype}`;
    if (dims.join() !== expected.dims.join())
      return `${name} is [${dims}] instead of [${expected.dims}]`;
    const range = Math.max(...expected.data) - Math.min(...expected.data);
    const allowed = dtype === 'float32' ? TOLERANCE * range + 1e-6 : 0;
    const wrong = expected.data.findIndex((v, i) => !(Math.abs(v - data[i]!) <= allowed));
    if (wrong >= 0)
      return `${name}[${wrong}] is ${data[wrong]} instead of ${expected.data[wrong]} (range ${range})`;
  }
  return null;
}
