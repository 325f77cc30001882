// One step of the schedule as the fields of its command.

import type {Activation} from '../graph/functions.js';
import {
  CUMULATE,
  EXTREME,
  GRID_MODE,
  GRID_PADDING,
  NORMALIZE_PART,
  POOL,
  REDUCE,
  SCATTER,
  UNARY,
} from '../graph/functions.js';
import type {
  DepthwiseStep,
  ElementwiseStep,
  GemmTapsStep,
  NormalizeStep,
  PlanarTapsStep,
  PoolStep,
  ResizeStep,
  Step,
  StepEpilogue,
  WinogradStep,
} from '../schedule/steps.js';
import {COMMAND_WORDS, COMMANDS} from './commands.js';
import {addIndices, addLoad, addOps, addRegions, addView, type Tables} from './encode-tables.js';
import {floatBits, toWord} from './words.js';

type Fields = Readonly<Record<string, number>>;

/** The sixteen words of `step`, the `index`-th command; appends what it points at to `tables`. */
export function encodeStep(tables: Tables, step: Step, index: number): number[] {
  const fields = stepFields(tables, step);
  const {opcode, fields: names} = COMMANDS[step.op];
  const owner = `command ${index} (${step.op})`;
  const words = names.map((name: string) => toWord(fields[name] ?? Number.NaN, false, owner, name));
  return [opcode, ...words, ...Array<number>(COMMAND_WORDS - 1 - words.length).fill(0)];
}

function stepFields(tables: Tables, step: Step): Fields {
  switch (step.op) {
    case 'gemmTaps':
      return gemmTapsFields(tables, step);
    case 'planarTaps':
      return {...regionFields(tables, step), kTotal: step.kTotal};
    case 'depthwise':
      return regionFields(tables, step);
    case 'elementwise':
      return elementwiseFields(tables, step);
    case 'copy':
    case 'widen':
      return ends(tables, step);
    case 'fill':
      return {y: addView(tables, step.y), valueBits: floatBits(step.value)};
    case 'pool':
      return poolFields(tables, step);
    case 'reduce':
      return {...ends(tables, step), fn: REDUCE[step.fn]};
    case 'argReduce':
      return {...ends(tables, step), fn: EXTREME[step.fn], last: Number(step.last)};
    case 'cumulative':
      return {...ends(tables, step), fn: CUMULATE[step.fn], exclusive: Number(step.exclusive)};
    case 'normalize':
      return normalizeFields(tables, step);
    case 'softmax':
      return {...ends(tables, step), log: Number(step.log)};
    case 'resize':
      return resizeFields(tables, step);
    case 'gridSample':
      return {
        ...ends(tables, step),
        gridView: addView(tables, step.grid),
        mode: GRID_MODE[step.mode],
        padding: GRID_PADDING[step.padding],
        alignCorners: Number(step.alignCorners),
      };
    case 'matmul':
      return {
        a: addView(tables, step.a),
        b: addView(tables, step.b),
        y: addView(tables, step.y),
      };
    case 'winograd':
      return winogradFields(tables, step);
    case 'gatherIndexed':
      return {...ends(tables, step), indices: addView(tables, step.indices)};
    case 'scatterIndexed':
      return {
        ...ends(tables, step),
        indices: addView(tables, step.indices),
        fn: SCATTER[step.fn],
      };
    case 'load':
      return addLoad(tables, step);
    case 'gather':
      return {
        ...ends(tables, step),
        indexFirst: addIndices(tables, step.indices),
        indexCount: step.indices.length,
      };
  }
}

function ends(tables: Tables, step: Extract<Step, {x: unknown}>): Fields {
  return {x: addView(tables, step.x), y: addView(tables, step.y)};
}

function activationFields(activation: Activation): Fields {
  return {
    activation: UNARY[activation.fn],
    alphaBits: floatBits(activation.alpha),
    betaBits: floatBits(activation.beta),
  };
}

function epilogueFields(tables: Tables, epilogue: StepEpilogue): Fields {
  return {
    biasView: addView(tables, epilogue.bias),
    residualView: addView(tables, epilogue.residual),
    slopeView: addView(tables, epilogue.slope),
    ...activationFields(epilogue.activation),
  };
}

function gemmTapsFields(tables: Tables, step: GemmTapsStep): Fields {
  const {kTotal, groups, fusedY, fusedX} = step;
  return {...regionFields(tables, step), kTotal, groups, fusedY, fusedX};
}

function regionFields(
  tables: Tables,
  step: DepthwiseStep | GemmTapsStep | PlanarTapsStep | WinogradStep,
): Fields {
  return {
    ...ends(tables, step),
    weightsView: addView(tables, step.weights),
    ...epilogueFields(tables, step.epilogue),
    regionFirst: addRegions(tables, step.regions),
    regionCount: step.regions.length,
  };
}

function winogradFields(tables: Tables, step: WinogradStep): Fields {
  const {tile, taps} = step.form;
  return {
    ...regionFields(tables, step),
    scratchView: addView(tables, step.scratch),
    tile,
    tapsY: taps[0],
    tapsX: taps[1],
  };
}

function elementwiseFields(tables: Tables, step: ElementwiseStep): Fields {
  const inputs: Record<string, number> = {};
  for (let index = 0; index < Math.max(6, step.inputs.length); index++) {
    inputs[`in${index}`] = addView(tables, step.inputs[index] ?? null);
  }
  return {
    y: addView(tables, step.y),
    inputCount: step.inputs.length,
    ...inputs,
    opFirst: addOps(tables, step.ops),
    opCount: step.ops.length,
  };
}

function poolFields(tables: Tables, step: PoolStep): Fields {
  return {
    ...ends(tables, step),
    fn: POOL[step.fn],
    kernelY: step.kernel[0],
    kernelX: step.kernel[1],
    strideY: step.strides[0],
    strideX: step.strides[1],
    dilationY: step.dilations[0],
    dilationX: step.dilations[1],
    padTop: step.padBegin[0],
    padLeft: step.padBegin[1],
    padBottom: step.padEnd[0],
    padRight: step.padEnd[1],
    countIncludePad: Number(step.countIncludePad),
  };
}

function normalizeFields(tables: Tables, step: NormalizeStep): Fields {
  return {
    ...ends(tables, step),
    ...epilogueFields(tables, step.epilogue),
    scaleView: addView(tables, step.scale),
    scratchView: addView(tables, step.scratch),
    epsilonBits: floatBits(step.epsilon),
    part: NORMALIZE_PART[step.part],
    row: step.row,
    rows: step.rows,
  };
}

function resizeFields(tables: Tables, step: ResizeStep): Fields {
  return {
    ...ends(tables, step),
    tapsY: step.tapsY,
    tapsX: step.tapsX,
    indexYFirst: addIndices(tables, step.indicesY),
    indexXFirst: addIndices(tables, step.indicesX),
    weightsYView: addView(tables, step.weightsY),
    weightsXView: addView(tables, step.weightsX),
  };
}
