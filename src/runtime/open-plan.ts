// A program in, a plan out: all memory is allocated here.

import {UntangleError} from '../errors.js';
import {describeValue} from '../feeds/describe.js';
import type {OpenOptions} from '../options.js';
import {decodeProgram} from '../program/decode.js';
import type {DecodedProgram, Program} from '../program/program.js';
import {callNative, loadAddon} from './native.js';
import {Plan} from './plan.js';
import {budgetError} from './plans.js';

/** Memory of dropped outputs that a session without a budget keeps: about what V8 lets pile up before it collects. */
const KEPT_OUTPUT_BYTES = 64 * 2 ** 20;

/**
 * Validates a program and gives it memory and threads.
 *
 * @throws ERR_PROGRAM_FORMAT, ERR_PROGRAM_VERSION, ERR_OPTION, ERR_BUDGET_EXCEEDED, ERR_OUT_OF_MEMORY, ERR_ADDON_MISSING
 */
export function openPlan(
  program: Program | Uint8Array,
  {threads, memoryBudgetBytes}: OpenOptions & {readonly threads: number},
): Plan {
  const bytes = program instanceof Uint8Array ? program : program?.bytes;
  if (!(bytes instanceof Uint8Array)) {
    const expected = 'a Program or a Uint8Array';
    throw new UntangleError('ERR_OPTION', ['program', expected, describeValue(program)]);
  }
  const decoded = decodeProgram(bytes);
  const addon = loadAddon();
  const outputBytes = decoded.outputs.reduce((sum, {elements}) => sum + elements * 4, 0);
  if (memoryBudgetBytes !== undefined) {
    const workspaceBytes = callNative(() => addon.workspaceBytes(threads));
    checkProgramBudget(decoded, memoryBudgetBytes, workspaceBytes + outputBytes);
  }
  // A budget leaves room for one set of outputs, and no more.
  const keptOutputBytes = memoryBudgetBytes === undefined ? KEPT_OUTPUT_BYTES : outputBytes;
  return new Plan({
    native: callNative(() => addon.open(bytes, threads, undefined, keptOutputBytes)),
    explanation: decoded.explanation,
    writesAllOutputs: !(program instanceof Uint8Array),
  });
}

/** @throws ERR_BUDGET_EXCEEDED */
function checkProgramBudget(
  {arenaBytes, constants, explanation}: DecodedProgram,
  budgetBytes: number,
  otherBytes: number,
): void {
  const neededBytes = arenaBytes + constants.byteLength + otherBytes;
  if (neededBytes > budgetBytes) throw budgetError(explanation, budgetBytes, neededBytes);
}
