// The plans of one session: one per set of input shapes, a few of them kept ready.

import {UntangleError} from '../errors.js';
import {isSameShape, splitTensor} from '../feeds/check.js';
import type {ValueInfo} from '../onnx/model.js';
import type {Explanation, Port} from '../program/program.js';
import type {Plan} from './plan.js';

/** Full shapes of inputs, by name. */
export type Shapes = Readonly<Record<string, readonly number[]>>;

/** What it takes to plan for other shapes. */
export interface Planner {
  /** The inputs as the model declares them. */
  readonly inputs: readonly ValueInfo[];
  /** What the decoded model weighs. */
  readonly modelBytes: number;
  /** Compiles for full `shapes` within a budget; null when the model is not kept, because the budget leaves no room for it. */
  readonly compile: ((shapes: Shapes, budgetBytes: number | undefined) => OpenablePlan) | null;
}

/** A compiled program that has no memory yet. */
export interface OpenablePlan {
  readonly explanation: Explanation;
  readonly open: () => Plan;
}

export interface PlansOptions {
  /** Null when shapes are fixed. */
  readonly planner: Planner | null;
  /** Most plans kept. */
  readonly limit: number;
  readonly budgetBytes: number | undefined;
}

/** Whether a model leaves sizes of this input open. */
export function isOpen({dims}: ValueInfo): boolean {
  return dims === null || dims.some(isSymbolic);
}

/** Used while no run is in flight, so any plan may be dropped for another. */
export class Plans {
  /** By shapes, least recently used first. */
  readonly #plans = new Map<string, Plan>();
  readonly #options: PlansOptions;
  #current: Explanation;

  constructor(first: Plan, options: PlansOptions) {
    this.#options = options;
    this.#current = first.explanation;
    this.#plans.set(shapesKey(first.explanation.inputs), first);
  }

  /** Of the shapes that a bare array is taken for. */
  get current(): Explanation {
    return this.#current;
  }

  /** Everything held: plans, and the model that more can be made from. */
  get heldBytes(): number {
    const {planner} = this.#options;
    return [...this.#plans.values()].reduce(
      (sum, {explanation}) => sum + explanation.totals.totalBytes,
      planner?.compile ? planner.modelBytes : 0,
    );
  }

  /**
   * The inputs as `requested` shapes make them; what shares a symbol with those follows, the rest stays.
   *
   * @throws ERR_INPUT_NAME, ERR_OPTION
   */
  reshapedInputs(requested: Shapes): readonly Port[] {
    const inputs = this.#current.inputs;
    for (const name of Object.keys(requested)) {
      if (inputs.some(port => port.name === name)) continue;
      const known = inputs.map(port => `"${port.name}"`).join(', ') || 'none';
      throw new UntangleError('ERR_INPUT_NAME', [name, known]);
    }
    const declared = this.#options.planner?.inputs ?? [];
    return rebind(inputs, declared, requested);
  }

  /** The inputs as `feeds` ask for: those of the current plan, or with another batch where a feed says so by its shape. */
  inputsFor(feeds: object): readonly Port[] {
    const {planner} = this.#options;
    if (planner === null) return this.#current.inputs;
    const requested: Record<string, readonly number[]> = {};
    for (const port of this.#current.inputs) {
      const feed: unknown = Object.hasOwn(feeds, port.name)
        ? feeds[port.name as keyof typeof feeds]
        : undefined;
      const {shape} = splitTensor(feed);
      const dims = planner.inputs.find(({name}) => name === port.name)?.dims;
      if (dims?.[0] !== undefined && isSymbolic(dims[0]) && isOtherBatch(shape, port.shape))
        requested[port.name] = shape;
    }
    return Object.keys(requested).length === 0
      ? this.#current.inputs
      : rebind(this.#current.inputs, planner.inputs, requested);
  }

  /**
   * The plan for inputs of these shapes, compiled when there is none; the least recently used ones make room for it.
   *
   * @throws ERR_INPUT_SHAPE, ERR_BUDGET_EXCEEDED, ERR_OUT_OF_MEMORY and what compiling throws
   */
  find(inputs: readonly Port[]): Plan {
    const key = shapesKey(inputs);
    const plan = this.#plans.get(key) ?? this.#make(inputs);
    this.#plans.delete(key);
    this.#plans.set(key, plan);
    return plan;
  }

  /** Makes these the shapes that bare arrays are taken for. */
  select(inputs: readonly Port[]): void {
    this.#current = this.find(inputs).explanation;
  }

  dispose(): void {
    for (const {native} of this.#plans.values()) native.dispose();
    this.#plans.clear();
  }

  #make(inputs: readonly Port[]): Plan {
    const {planner, budgetBytes, limit} = this.#options;
    if (planner === null) throw fixedShapes(this.#current.inputs, inputs);
    const {compile, modelBytes} = planner;
    if (compile === null) {
      const neededBytes = this.#current.totals.totalBytes + modelBytes;
      throw budgetError(this.#current, budgetBytes ?? 0, neededBytes);
    }
    const shapes = Object.fromEntries(inputs.map(({name, shape}) => [name, shape]));
    const made = compileBeside(modelBytes, budgetBytes, budget => compile(shapes, budget));
    const room = (budgetBytes ?? Number.POSITIVE_INFINITY) - made.explanation.totals.totalBytes;
    for (const [key, {native}] of this.#plans) {
      if (this.#plans.size < limit && this.heldBytes <= room) break;
      native.dispose();
      this.#plans.delete(key);
    }
    return made.open();
  }
}

/**
 * Compiles within what the kept model leaves of the budget; errors speak of the whole.
 *
 * @throws what compiling throws
 */
function compileBeside(
  modelBytes: number,
  budgetBytes: number | undefined,
  compile: (budgetBytes: number | undefined) => OpenablePlan,
): OpenablePlan {
  if (budgetBytes === undefined) return compile(undefined);
  try {
    return compile(budgetBytes - modelBytes);
  } catch (error) {
    if (!(error instanceof UntangleError) || error.code !== 'ERR_BUDGET_EXCEEDED') throw error;
    const {neededBytes, command = 0, name = ''} = error.fields;
    const args = [budgetBytes, Number(neededBytes) + modelBytes, Number(command), String(name)];
    throw new UntangleError('ERR_BUDGET_EXCEEDED', args, {
      ...error.fields,
      budgetBytes,
      neededBytes: args[1]!,
    });
  }
}

function rebind(
  inputs: readonly Port[],
  declared: readonly ValueInfo[],
  requested: Shapes,
): readonly Port[] {
  const dimsOf = (name: string) => declared.find(info => info.name === name)?.dims ?? [];
  const symbols = new Map<string, number>();
  for (const [name, shape] of Object.entries(requested)) {
    for (const [axis, dim] of dimsOf(name).entries()) {
      const size = shape[axis];
      if (typeof dim === 'string' && dim !== '' && size !== undefined) symbols.set(dim, size);
    }
  }
  return inputs.map(port => {
    const dims = dimsOf(port.name);
    const shape =
      requested[port.name] ??
      port.shape.map((size, axis) => symbols.get(String(dims[axis])) ?? size);
    return {...port, shape};
  });
}

function isSymbolic(dim: number | string): boolean {
  return typeof dim === 'string' || dim <= 0;
}

/** Whether `shape` is `current` but for its first size. */
function isOtherBatch(shape: unknown, current: readonly number[]): shape is readonly number[] {
  return (
    Array.isArray(shape) &&
    Number.isSafeInteger(shape[0]) &&
    shape[0] > 0 &&
    shape[0] !== current[0] &&
    isSameShape(shape, [shape[0], ...current.slice(1)])
  );
}

function shapesKey(inputs: readonly Port[]): string {
  return inputs.map(({shape}) => shape.join()).join(';');
}

/** @returns ERR_INPUT_SHAPE for the first input whose shape cannot change */
function fixedShapes(current: readonly Port[], inputs: readonly Port[]): UntangleError {
  const index = inputs.findIndex(({shape}, each) => !isSameShape(shape, current[each]!.shape));
  const {name, shape} = current[index]!;
  return new UntangleError('ERR_INPUT_SHAPE', [
    name,
    `[${shape.join(', ')}], which is fixed in this session,`,
    `[${inputs[index]!.shape.join(', ')}]`,
  ]);
}

/** ERR_BUDGET_EXCEEDED; named is the command whose output ends highest in the arena. */
export function budgetError(
  {commands}: Explanation,
  budgetBytes: number,
  neededBytes: number,
): UntangleError {
  const endOf = (index: number) => {
    const {arenaOffset, shape} = commands[index]!;
    return arenaOffset < 0 ? 0 : arenaOffset + shape.reduce((product, size) => product * size, 4);
  };
  const command = commands.reduce(
    (best, _, index) => (endOf(index) > endOf(best) ? index : best),
    0,
  );
  const name = commands[command]?.name ?? '';
  return new UntangleError('ERR_BUDGET_EXCEEDED', [budgetBytes, neededBytes, command, name], {
    budgetBytes,
    neededBytes,
    command,
    name,
  });
}
