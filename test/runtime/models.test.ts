// The ten real models of ../shared/models: native at one and two threads, interpreter, reference, and counts.

import {existsSync, readFileSync} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {compile, open, type Program} from '../../src/index.js';
import type {NamedTensor} from '../../src/onnx/tensor-file.js';
import {decodeProgram} from '../../src/program/decode.js';
import {interpret} from '../../src/program/interpreter/interpret.js';
import {MODEL_NAMES, MODELS, tensors} from './model-files.js';

/** Largest error that is accepted, relative to the range of the output (the models' README). */
const TOLERANCE = 1e-4;

for (const name of MODEL_NAMES) {
  const folder = path.join(MODELS, name);
  if (!existsSync(folder)) {
    test.skip(`${name}: skipped, ${folder} does not exist`, () => {});
    continue;
  }
  test.serial(
    `${name}: native agrees with onnxruntime at one and two threads, and touches what was counted`,
    async t => {
      t.timeout(300_000);
      const [inputs, expected] = [tensors(folder, 'input'), tensors(folder, 'output')];
      const shapes = Object.fromEntries(inputs.map(tensor => [tensor.name, tensor.dims]));
      const program = compile(readFileSync(path.join(folder, 'model.onnx')), {shapes});
      const feeds = Object.fromEntries(inputs.map(({name, data}) => [name, data]));

      const results = await runNative(program, feeds, 1);
      assertClose(t, results, expected);
      t.deepEqual(
        await runNative(program, feeds, 2),
        results,
        'two threads give the same bits as one',
      );
      recount(t, program, feeds);
    },
  );
}

async function runNative(
  program: Program,
  feeds: Record<string, Float32Array | Float64Array>,
  threads: number,
) {
  const session = await open(program, {threads});
  const results = await session.run(feeds);
  await session.dispose();
  return results;
}

function assertClose(
  t: ExecutionContext,
  results: Awaited<ReturnType<typeof runNative>>,
  expected: readonly NamedTensor[],
): void {
  for (const {name, dims, data} of expected) {
    const result = results[name]!;
    t.deepEqual(result.shape, dims);
    const values = Array.from(data);
    const range = values.reduce((a, b) => Math.max(a, b)) - values.reduce((a, b) => Math.min(a, b));
    const worst = values.reduce(
      (largest, value, index) => Math.max(largest, Math.abs(value - result.data[index]!)),
      0,
    );
    t.true(worst <= TOLERANCE * range, `${name}: differs by ${worst}, range ${range}`);
  }
}

/** Executes the program in JavaScript, counting every access, and compares with the closed forms. */
function recount(
  t: ExecutionContext,
  program: Program,
  feeds: Record<string, Float32Array | Float64Array>,
): void {
  const inputs = program.explanation.inputs.map(({name}) => Float32Array.from(feeds[name]!));
  const {counts} = interpret(decodeProgram(program.bytes), inputs, {count: true});
  const {commands} = program.explanation;
  t.deepEqual(
    commands.map(({op, name, macs, readBytes, writtenBytes}) => ({
      op,
      name,
      macs,
      readBytes,
      writtenBytes,
    })),
    commands.map(({op, name}, index) => ({op, name, ...counts[index]!})),
  );
}
