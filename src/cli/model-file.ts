// A path on the command line → a session or an explanation; the file is an ONNX model or a compiled program.

import {basename} from 'node:path';
import {explainChoices} from '../compile.js';
import {UntangleError} from '../errors.js';
import {compile, load} from '../index.js';
import {decodeModel} from '../onnx/decode.js';
import {externalDataBeside} from '../onnx/external-data.js';
import {isProgram, readHeld, readModelFile} from '../onnx/read-model.js';
import type {LoadOptions} from '../options.js';
import {decodeProgram} from '../program/decode.js';
import type {ExplainedChoice} from '../program/explain-choice.js';
import type {Explanation, Program} from '../program/program.js';
import {residentBytes} from '../program/read-header.js';
import {readBoard} from '../runtime/board-file.js';
import type {Session} from '../runtime/session.js';
import {DEVICES, type Device} from '../schedule/device.js';
import {type Feed, readConstants} from './feeds.js';
import type {CliOptions} from './options.js';
import {note} from './report.js';
import {bindShapes} from './shapes.js';

type Options = Partial<
  Pick<
    CliOptions,
    | 'device'
    | 'precision'
    | 'threads'
    | 'memory'
    | 'schedule'
    | 'exact'
    | 'board'
    | 'weights'
    | 'streamWeights'
    | 'shape'
    | 'constant'
  >
>;

/** A file that was read, with its shapes bound. */
export interface ModelFile {
  readonly path: string;
  /** Without the weights that a program streams. */
  readonly bytes: Uint8Array;
  readonly isProgram: boolean;
  readonly options: LoadOptions;
}

/**
 * Reads `path` and binds its symbolic dimensions from the options and `feeds`.
 *
 * @throws ERR_FILE_*, ERR_ONNX_*, ERR_INPUT_NAME, ERR_INPUT_SHAPE; ERR_OPTION for options a program has no use for
 *   and constants that are no numbers
 */
export async function openModelFile(
  path: string,
  options: Options,
  feeds: ReadonlyMap<string, Feed> = new Map(),
  {isQuiet = false} = {},
): Promise<ModelFile> {
  const bytes = await readHeld(path, residentBytes);
  const {device, precision, threads, memory: memoryBudgetBytes} = options;
  const common = {device, precision, threads, memoryBudgetBytes};
  const {
    schedule,
    exact,
    weights,
    streamWeights,
    board: boardName,
    shape = [],
    constant = [],
  } = options;
  if (isProgram(bytes)) {
    if (schedule !== undefined) throw compiledError('--schedule');
    if (exact !== undefined) throw compiledError('--exact');
    if (weights !== undefined) throw compiledError('--weights');
    if (streamWeights !== undefined) throw compiledError('--stream-weights');
    if (boardName !== undefined) throw compiledError('--board');
    if (shape.length > 0) throw compiledError('--shape');
    if (constant.length > 0) throw compiledError('--constant');
    return {path, bytes, isProgram: true, options: common};
  }
  const board = boardName === undefined ? undefined : await readBoard(boardName);
  const externalData = externalDataBeside(path);
  const {inputs} = decodeModel(bytes, {path, externalData});
  const constants = await readConstants(constant);
  const {shapes, notes} = bindShapes(inputs, shape, feeds, constants);
  if (!isQuiet) for (const text of notes) note(text);
  const how = {schedule, exact, weights, streamWeights, board};
  const compiling = {shapes, constants, ...how, externalData, name: basename(path)};
  return {path, bytes, isProgram: false, options: {...common, ...compiling}};
}

function compiledError(option: string): UntangleError {
  return new UntangleError('ERR_OPTION', [
    option,
    'an ONNX model',
    'a compiled program, whose shapes, schedule and weights are fixed',
  ]);
}

/** Loads the file; a model is not read again, a program may have left weights there. */
export function openSession(file: ModelFile): Promise<Session> {
  // One run, or many of one shape: the model need not be kept.
  return load(file.isProgram ? file.path : file.bytes, {...file.options, plans: 1});
}

/**
 * Compiles the file.
 *
 * @throws ERR_OPTION when it is compiled already
 */
export async function compileFile(file: ModelFile): Promise<Program> {
  if (file.isProgram)
    throw new UntangleError('ERR_OPTION', [
      'MODEL',
      'an ONNX model',
      `${file.path}, which is compiled already`,
    ]);
  const {device, precision: _, ...options} = file.options;
  if (device === 'auto')
    throw new UntangleError('ERR_OPTION', ['--device', `one of ${DEVICES.join(', ')}`, '"auto"']);
  return await compile(file.bytes, {...options, device});
}

/** What explain shows; needs no addon for a program file. */
export async function explainFile(file: ModelFile): Promise<Explanation> {
  return file.isProgram
    ? decodeProgram(file.bytes).explanation
    : (await compileFile(file)).explanation;
}

/**
 * The schedules that a convolution was chosen from.
 *
 * @throws ERR_OPTION when `name` names none, or the file is compiled already
 */
export async function explainFileChoice(file: ModelFile, name: string): Promise<ExplainedChoice> {
  const {commands} = (await compileFile(file)).explanation;
  const {device, precision: _, ...options} = file.options;
  const choices = explainChoices(file.bytes, {...options, device: device as Device | undefined});
  const wanted = /^\d+$/.test(name) ? (commands[Number(name)]?.name ?? name) : name;
  const found =
    choices.find(choice => choice.name === name) ?? choices.find(one => one.name === wanted);
  if (found !== undefined) return found;
  const known = choices.map(choice => choice.name);
  const some = known.length > 8 ? [...known.slice(0, 8), '...'] : known;
  throw new UntangleError('ERR_OPTION', [
    '--why',
    known.length === 0
      ? 'a model with convolutions'
      : `the name of a convolution or the number of its command, such as ${some.join(', ')}`,
    `"${name}"`,
  ]);
}

/** Names of the inputs and outputs of an ONNX file, in order. */
export async function modelPorts(
  path: string,
): Promise<{readonly inputs: readonly string[]; readonly outputs: readonly string[]}> {
  const {inputs, outputs} = await readModelFile(path);
  return {inputs: inputs.map(({name}) => name), outputs: outputs.map(({name}) => name)};
}
