// The line itself: an ONNX file in, a program out.

import {UntangleError} from './errors.js';
import {constantTensors} from './feeds/constant.js';
import {buildGraph} from './graph/build.js';
import {fuseGraph} from './graph/fuse.js';
import {decodeModel} from './onnx/decode.js';
import type {DeferredBytes} from './onnx/deferred.js';
import {resolveLimits, startClock} from './onnx/limits.js';
import type {OnnxModel, Tensor} from './onnx/model.js';
import {type CompileOptions, checkCompileOptions} from './options.js';
import {encodeProgram} from './program/encode.js';
import {type ExplainedChoice, explainChoice} from './program/explain-choice.js';
import {explainSchedule} from './program/explain-schedule.js';
import type {Program} from './program/program.js';
import {scheduleWithin} from './schedule/budget.js';
import {workspaceBytesOf} from './schedule/limits.js';
import type {Choice} from './schedule/lower/conv.js';
import {schedule} from './schedule/schedule.js';
import {streamAll} from './schedule/stream-within.js';

/**
 * Compiles an ONNX model to a program: decode, build, fuse, untangle and schedule, place, explain, encode.
 *
 * Needs no addon and no particular machine; equal bytes and options give equal programs.
 *
 * @param bytes a .onnx file; weights in files beside it come through `options.externalData`
 * @throws ERR_OPTION, ERR_ONNX_FORMAT, ERR_ONNX_LIMIT, ERR_ONNX_EXTERNAL_DATA, ERR_OPSET_UNSUPPORTED, ERR_OP_UNSUPPORTED,
 *   ERR_MODEL_INVALID, ERR_SHAPE_UNBOUND, ERR_INPUT_NAME, ERR_INPUT_SHAPE, ERR_INPUT_TYPE, ERR_INPUT_VALUE, ERR_BUDGET_EXCEEDED,
 *   ERR_PROGRAM_SIZE
 */
export function compile(bytes: Uint8Array, options: CompileOptions = {}): Program {
  const checked = checkCompileOptions(options);
  return compileModel(readModel(bytes, checked), checked);
}

/** A decoded model with the constants bound to its inputs. */
export interface BoundModel {
  readonly model: OnnxModel;
  readonly constants: ReadonlyMap<string, Tensor>;
}

/** The first half of `compile`, which does not depend on shapes; `deferred` has what is missing of the bytes. */
export function readModel(
  bytes: Uint8Array,
  options: CompileOptions,
  deferred?: DeferredBytes,
): BoundModel {
  const {constants = {}, shapes = {}, limits = {}, externalData} = options;
  const beside = externalData === undefined ? {} : {externalData};
  const model = decodeModel(bytes, {limits, deferred, ...beside});
  return {model, constants: constantTensors(model.inputs, constants, shapes)};
}

/** The second half of `compile`; `allocate` makes the memory of the program. */
export function compileModel(
  bound: BoundModel,
  options: CompileOptions & {readonly threads: number},
  allocate?: (bytes: number) => Uint8Array,
): Program {
  const {name = 'model', board, threads, device = 'cpu'} = options;
  const {graph, placed, workspaceBytes} = scheduleModel(bound, options);
  const explanation = explainSchedule({
    model: name,
    graph,
    schedule: placed,
    workspaceBytes,
    target: board && {board, threads, device},
  });

  const {steps, buffers, offsetsBytes: offsets, arenaPeakBytes: arenaBytes} = placed;
  const inputs = placed.inputs.map(({buffer}, index) => ({
    port: explanation.inputs[index]!,
    buffer,
  }));
  const outputs = explanation.outputs.map(port => ({port}));
  return {
    bytes: encodeProgram(
      {steps, buffers, offsets, arenaBytes, inputs, outputs, explanation},
      allocate,
    ),
    explanation,
  };
}

/**
 * What `compile` chooses between for every convolution, in the order of the program.
 *
 * @throws what `compile` throws
 */
export function explainChoices(bytes: Uint8Array, options: CompileOptions = {}): ExplainedChoice[] {
  const checked = checkCompileOptions(options);
  // Under a budget nodes are chosen for again and again; the last choice counts.
  const choices = new Map<string, Choice>();
  scheduleModel(readModel(bytes, checked), checked, choice => choices.set(choice.name, choice));
  return [...choices.values()].map(explainChoice);
}

function scheduleModel(
  {model, constants}: BoundModel,
  options: CompileOptions & {readonly threads: number},
  onChoice?: (choice: Choice) => void,
) {
  const {shapes = {}, schedule: scheduleName = 'auto', exact = false, limits = {}} = options;
  const {memoryBudgetBytes, device = 'cpu', board, threads, weights} = options;
  const {streamWeights = 'auto'} = options;
  const {workspaceBytes = device === 'cpu' ? workspaceBytesOf(threads) : 0} = options;
  if (device === 'cuda' && streamWeights === true)
    throw new UntangleError('ERR_OPTION', ['streamWeights', "false or 'auto' for cuda", 'true']);
  const checkTime = startClock(resolveLimits(limits));
  const graph = fuseGraph(buildGraph(model, {shapes, constants, limits, checkTime}), checkTime);
  const target = board && {board, threads};
  const scheduling = {
    schedule: scheduleName,
    exact,
    device,
    target,
    weights,
    decisions: new Map(),
    onChoice,
    checkTime,
  };
  const canStream = device === 'cpu' && streamWeights !== false;
  const planned =
    memoryBudgetBytes === undefined
      ? schedule(graph, scheduling)
      : scheduleWithin(graph, scheduling, {memoryBudgetBytes, workspaceBytes, canStream});
  const placed = streamWeights === true && canStream ? streamAll(planned, checkTime) : planned;
  return {graph, placed, workspaceBytes};
}
