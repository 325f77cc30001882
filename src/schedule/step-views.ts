// Which views a step reads, writes and scratches; the one list of them.

import type {ConvStep, Step, StepEpilogue, View} from './steps.js';

export function stepReads(step: Step): View[] {
  switch (step.op) {
    case 'gemmTaps':
    case 'planarTaps':
    case 'depthwise':
    case 'winograd':
      return [step.x, step.weights, ...epilogueViews(step.epilogue)];
    case 'elementwise':
      return [...step.inputs];
    case 'normalize':
      return [step.x, ...(step.scale ? [step.scale] : []), ...epilogueViews(step.epilogue)];
    case 'resize':
      return [step.x, step.weightsY, step.weightsX];
    case 'matmul':
      return [step.a, step.b];
    case 'gatherIndexed':
    case 'scatterIndexed':
      return [step.x, step.indices];
    case 'gridSample':
      return [step.x, step.grid];
    case 'fill':
      return [];
    case 'copy':
    case 'widen':
    case 'pool':
    case 'reduce':
    case 'argReduce':
    case 'cumulative':
    case 'softmax':
    case 'gather':
    case 'load':
      return [step.x];
  }
}

/** Every view of the step: what it reads, writes and uses as scratch. */
export function stepViews(step: Step): View[] {
  return [...stepReads(step), step.y, ...stepScratch(step)];
}

function stepScratch(step: Step): View[] {
  const isScratching = step.op === 'normalize' || step.op === 'winograd';
  return isScratching ? [step.scratch] : [];
}

/** Rewrites every view of a step. */
export function mapStepViews(step: Step, map: (view: View) => View): Step {
  switch (step.op) {
    case 'gemmTaps':
    case 'planarTaps':
    case 'depthwise':
      return {
        ...step,
        x: map(step.x),
        y: map(step.y),
        weights: map(step.weights),
        epilogue: mapEpilogue(step.epilogue, map),
      };
    case 'winograd':
      return {
        ...step,
        x: map(step.x),
        y: map(step.y),
        weights: map(step.weights),
        scratch: map(step.scratch),
        epilogue: mapEpilogue(step.epilogue, map),
      };
    case 'elementwise':
      return {...step, inputs: step.inputs.map(map), y: map(step.y)};
    case 'normalize':
      return {
        ...step,
        x: map(step.x),
        y: map(step.y),
        scale: step.scale && map(step.scale),
        scratch: map(step.scratch),
        epilogue: mapEpilogue(step.epilogue, map),
      };
    case 'resize':
      return {
        ...step,
        x: map(step.x),
        y: map(step.y),
        weightsY: map(step.weightsY),
        weightsX: map(step.weightsX),
      };
    case 'matmul':
      return {...step, a: map(step.a), b: map(step.b), y: map(step.y)};
    case 'gatherIndexed':
    case 'scatterIndexed':
      return {...step, x: map(step.x), y: map(step.y), indices: map(step.indices)};
    case 'gridSample':
      return {...step, x: map(step.x), grid: map(step.grid), y: map(step.y)};
    case 'fill':
      return {...step, y: map(step.y)};
    case 'copy':
    case 'widen':
    case 'pool':
    case 'reduce':
    case 'argReduce':
    case 'cumulative':
    case 'softmax':
    case 'gather':
    case 'load':
      return {...step, x: map(step.x), y: map(step.y)};
  }
}

export function epilogueViews(epilogue: StepEpilogue): View[] {
  return [epilogue.bias, epilogue.residual, epilogue.slope].filter(view => view !== null);
}

function mapEpilogue(epilogue: StepEpilogue, map: (view: View) => View): StepEpilogue {
  const optional = (view: View | null) => (view === null ? null : map(view));
  return {
    ...epilogue,
    bias: optional(epilogue.bias),
    residual: optional(epilogue.residual),
    slope: optional(epilogue.slope),
  };
}

export function isConvStep(step: Step): step is ConvStep {
  const {op} = step;
  return op === 'gemmTaps' || op === 'planarTaps' || op === 'depthwise' || op === 'winograd';
}
