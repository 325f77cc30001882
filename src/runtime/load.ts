// Files and programs in, sessions out.

import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {compile} from '../compile.js';
import {UntangleError} from '../errors.js';
import {describeValue} from '../feeds/describe.js';
import {externalDataBeside} from '../onnx/external-data.js';
import {readFileLimited} from '../onnx/read-model.js';
import {
  checkLoadOptions,
  checkOpenOptions,
  type LoadOptions,
  type OpenOptions,
} from '../options.js';
import {MAGIC} from '../program/commands.js';
import {decodeProgram} from '../program/decode.js';
import type {DecodedProgram, Program} from '../program/program.js';
import {callNative, loadAddon} from './native.js';
import {Plan} from './plan.js';
import {Session} from './session.js';

/** Memory of dropped outputs that a session without a budget keeps: about what V8 lets pile up before it collects. */
const KEPT_OUTPUT_BYTES = 64 * 2 ** 20;

/**
 * Loads an ONNX model, or a program file written by `compile`, ready to run.
 *
 * Compiling happens on the calling thread, before the promise resolves; runs happen on the session's threads.
 * Weights kept beside the model (external data) are found when `source` is a path.
 *
 * @param source path of a .onnx or .untp file, or its bytes
 * @param options `shapes` binds symbolic dimensions, `memoryBudgetBytes` bounds what the session holds (bytes)
 * @throws ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_OPTION, ERR_DEVICE_UNSUPPORTED, ERR_ADDON_MISSING,
 *   ERR_BUDGET_EXCEEDED, ERR_SHAPE_UNBOUND and the ERR_ONNX_, ERR_OP_, ERR_MODEL_ and ERR_PROGRAM_ codes
 * @example
 * import {load} from 'untangle-edge';
 *
 * const session = await load('models/dcgan-faces.onnx', {threads: 2, shapes: {z: [1, 32, 1, 1]}});
 * const {image} = await session.run({z: new Float32Array(32).fill(0.5)});
 * console.log(image.shape); // [1, 3, 64, 64]
 * await session.dispose();
 */
export async function load(
  source: string | URL | Uint8Array,
  options: LoadOptions = {},
): Promise<Session> {
  const checked = checkLoadOptions(options);
  const file = filePath(source);
  const bytes =
    file === null ? (source as Uint8Array) : await readFileLimited(file, checked.limits);
  const {device, threads, memoryBudgetBytes, ...compiling} = checked;
  if (isProgram(bytes)) {
    refuseCompileOptions(compiling);
    return open(bytes, {threads, memoryBudgetBytes});
  }

  const addon = loadAddon();
  const program = compile(bytes, {
    ...compiling,
    threads,
    memoryBudgetBytes,
    workspaceBytes: callNative(() => addon.workspaceBytes(threads)),
    name: compiling.name ?? (file === null ? undefined : path.basename(file)),
    externalData: compiling.externalData ?? (file === null ? undefined : externalDataBeside(file)),
  });
  return open(program, {threads, memoryBudgetBytes});
}

/**
 * Opens a compiled program: validates it and allocates all memory of the session.
 *
 * @param program the result of `compile`, or the bytes of a program file, from whatever source
 * @throws ERR_PROGRAM_FORMAT, ERR_PROGRAM_VERSION, ERR_OPTION, ERR_DEVICE_UNSUPPORTED, ERR_BUDGET_EXCEEDED,
 *   ERR_OUT_OF_MEMORY, ERR_ADDON_MISSING
 */
export async function open(
  program: Program | Uint8Array,
  options: OpenOptions = {},
): Promise<Session> {
  const {threads, memoryBudgetBytes} = checkOpenOptions(options);
  const bytes = program instanceof Uint8Array ? program : program?.bytes;
  if (!(bytes instanceof Uint8Array)) {
    throw new UntangleError('ERR_OPTION', [
      'program',
      'a Program or a Uint8Array',
      describeValue(program),
    ]);
  }
  const decoded = decodeProgram(bytes);
  const addon = loadAddon();
  if (memoryBudgetBytes !== undefined) {
    checkProgramBudget(
      decoded,
      memoryBudgetBytes,
      callNative(() => addon.workspaceBytes(threads)),
    );
  }
  // A budget leaves room for one set of outputs, and no more.
  const outputBytes = decoded.outputs.reduce((sum, {elements}) => sum + elements * 4, 0);
  const keptOutputBytes = memoryBudgetBytes === undefined ? KEPT_OUTPUT_BYTES : outputBytes;
  const native = callNative(() => addon.open(bytes, threads, undefined, keptOutputBytes));
  const plan = new Plan({
    native,
    explanation: decoded.explanation,
    writesAllOutputs: !(program instanceof Uint8Array),
  });
  return new Session({plan, threads});
}

/** The path that `source` names; null when it is the bytes themselves. */
function filePath(source: string | URL | Uint8Array): string | null {
  if (typeof source === 'string') return source;
  if (source instanceof URL) return fileURLToPath(source);
  if (source instanceof Uint8Array) return null;
  throw new UntangleError('ERR_OPTION', [
    'source',
    'a path or a Uint8Array',
    describeValue(source),
  ]);
}

function isProgram(bytes: Uint8Array): boolean {
  return (
    bytes.length >= 4 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) === MAGIC
  );
}

/** A program was compiled with its options; others given now would be ignored in silence. */
function refuseCompileOptions(options: Readonly<Record<string, unknown>>): void {
  for (const name of ['shapes', 'constants', 'schedule']) {
    if (options[name] === undefined) continue;
    throw new UntangleError('ERR_OPTION', [
      name,
      'nothing, because a program file is already compiled',
      describeValue(options[name]),
    ]);
  }
}

/** @throws ERR_BUDGET_EXCEEDED */
function checkProgramBudget(
  program: DecodedProgram,
  budgetBytes: number,
  workspaceBytes: number,
): void {
  const outputBytes = program.outputs.reduce((sum, {elements}) => sum + elements * 4, 0);
  const neededBytes =
    program.arenaBytes + program.constants.byteLength + workspaceBytes + outputBytes;
  if (neededBytes <= budgetBytes) return;
  const {commands} = program.explanation;
  const endOf = (index: number) => {
    const {arenaOffset, shape} = commands[index]!;
    return arenaOffset < 0 ? 0 : arenaOffset + shape.reduce((product, size) => product * size, 4);
  };
  const worst = commands.reduce((best, _, index) => (endOf(index) > endOf(best) ? index : best), 0);
  throw new UntangleError(
    'ERR_BUDGET_EXCEEDED',
    [budgetBytes, neededBytes, worst, commands[worst]?.name ?? ''],
    {
      budgetBytes,
      neededBytes,
      command: worst,
    },
  );
}
