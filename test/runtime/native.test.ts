// Native = interpreter on small models, whatever the schedule and the number of threads; counts = recount.

import test, {type ExecutionContext} from 'ava';
import {compile} from '../../src/compile.js';
import {open} from '../../src/index.js';
import type {Command} from '../../src/program/commands.js';
import {decodeProgram} from '../../src/program/decode.js';
import {interpret} from '../../src/program/interpreter/interpret.js';
import type {Program} from '../../src/program/program.js';
import {SCHEDULES} from '../../src/schedule/candidates.js';
import type {WinogradForm} from '../../src/untangle/winograd.js';
import {winogradBound} from '../schedule/winograd-bound.js';
import {CONVOLUTION_MODELS, integers, SMALL_MODELS} from './small-models.js';

for (const {name, bytes} of SMALL_MODELS) {
  test(`${name}: native computes what the interpreter computes, and touches what was counted`, async t => {
    await check(t, compile(bytes));
  });
}

for (const {name, bytes} of CONVOLUTION_MODELS) {
  for (const schedule of SCHEDULES.filter(one => one !== 'auto')) {
    test(`${name}, ${schedule}: native computes what the interpreter computes, and touches what was counted`, async t => {
      await check(t, compile(bytes, {schedule}));
    });
  }
}

test('every schedule computes the same, to the last bit on integers', async t => {
  for (const {name, bytes} of CONVOLUTION_MODELS) {
    const results = SCHEDULES.map(schedule => {
      const program = decodeProgram(compile(bytes, {schedule, exact: true}).bytes);
      return interpret(program, inputsOf(program), {count: false}).outputs[0]!;
    });
    for (const [index, result] of results.entries())
      t.deepEqual(result, results[0]!, `${name}, ${SCHEDULES[index]}`);
  }
});

test('winograd computes the same within its bound', t => {
  let seen = 0;
  for (const {name, bytes} of CONVOLUTION_MODELS) {
    const [exact, fast] = [true, false].map(isExact => {
      const options = {schedule: isExact ? 'cks' : 'winograd'} as const;
      const program = decodeProgram(compile(bytes, options).bytes);
      return {program, ...interpret(program, inputsOf(program), {count: false})};
    });
    for (const command of fast!.program.commands) {
      if (command.op !== 'winograd') continue;
      const channels = fast!.program.views[command.x]!.shape[3]!;
      const most = {x: 4, weights: 4, added: 4};
      const slope = 4;
      const bound = slope * winogradBound(formOf(command), channels, most);
      exact!.outputs[0]!.forEach((value, index) => {
        const error = Math.abs(value - fast!.outputs[0]![index]!);
        t.true(error <= bound, `${name}: ${error} at ${index}`);
      });
      seen++;
    }
  }
  t.true(seen > 0);
});

function formOf(command: Extract<Command, {op: 'winograd'}>): WinogradForm {
  return {tile: command.tile, taps: [command.tapsY, command.tapsX]} as WinogradForm;
}

function inputsOf(program: {
  readonly inputs: readonly {readonly elements: number}[];
}): Float32Array[] {
  return program.inputs.map(({elements}, index) => integers(elements, index + 1));
}

async function check(t: ExecutionContext, program: Program): Promise<void> {
  const decoded = decodeProgram(program.bytes);
  const inputs = inputsOf(decoded);
  const expected = interpret(decoded, inputs, {count: true});
  const {commands, totals} = program.explanation;
  t.deepEqual(
    commands.map(({op, name, macs, readBytes, writtenBytes}) => ({
      op,
      name,
      macs,
      readBytes,
      writtenBytes,
    })),
    commands.map(({op, name}, index) => ({op, name, ...expected.counts[index]!})),
  );
  t.is(
    totals.readBytes,
    expected.counts.reduce((sum, {readBytes}) => sum + readBytes, 0),
  );

  const feeds = Object.fromEntries(
    program.explanation.inputs.map(({name}, index) => [name, inputs[index]!]),
  );
  for (const threads of [1, 3]) {
    const session = await open(program, {threads});
    const results = await session.run(feeds);
    program.explanation.outputs.forEach(({name, shape}, index) => {
      t.deepEqual(results[name]!.shape, shape);
      const actual = Float32Array.from(results[name]!.data as ArrayLike<number | bigint>, Number);
      assertClose(t, actual, expected.outputs[index]!, `${name}, ${threads} threads`);
    });
    await session.dispose();
  }
}

/** Relative to the range of the output; exact functions of integers come out equal anyway. */
function assertClose(
  t: ExecutionContext,
  actual: Float32Array,
  expected: Float32Array,
  what: string,
): void {
  t.is(actual.length, expected.length);
  const scale = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-6);
  const worst = expected.reduce(
    (largest, value, index) => Math.max(largest, Math.abs(value - actual[index]!)),
    0,
  );
  t.true(worst <= 2e-6 * scale, `${what}: differs by ${worst}, values up to ${scale}`);
}
