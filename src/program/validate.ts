// What makes the tables of a program safe to execute: every access stays inside its memory.
//
// native/program checks the same before it executes, so that neither has to trust the other.

import {WEIGHT_BYTES} from '../untangle/stored-weights.js';
import type {Command} from './commands.js';
import {SLOT} from './commands.js';
import {check} from './format-error.js';
import type {DecodedProgram, Port, ProgramHead, ViewRecord} from './program.js';
import {rangeReader} from './ranges.js';
import {type Checker, indexBounds, writable} from './validate-access.js';
import {
  checkArgReduce,
  checkCopy,
  checkCumulative,
  checkElementwise,
  checkGather,
  checkMatmul,
  checkNormalize,
  checkPool,
  checkReduce,
  checkResize,
} from './validate-commands.js';
import {checkGridSample} from './validate-grid.js';
import {checkGatherIndexed, checkScatterIndexed} from './validate-indexed.js';
import {checkLoad} from './validate-load.js';
import {checkPlanarTaps} from './validate-planar.js';
import {checkDepthwise, checkGemmTaps, tapBounds} from './validate-regions.js';
import {checkWiden} from './validate-weights.js';
import {checkWinograd} from './validate-winograd.js';

/** Broadcast dims cost no memory, so only this bounds the loops of an executor; no value of a model has more. */
const MAX_VIEW_ELEMENTS = 2 ** 31 - 1;

/**
 * Checks that inputs lie in the arena, and that ports and bindings tell the same sizes.
 *
 * @throws ERR_PROGRAM_FORMAT
 */
export function checkHead(head: ProgramHead): void {
  const {arenaBytes, inputs, outputs, commandNames, explanation} = head;
  inputs.forEach(({offsetBytes, elements}, index) => {
    const isInside = offsetBytes % 4 === 0 && offsetBytes + elements * 4 <= arenaBytes;
    check(
      isInside,
      () =>
        `input ${index} (${elements} elements at byte ${offsetBytes}) leaves the arena of ${arenaBytes} bytes`,
    );
  });
  checkPorts('input', inputs, explanation.inputs);
  checkPorts('output', outputs, explanation.outputs);
  check(
    explanation.commands.length <= commandNames.length,
    () =>
      `the metadata describes ${explanation.commands.length} of ${commandNames.length} commands`,
  );
  for (const {command} of explanation.convolutions) {
    check(
      command < explanation.commands.length,
      () => `the metadata describes a convolution at command ${command}, which does not exist`,
    );
  }
}

function checkPorts(
  kind: string,
  bindings: readonly {readonly elements: number}[],
  ports: readonly Port[],
): void {
  check(
    bindings.length === ports.length,
    () => `there are ${bindings.length} ${kind}s but the metadata names ${ports.length}`,
  );
  bindings.forEach(({elements}, index) => {
    const shape = ports[index]!.shape;
    check(
      shape.reduce((product, size) => product * size, 1) === elements,
      () => `${kind} ${index} has ${elements} elements but the metadata says [${shape}]`,
    );
  });
}

/**
 * Checks tables read by `decode.ts` against each other.
 *
 * @throws ERR_PROGRAM_FORMAT with one sentence: which command, which view, what is wrong.
 */
export function checkTables(program: DecodedProgram): void {
  program.views.forEach((view, index) => {
    checkView(program, view, index);
  });
  const context = {
    program,
    regionTotal: 0,
    tapBounds: tapBounds(program.regions),
    indices: rangeReader('indices', program.indices.length, (first, count) =>
      indexBounds(program.indices, first, count),
    ),
  };
  program.commands.forEach((command, index) => {
    checkCommand({context, owner: `command ${index} (${command.op})`}, command);
  });
}

function checkCommand(checker: Checker, command: Command): void {
  switch (command.op) {
    case 'gemmTaps':
      checkGemmTaps(checker, command);
      break;
    case 'planarTaps':
      checkPlanarTaps(checker, command);
      break;
    case 'winograd':
      checkWinograd(checker, command);
      break;
    case 'depthwise':
      checkDepthwise(checker, command);
      break;
    case 'elementwise':
      checkElementwise(checker, command);
      break;
    case 'pool':
      checkPool(checker, command);
      break;
    case 'reduce':
      checkReduce(checker, command);
      break;
    case 'argReduce':
      checkArgReduce(checker, command);
      break;
    case 'cumulative':
      checkCumulative(checker, command);
      break;
    case 'normalize':
      checkNormalize(checker, command);
      break;
    case 'resize':
      checkResize(checker, command);
      break;
    case 'gridSample':
      checkGridSample(checker, command);
      break;
    case 'matmul':
      checkMatmul(checker, command);
      break;
    case 'gather':
      checkGather(checker, command);
      break;
    case 'gatherIndexed':
      checkGatherIndexed(checker, command);
      break;
    case 'scatterIndexed':
      checkScatterIndexed(checker, command);
      break;
    case 'widen':
      checkWiden(checker, command);
      break;
    case 'copy':
    case 'softmax':
      checkCopy(checker, command);
      break;
    case 'fill':
      writable(checker, 'y', command.y);
      break;
    case 'load':
      checkLoad(checker, command);
      break;
  }
}

/** Every element of the view lies inside its slot, whatever the signs of the strides. */
function checkView(program: DecodedProgram, view: ViewRecord, index: number): void {
  const size = slotBytes(program, view.slot);
  const elementBytes = WEIGHT_BYTES[view.type];
  check(size !== undefined, () => `view ${index} names slot ${view.slot}, which does not exist`);
  check(view.offsetBytes % 4 === 0, () => `view ${index} starts at byte ${view.offsetBytes}`);

  let first = 0;
  let last = 0;
  let elements = 1;
  view.shape.forEach((dim, axis) => {
    check(dim >= 1, () => `view ${index} has no elements ([${view.shape}])`);
    const reach = (dim - 1) * view.strides[axis]!;
    if (reach < 0) first += reach;
    else last += reach;
    elements *= dim;
  });
  check(
    elements <= MAX_VIEW_ELEMENTS,
    () => `view ${index} has ${elements} elements; at most ${MAX_VIEW_ELEMENTS} are accepted`,
  );
  const start = view.offsetBytes + first * elementBytes;
  const end = view.offsetBytes + (last + 1) * elementBytes;
  check(
    start >= 0 && end <= size!,
    () => `view ${index} covers bytes ${start} to ${end} of slot ${view.slot}, which has ${size}`,
  );
}

function slotBytes(program: DecodedProgram, slot: number): number | undefined {
  if (slot === SLOT.arena) return program.arenaBytes;
  if (slot === SLOT.constants) return program.constants.byteLength;
  const {outputs, inputs} = program;
  const binding = [...outputs, ...inputs][slot - SLOT.firstOutput];
  return binding && binding.elements * WEIGHT_BYTES.fp32;
}
