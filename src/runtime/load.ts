// Files and programs in, sessions out.

import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {compileModel, readModel} from '../compile.js';
import {UntangleError} from '../errors.js';
import {describeValue} from '../feeds/describe.js';
import type {DeferredBytes} from '../onnx/deferred.js';
import {externalDataBeside} from '../onnx/external-data.js';
import {isProgram, readModelBytes} from '../onnx/read-model.js';
import {
  checkLoadOptions,
  checkOpenOptions,
  type LoadOptions,
  type OpenOptions,
} from '../options.js';
import type {Program} from '../program/program.js';
import {residentBytes} from '../program/read-header.js';
import {allocateNative, loadAddon} from './native.js';
import {chooseDevice, openPlan, type PlanOptions} from './open-plan.js';
import {makePlanner} from './planner.js';
import {Plans} from './plans.js';
import {Session} from './session.js';
import {openCompiled} from './spool.js';

/**
 * Loads an ONNX model, or a program file written by `compile`, ready to run.
 *
 * Compiling happens on the calling thread, before the promise resolves; runs happen on the session's threads.
 * Weights kept beside the model (external data) are found when `source` is a path.
 *
 * @param source path of a .onnx or .untp file, or its bytes
 * @param options `shapes` binds symbolic dimensions, `memoryBudgetBytes` bounds what the session holds (bytes)
 * @throws ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_OPTION, ERR_DEVICE_UNSUPPORTED, ERR_ADDON_MISSING,
 *   ERR_BUDGET_EXCEEDED, ERR_SHAPE_UNBOUND and the ERR_GPU_, ERR_ONNX_, ERR_OP_, ERR_MODEL_ and ERR_PROGRAM_ codes
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
  if (file === null)
    return loadBytes({bytes: source as Uint8Array, file, deferred: null, rest: null}, checked);
  const reading = {allocate: allocateNative, heldBytes: residentBytes};
  const read = await readModelBytes(file, checked.limits ?? {}, reading);
  try {
    return await loadBytes({...read, file}, checked);
  } finally {
    if (read.deferred !== null || read.rest !== null) await read.close();
  }
}

/** A model's or a program's bytes, and where they came from. */
interface Source {
  readonly bytes: Uint8Array;
  /** Null for bytes of the caller's. */
  readonly file: string | null;
  readonly deferred: DeferredBytes | null;
  /** Where the streamed weights of a program are. */
  readonly rest: {readonly fd: number} | null;
}

async function loadBytes(
  {bytes, file, deferred, rest}: Source,
  {device, plans, ...compiling}: ReturnType<typeof checkLoadOptions>,
): Promise<Session> {
  const {threads, memoryBudgetBytes, precision} = compiling;
  if (isProgram(bytes)) {
    refuseCompileOptions(compiling);
    return openSession(bytes, {device, threads, memoryBudgetBytes, precision, file: rest?.fd});
  }

  const addon = loadAddon();
  const target = chooseDevice(device);
  const complete = {
    ...compiling,
    device: target,
    name: compiling.name ?? (file === null ? undefined : path.basename(file)),
    externalData: compiling.externalData ?? (file === null ? undefined : externalDataBeside(file)),
  };
  const model = readModel(bytes, complete, deferred ?? undefined);
  const program = compileModel(model, complete, allocateNative);
  const plan = openCompiled(program, {device: target, threads, memoryBudgetBytes, precision});
  const borrowed = file === null ? bytes : null;
  const planner = plans > 1 ? makePlanner(model, plan, complete, borrowed) : null;
  if (planner?.compile) await deferred?.settle();
  else addon.release(bytes);
  return new Session({
    plans: new Plans(plan, {planner, limit: plans, budgetBytes: memoryBudgetBytes}),
    device: target,
    threads,
  });
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
  const {threads, memoryBudgetBytes, device, precision} = checkOpenOptions(options);
  return openSession(program, {device, threads, memoryBudgetBytes, precision});
}

function openSession(program: Program | Uint8Array, options: PlanOptions): Session {
  const plan = openPlan(program, options);
  const budgetBytes = options.memoryBudgetBytes;
  const plans = new Plans(plan, {planner: null, limit: 1, budgetBytes});
  return new Session({plans, device: plan.device, threads: options.threads});
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

/** A program was compiled with its options; others given now would be ignored in silence. */
function refuseCompileOptions(options: Readonly<Record<string, unknown>>): void {
  const names = ['shapes', 'constants', 'schedule', 'exact', 'weights', 'streamWeights'];
  for (const name of names) {
    if (options[name] === undefined) continue;
    throw new UntangleError('ERR_OPTION', [
      name,
      'nothing, because a program file is already compiled',
      describeValue(options[name]),
    ]);
  }
}
