// One conformance test through load and run.

import {UntangleError} from '../../src/errors.js';
import {load, type TensorInput} from '../../src/index.js';
import {decodeModel} from '../../src/onnx/decode.js';
import type {OnnxModel, Tensor, ValueInfo} from '../../src/onnx/model.js';
import type {Archive, ConformanceTest, DataSet} from './archive.js';
import {difference} from './compare.js';

/**
 * Which inputs are given when the model is loaded: tests pass parameters such as shapes, axes and weights as inputs of
 * the graph, which models in use have as constants.
 */
export const BINDINGS = ['none', 'all but the first', 'all'] as const;
export type Binding = (typeof BINDINGS)[number];

export interface Result {
  readonly test: ConformanceTest;
  readonly passed: boolean;
  /** The binding that the model loaded with; null when it loaded with none. */
  readonly binding: Binding | null;
  /** Why it failed; '' when it passed. */
  readonly reason: string;
}

/** Runs every data set of `test` with the first binding that the runtime does not refuse. */
export async function checkTest(archive: Archive, test: ConformanceTest): Promise<Result> {
  let binding: Binding | null = null;
  try {
    const bytes = archive.model(test);
    const model = decodeModel(bytes);
    for (const dataSet of archive.dataSets(test)) {
      const used = await checkDataSet(bytes, model, dataSet);
      // Reported is the binding of the set that needed most.
      if (binding === null || BINDINGS.indexOf(used) > BINDINGS.indexOf(binding)) binding = used;
    }
    if (binding === null) throw new Error('the test has no data');
    return {test, passed: true, binding, reason: ''};
  } catch (error) {
    return {test, passed: false, binding, reason: describe(error)};
  }
}

async function checkDataSet(
  bytes: Uint8Array,
  model: OnnxModel,
  {inputs, outputs}: DataSet,
): Promise<Binding> {
  if (inputs.length > model.inputs.length)
    throw new Error(`${inputs.length} input files for ${model.inputs.length} inputs`);
  let refusal: unknown = null;
  for (const binding of BINDINGS) {
    const bound = binding === 'none' ? inputs.length : binding === 'all' ? 0 : 1;
    // With one input, "all but the first" binds nothing.
    if (binding === 'all but the first' && inputs.length <= 1) continue;
    const [fed, constants] = [inputs.slice(0, bound), inputs.slice(bound)];
    const results = await computed(bytes, model, fed, constants).catch(error => {
      if (!isRefusal(error)) throw error;
      refusal = error;
      return null;
    });
    if (results === null) continue;
    checkOutputs(results, model.outputs, outputs);
    return binding;
  }
  throw refusal;
}

/** Loads the model with `constants` for its last inputs and runs it with `fed` for the first ones. */
async function computed(
  bytes: Uint8Array,
  {inputs}: OnnxModel,
  fed: readonly Tensor[],
  constants: readonly Tensor[],
) {
  const named = (tensors: readonly Tensor[], from: number) =>
    tensors.map((tensor, index) => [inputs[from + index]!.name, tensor] as const);
  const shapes = Object.fromEntries(
    named(fed, 0)
      .filter(([, {dims}], index) => !isStatic(inputs[index]!, dims))
      .map(([name, {dims}]) => [name, dims]),
  );
  await using session = await load(bytes, {
    threads: 1,
    shapes,
    constants: given(named(constants, fed.length)),
  });
  return await session.run(given(named(fed, 0)));
}

/** Tensors as `run` and `load` take them. */
function given(tensors: readonly (readonly [string, Tensor])[]): Record<string, TensorInput> {
  return Object.fromEntries(tensors.map(([name, {data, dims}]) => [name, {data, shape: dims}]));
}

function isStatic({dims}: ValueInfo, actual: readonly number[]): boolean {
  // A size of 0 in a file stands for one that is not known.
  return dims?.join() === actual.join() && !actual.includes(0);
}

function checkOutputs(
  results: Awaited<ReturnType<typeof computed>>,
  ports: readonly ValueInfo[],
  expected: readonly Tensor[],
): void {
  if (expected.length !== ports.length)
    throw new Error(`${expected.length} output files for ${ports.length} outputs`);
  for (const [index, {name}] of ports.entries()) {
    const result = results[name];
    if (result === undefined) throw new Error(`output "${name}" is missing`);
    const found = difference(result, expected[index]!);
    if (found !== null) throw new Error(`output "${name}": ${found}`);
  }
}

/** Whether other inputs bound may help: not supported at run time, or data that contradict the shape the model declares. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof UntangleError &&
    (error.code === 'ERR_OP_UNSUPPORTED' || error.code === 'ERR_INPUT_SHAPE')
  );
}

function describe(error: unknown): string {
  if (error instanceof UntangleError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
