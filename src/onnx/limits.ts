// Declared limits for models from strangers: what a file may ask of the decoder.
//
// Each is checked before the memory it stands for is allocated, and each can be raised by the caller.

import {UntangleError} from '../errors.js';

export interface Limits {
  /** Size of the model file. */
  readonly fileBytes: number;
  /** Nodes, those of subgraphs and of every call of a function included. */
  readonly nodes: number;
  /** Initializers and tensors in attributes. */
  readonly tensors: number;
  /** Dimensions of one tensor. */
  readonly rank: number;
  /** Elements of one tensor. */
  readonly elements: number;
  /** Messages inside messages; a plain model needs 7, each level of subgraphs 3 more. */
  readonly nestingDepth: number;
  /** Functions inside functions. */
  readonly callDepth: number;
  /** UTF-8 bytes of one name. */
  readonly nameBytes: number;
  /** Attributes, names in node inputs and outputs, strings and all other listed things, over the whole file. */
  readonly entries: number;
  /** Elements that folding constants may make, besides four for each element of the file's own. */
  readonly foldedElements: number;
  /** Phases and kernel elements of all convolutions, in space those of each output plane: what untangling writes out one by one. */
  readonly regions: number;
  /** The same of one convolution. */
  readonly convolutionRegions: number;
  /** Milliseconds from the decoded model to the program. */
  readonly compileMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  fileBytes: 2 ** 31 - 1,
  nodes: 100_000,
  tensors: 100_000,
  rank: 8,
  elements: 2 ** 31 - 1,
  nestingDepth: 16,
  callDepth: 64,
  nameBytes: 4096,
  entries: 2_000_000,
  foldedElements: 2 ** 21,
  regions: 2 ** 16,
  convolutionRegions: 2 ** 14,
  compileMs: 120_000,
};

/** The default limits with `overrides` in place. */
export function resolveLimits(overrides: Partial<Limits> = {}): Limits {
  for (const [name, value] of Object.entries(overrides)) {
    if (!Object.hasOwn(DEFAULT_LIMITS, name)) {
      throw new UntangleError('ERR_OPTION', [
        'limits',
        `one of ${Object.keys(DEFAULT_LIMITS).join(', ')}`,
        name,
      ]);
    }
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new UntangleError('ERR_OPTION', [
        `limits.${name}`,
        'a non-negative integer',
        String(value),
      ]);
    }
  }
  return {...DEFAULT_LIMITS, ...overrides};
}

/** Starts to measure `compileMs`: the result throws ERR_ONNX_LIMIT when called after that time. */
export function startClock(limits: Limits): () => void {
  const start = performance.now();
  return () => checkLimit(limits, 'compileMs', Math.floor(performance.now() - start));
}

/** @throws ERR_ONNX_LIMIT when `value` is above the limit called `name`. */
export function checkLimit(limits: Limits, name: keyof Limits, value: number): void {
  if (value <= limits[name]) return;
  throw new UntangleError('ERR_ONNX_LIMIT', [name, limits[name], value], {
    limit: name,
    allowed: limits[name],
    found: value,
  });
}
