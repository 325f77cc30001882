// The ten real models of ../shared/models under byte budgets: kept to the byte, and no result changes.

import {existsSync, readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {UntangleError} from '../../src/errors.js';
import {type CompileOptions, compile, open, type Program} from '../../src/index.js';
import {MODEL_NAMES, MODELS, tensors} from './model-files.js';

const SESSION = {threads: 2, streamWeights: false};

/** The least that a model needs, as the refusal of a smaller budget says it. */
function leastBytes(
  bytes: Uint8Array,
  options: Pick<CompileOptions, 'shapes' | 'streamWeights'>,
  memoryBudgetBytes = 1,
): number {
  try {
    compile(bytes, {...SESSION, ...options, memoryBudgetBytes});
  } catch (error) {
    if (error instanceof UntangleError && error.code === 'ERR_BUDGET_EXCEEDED')
      return Number(error.fields.neededBytes);
    throw error;
  }
  throw new Error(`${memoryBudgetBytes} bytes were enough`);
}

for (const name of MODEL_NAMES) {
  const folder = path.join(MODELS, name);
  if (!existsSync(folder)) {
    test.skip(`${name}: skipped, ${folder} does not exist`, () => {});
    continue;
  }
  test.serial(`${name}: the smallest budget and one between give the same bits`, async t => {
    t.timeout(300_000);
    const inputs = tensors(folder, 'input');
    const shapes = Object.fromEntries(inputs.map(tensor => [tensor.name, tensor.dims]));
    const feeds = Object.fromEntries(inputs.map(({name, data}) => [name, data]));
    const bytes = readFileSync(path.join(folder, 'model.onnx'));
    const run = async (program: Program, memoryBudgetBytes?: number) => {
      const session = await open(program, {threads: SESSION.threads, memoryBudgetBytes});
      const results = await session.run(feeds);
      await session.dispose();
      return results;
    };

    const free = compile(bytes, {shapes, ...SESSION});
    const expected = await run(free);
    const most = free.explanation.totals.totalBytes;
    const least = leastBytes(bytes, {shapes});
    t.true(least <= most);
    for (const budget of [least, Math.round((least + most) / 2)]) {
      const program = compile(bytes, {shapes, ...SESSION, memoryBudgetBytes: budget});
      t.true(program.explanation.totals.totalBytes <= budget);
      t.deepEqual(await run(program, budget), expected, `${budget} bytes`);
    }
    t.throws(() => compile(bytes, {shapes, ...SESSION, memoryBudgetBytes: least - 1}), {
      code: 'ERR_BUDGET_EXCEEDED',
      message: new RegExp(`at least ${least} bytes`),
    });

    const streaming = {shapes, streamWeights: 'auto'} as const;
    const streamed = leastBytes(bytes, streaming);
    const program = compile(bytes, {...SESSION, ...streaming, memoryBudgetBytes: streamed});
    t.is(program.explanation.totals.totalBytes, streamed);
    t.is(leastBytes(bytes, streaming, streamed - 1), streamed);
  });
}
