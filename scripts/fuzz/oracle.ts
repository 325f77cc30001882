// What must hold for one case, whatever its bytes are: a typed error or a program that runs.

import {compile} from '../../src/compile.js';
import {UntangleError} from '../../src/errors.js';
import {decodeHead, decodeProgram} from '../../src/program/decode.js';
import {interpret} from '../../src/program/interpreter/interpret.js';
import type {DecodedProgram, Program, ProgramHead} from '../../src/program/program.js';
import type {Addon} from '../../src/runtime/addon.js';
import {callNative, loadAddon} from '../../src/runtime/native.js';
import type {ScheduleName} from '../../src/schedule/candidates.js';

export type Target = 'models' | 'programs';

/** One input of a target. */
export interface FuzzCase {
  readonly bytes: Uint8Array;
  /** Of models only. */
  readonly schedule: ScheduleName;
  readonly memoryBudgetBytes: number | undefined;
}

/** Programs up to this size are run: elements of all views, multiplications, bytes of memory. */
const MAX_RUN = {elements: 300_000, macs: 300_000, bytes: 2 ** 21};

/** Opening and running costs more than compiling, so an outcome seen before is run this seldom. */
const RUN_ONE_IN = 16;
const seen = new Map<string, number>();

/**
 * Runs one case.
 *
 * @returns a short description of the outcome: cases with a new one are worth mutating further
 * @throws what the code under test threw when it is not a typed error, or an ERR_INTERNAL
 */
export async function runCase(target: Target, fuzzCase: FuzzCase): Promise<string> {
  try {
    return target === 'models' ? await runModel(fuzzCase) : await runProgram(fuzzCase.bytes);
  } catch (error) {
    if (!(error instanceof UntangleError) || error.code === 'ERR_INTERNAL') throw error;
    return `${error.code} ${error.message
      .slice(0, 200)
      .replace(/"[^"]*"/g, '""')
      .replace(/\d+/g, '#')}`;
  }
}

/** Compiles or decodes and nothing else. */
export function judgeBytes(target: Target, fuzzCase: FuzzCase): void {
  if (target === 'models') compileCase(fuzzCase);
  else decodeProgram(fuzzCase.bytes);
}

function compileCase({bytes, schedule, memoryBudgetBytes}: FuzzCase): Program {
  return compile(bytes, {threads: 1, schedule, memoryBudgetBytes});
}

async function runModel(fuzzCase: FuzzCase): Promise<string> {
  const program = compileCase(fuzzCase);
  const decoded = decodeProgram(program.bytes);
  const {macs} = program.explanation.totals;
  const kinds = new Set(program.explanation.commands.map(({op, schedule: way}) => op + way));
  const size = Math.ceil(Math.log2(decoded.commands.length + 1));
  const outcome = `compiled ${[...kinds].sort()} ${size}`;
  if (isDue(outcome) && isSmall(decoded) && macs <= MAX_RUN.macs) await run(program.bytes, decoded);
  return outcome;
}

async function runProgram(bytes: Uint8Array): Promise<string> {
  const head = decodeHead(bytes);
  // Whatever its tables are: sessions are opened by the executor's checks alone.
  if (isDue('opened') && memoryOf(head) <= MAX_RUN.bytes) tryNative(bytes);
  const decoded = decodeProgram(bytes);
  const outcome = `accepted ${[...new Set(decoded.commands.map(({op}) => op))].sort()}`;
  if (isDue(outcome) && isSmall(decoded)) openNative(bytes)?.dispose();
  return outcome;
}

function isDue(outcome: string): boolean {
  const times = seen.get(outcome) ?? 0;
  seen.set(outcome, times + 1);
  return times % RUN_ONE_IN === 0;
}

function memoryOf({arenaBytes, outputs}: ProgramHead): number {
  return arenaBytes + 4 * outputs.reduce((sum, {elements}) => sum + elements, 0);
}

function isSmall(program: DecodedProgram): boolean {
  const {views} = program;
  const elements = views.reduce((sum, {shape}) => sum + shape.reduce((a, b) => a * b, 1), 0);
  return memoryOf(program) <= MAX_RUN.bytes && elements <= MAX_RUN.elements;
}

/** Opens what may be refused. */
function tryNative(bytes: Uint8Array): void {
  try {
    openNative(bytes)?.dispose();
  } catch (error) {
    if (!(error instanceof UntangleError) || error.code === 'ERR_INTERNAL') throw error;
  }
}

/** In both executors; what comes out is other tests' business. */
async function run(bytes: Uint8Array, program: DecodedProgram): Promise<void> {
  const inputs = program.inputs.map(({elements}) => new Float32Array(elements).fill(0.5));
  interpret(program, inputs, {count: true});
  const session = openNative(bytes);
  if (session === null) return;
  const outputs = program.outputs.map(({elements}) => new Float32Array(elements));
  await session.run(inputs, outputs, false);
  session.dispose();
}

let addon: Addon | null | undefined;

function openNative(bytes: Uint8Array): ReturnType<Addon['open']> | null {
  addon ??= findAddon();
  const found = addon;
  return found === null ? null : callNative(() => found.open(bytes, 1));
}

/** Without the addon the interpreter alone runs the programs. */
function findAddon(): Addon | null {
  try {
    return loadAddon();
  } catch (error) {
    console.error(`not run natively: ${error instanceof Error ? error.message : error}`);
    return null;
  }
}
