// A program in, a plan out: all memory is allocated here.

import {UntangleError} from '../errors.js';
import {describeValue} from '../feeds/describe.js';
import type {OpenOptions} from '../options.js';
import {type CommandName, CPU_COMMANDS} from '../program/commands.js';
import {decodeHead} from '../program/decode.js';
import {formatError} from '../program/format-error.js';
import type {Program, ProgramHead} from '../program/program.js';
import type {Device, Precision} from '../schedule/device.js';
import {workspaceBytesOf} from '../schedule/limits.js';
import type {Addon, NativeSession} from './addon.js';
import {callNative, gpuDriver, gpuInfo, loadAddon} from './native.js';
import {translateNativeError} from './native-error.js';
import {Plan} from './plan.js';
import {budgetError} from './plans.js';

/** Memory of dropped outputs that a session without a budget keeps: about what V8 lets pile up before it collects. */
const KEPT_OUTPUT_BYTES = 64 * 2 ** 20;

export interface PlanOptions {
  readonly device: OpenOptions['device'];
  readonly threads: number;
  readonly memoryBudgetBytes: number | undefined;
  readonly precision?: Precision | undefined;
  /** Descriptor of the program's file, for streamed weights that are not in memory; it stays the caller's. */
  readonly file?: number | undefined;
}

/**
 * Validates a program and gives it memory, and threads where it runs on the CPU.
 *
 * @throws ERR_PROGRAM_FORMAT, ERR_PROGRAM_VERSION, ERR_OPTION, ERR_BUDGET_EXCEEDED, ERR_OUT_OF_MEMORY, ERR_ADDON_MISSING,
 *   ERR_DEVICE_UNSUPPORTED, ERR_GPU_MEMORY, ERR_GPU_FAILED
 */
export function openPlan(program: Program | Uint8Array, options: PlanOptions): Plan {
  const {memoryBudgetBytes} = options;
  const bytes = program instanceof Uint8Array ? program : program?.bytes;
  if (!(bytes instanceof Uint8Array)) {
    const expected = 'a Program or a Uint8Array';
    throw new UntangleError('ERR_OPTION', ['program', expected, describeValue(program)]);
  }
  const head = decodeHead(bytes);
  if (head.streamed.data === null && options.file === undefined)
    throw formatError('its streamed weights are missing');
  const addon = loadAddon();
  const outputBytes = head.outputs.reduce((sum, {elements}) => sum + elements * 4, 0);
  // A budget leaves room for one set of outputs, and no more.
  const keptOutputBytes = memoryBudgetBytes === undefined ? KEPT_OUTPUT_BYTES : outputBytes;
  const device = chooseDevice(options.device, head);
  const open = device === 'cuda' ? openOnGpu : openOnCpu;
  return new Plan({
    device,
    native: open(addon, {bytes, head, outputBytes, keptOutputBytes}, options),
    explanation: head.explanation,
    writesAllOutputs: !(program instanceof Uint8Array),
  });
}

const NOT_ON_GPUS: ReadonlySet<CommandName> = new Set(CPU_COMMANDS);

/** The device that is meant; `auto` takes the GPU when there is one that can run the program. */
export function chooseDevice(
  device: OpenOptions['device'] = 'cpu',
  program: Pick<ProgramHead, 'commandNames'> = {commandNames: []},
): Device {
  if (device !== 'auto') return device;
  if (program.commandNames.some(name => NOT_ON_GPUS.has(name))) return 'cpu';
  return gpuInfo().reason === undefined ? 'cuda' : 'cpu';
}

interface Opening {
  readonly bytes: Uint8Array;
  readonly head: ProgramHead;
  readonly outputBytes: number;
  readonly keptOutputBytes: number;
}

function openOnCpu(
  addon: Addon,
  {bytes, head, outputBytes, keptOutputBytes}: Opening,
  {threads, memoryBudgetBytes, file}: PlanOptions,
): NativeSession {
  if (memoryBudgetBytes !== undefined)
    checkProgramBudget(head, memoryBudgetBytes, workspaceBytesOf(threads) + outputBytes);
  return callNative(() => addon.open(bytes, threads, undefined, keptOutputBytes, undefined, file));
}

/** The budget bounds memory of the GPU, pinned memory and the outputs. */
function openOnGpu(
  addon: Addon,
  {bytes, head, outputBytes, keptOutputBytes}: Opening,
  {threads, memoryBudgetBytes = Number.MAX_SAFE_INTEGER, precision = 'fp32'}: PlanOptions,
): NativeSession {
  const gpu = {driver: gpuDriver(), budgetBytes: memoryBudgetBytes - outputBytes, precision};
  try {
    return addon.open(bytes, threads, undefined, keptOutputBytes, gpu);
  } catch (error) {
    if (!isOverBudget(error)) throw translateNativeError(error);
    throw budgetError(head.explanation, memoryBudgetBytes, error.neededBytes + outputBytes);
  }
}

function isOverBudget(error: unknown): error is {readonly neededBytes: number} {
  return error instanceof Error && 'neededBytes' in error;
}

/** @throws ERR_BUDGET_EXCEEDED */
function checkProgramBudget(
  {arenaBytes, constants, streamed, explanation}: ProgramHead,
  budgetBytes: number,
  otherBytes: number,
): void {
  // Weights are streamed from memory too, where the program came as bytes.
  const weightsBytes = constants.byteLength + (streamed.data?.byteLength ?? 0);
  const neededBytes = arenaBytes + weightsBytes + otherBytes;
  if (neededBytes > budgetBytes) throw budgetError(explanation, budgetBytes, neededBytes);
}
