// Options of load, compile and open, checked by name before anything else happens.

import {availableParallelism} from 'node:os';
import * as v from 'valibot';
import {type Board, boardSchema} from './boards/board.js';
import {UntangleError} from './errors.js';
import {describeValue} from './feeds/describe.js';
import type {ConstantFeed} from './feeds/feeds.js';
import type {Limits} from './onnx/limits.js';
import type {ExternalDataReader} from './onnx/tensor.js';
import {SCHEDULES, type ScheduleName} from './schedule/candidates.js';
import {DEVICES, type Device, PRECISIONS, type Precision} from './schedule/device.js';
import {WEIGHT_TYPES, type WeightType} from './untangle/stored-weights.js';

export interface CompileOptions {
  /** What the program is scheduled for, default `cpu`. A program for `cuda` runs on the CPU too, the other way round it may not. */
  readonly device?: Device | undefined;
  /** Full shapes of inputs, in ONNX order; binds their symbolic dimensions. */
  readonly shapes?: Readonly<Record<string, readonly number[]>> | undefined;
  /**
   * Values of inputs that are known now: data or {data, shape}, by name. They are folded into the program like weights, and
   * the session has no such input.
   */
  readonly constants?: Readonly<Record<string, ConstantFeed>> | undefined;
  /** Bytes of everything a session holds: arena, weights, workspace and outputs. Without it there is no limit. */
  readonly memoryBudgetBytes?: number | undefined;
  /** How convolutions run: `auto` (default) takes the cheapest per layer, the others force one method where it applies. */
  readonly schedule?: ScheduleName | undefined;
  /**
   * Only sums of the convolutions' own products: leaves out Winograd's form, which is faster but takes more memory for
   * weights and rounds more (errors up to 5 times as large were seen; docs/01-architecture.md has the bound).
   */
  readonly exact?: boolean | undefined;
  /**
   * What constant weights of convolutions and matrix products are stored as, default `fp32`: `fp16` takes half the memory, `int8`
   * (with a scale for each output channel) a quarter. All sums stay f32; docs/01-architecture.md has what the rounding can cost.
   */
  readonly weights?: WeightType | undefined;
  /**
   * Whether weights stay in the program's file and each run reads them ahead of their use: `auto` (default) where the memory budget
   * cannot be kept otherwise, true for all that are large, false never. Programs for `cuda` hold all their weights.
   */
  readonly streamWeights?: boolean | 'auto' | undefined;
  /** What a model file may ask of the decoder; raises or lowers single limits. */
  readonly limits?: Partial<Limits> | undefined;
  /** Threads the program will run on, 1 to 256; only the size of the workspace depends on it. */
  readonly threads?: number | undefined;
  /** Reads tensors kept in files beside the model; load supplies it for paths. */
  readonly externalData?: ExternalDataReader | undefined;
  /** Bytes the executor needs besides arena, weights and outputs; default: those of a session, 256 KiB per thread and a little. */
  readonly workspaceBytes?: number | undefined;
  /**
   * The machine that schedules are chosen for and explained by: levels of memory, and predicted times. `readBoard` reads a
   * profile. Default: none.
   */
  readonly board?: Board | undefined;
  /** Name of the model in explanations. */
  readonly name?: string | undefined;
}

export interface OpenOptions {
  /** `auto` is `cuda` where there is a GPU that can run it, and else the default, `cpu`. */
  readonly device?: Device | 'auto' | undefined;
  /**
   * What a GPU may round products of convolutions to, default `fp32`: with `tf32` and `fp16` its tensor cores are used where it has
   * some (compute capability 8.0 and later), and `fp16` also stores constants that only products read as halves, on every GPU.
   * Sums, activations and everything else stay f32; CPUs always compute in f32.
   */
  readonly precision?: Precision | undefined;
  /** 1 to 256; default: what the operating system offers this process. */
  readonly threads?: number | undefined;
  readonly memoryBudgetBytes?: number | undefined;
}

export interface LoadOptions extends Omit<CompileOptions, 'device'>, OpenOptions {
  /**
   * For how many shapes of its inputs a session stays ready, 1 to 64; default 4. Above 1, a session of a model with symbolic
   * dimensions keeps the model too, where the budget has room for it, and plans for another batch when a run asks for one.
   */
  readonly plans?: number | undefined;
}

/** Upper end of `threads`: more cores than any board has, and a bound on what a typo can cost. */
const MAX_THREADS = 256;

/** Each plan has memory and threads of its own. */
const MAX_PLANS = 64;
const DEFAULT_PLANS = 4;

const POSITIVE = 'a positive integer';
const OBJECT = 'an object';
const SHAPES = 'an object of input name to a list of integers of 0 or more';

const integer = (message: string, least: number, most = Infinity) =>
  v.pipe(
    v.number(message),
    v.safeInteger(message),
    v.minValue(least, message),
    v.maxValue(most, message),
  );
const range = (most: number) => integer(`an integer from 1 to ${most}`, 1, most);
const positive = integer(POSITIVE, 1);

/** An object that is no list. */
const keyed = (message: string) =>
  v.custom<object>(
    value => typeof value === 'object' && value !== null && !Array.isArray(value),
    message,
  );
const shape = v.array(integer(SHAPES, 0), SHAPES);
const limit = v.pipe(v.number(POSITIVE), v.finite(POSITIVE));

const openFields = {
  device: v.optional(v.picklist([...DEVICES, 'auto'], "'cpu', 'cuda' or 'auto'")),
  precision: v.optional(v.picklist(PRECISIONS, "'fp32', 'tf32' or 'fp16'")),
  threads: v.optional(range(MAX_THREADS)),
  memoryBudgetBytes: v.optional(positive),
};
const compileFields = {
  device: v.optional(v.picklist(DEVICES, "'cpu' or 'cuda'")),
  threads: openFields.threads,
  memoryBudgetBytes: openFields.memoryBudgetBytes,
  shapes: v.optional(v.pipe(keyed(SHAPES), v.record(v.string(), shape, SHAPES))),
  constants: v.optional(keyed('an object of input name to data')),
  exact: v.optional(v.boolean('true or false')),
  weights: v.optional(v.picklist(WEIGHT_TYPES, "'fp32', 'fp16' or 'int8'")),
  streamWeights: v.optional(v.union([v.boolean(), v.literal('auto')], "true, false or 'auto'")),
  schedule: v.optional(v.picklist(SCHEDULES, `one of ${SCHEDULES.join(', ')}`)),
  limits: v.optional(
    v.pipe(keyed('an object of limit name to number'), v.record(v.string(), limit)),
  ),
  externalData: v.optional(v.custom(value => typeof value === 'function', 'a function')),
  workspaceBytes: v.optional(positive),
  name: v.optional(v.string('a string')),
  board: v.optional(boardSchema),
};
const loadFields = {...compileFields, ...openFields, plans: v.optional(range(MAX_PLANS))};

/** @throws ERR_OPTION */
export function checkCompileOptions(
  options: CompileOptions,
): CompileOptions & {readonly threads: number} {
  check(compileFields, options);
  return {...options, threads: options.threads ?? defaultThreads()};
}

/** @throws ERR_OPTION */
export function checkOpenOptions(options: OpenOptions): OpenOptions & {readonly threads: number} {
  check(openFields, options);
  return {...options, threads: options.threads ?? defaultThreads()};
}

/** @throws ERR_OPTION */
export function checkLoadOptions(
  options: LoadOptions,
): LoadOptions & {readonly threads: number; readonly plans: number} {
  check(loadFields, options);
  const {threads = defaultThreads(), plans = DEFAULT_PLANS} = options;
  return {...options, threads, plans};
}

function defaultThreads(): number {
  return Math.min(MAX_THREADS, availableParallelism());
}

/** The first thing wrong with `options`, as ERR_OPTION with the option's name, what is expected and what came. */
function check(fields: v.ObjectEntries, options: unknown): void {
  const schema = v.pipe(keyed(OBJECT), v.strictObject(fields, OBJECT));
  const issue = v.safeParse(schema, options, {abortEarly: true}).issues?.[0];
  if (issue === undefined) return;
  const path = issue.path?.map(({key}) => key as PropertyKey) ?? [];
  const [name] = path;
  if (name !== undefined && !Object.hasOwn(fields, name)) {
    const known = `one of the options ${Object.keys(fields).join(', ')}`;
    throw new UntangleError('ERR_OPTION', [String(name), known, 'an unknown option']);
  }
  const received = path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown>)[key],
    options,
  );
  throw new UntangleError('ERR_OPTION', [
    path.join('.') || 'options',
    issue.message,
    describeValue(received),
  ]);
}
