// Options of load, compile and open, checked by name before anything else happens.

import {availableParallelism} from 'node:os';
import * as z from 'zod';
import {UntangleError} from './errors.js';
import {describeValue} from './feeds/describe.js';
import type {ConstantFeed} from './feeds/feeds.js';
import type {Limits} from './onnx/limits.js';
import type {ExternalDataReader} from './onnx/tensor.js';
import {SCHEDULES, type ScheduleName} from './schedule/candidates.js';

export interface CompileOptions {
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
  /** What a model file may ask of the decoder; raises or lowers single limits. */
  readonly limits?: Partial<Limits> | undefined;
  /** Threads the program will run on, 1 to 256; only the size of the workspace depends on it. */
  readonly threads?: number | undefined;
  /** Reads tensors kept in files beside the model; load supplies it for paths. */
  readonly externalData?: ExternalDataReader | undefined;
  /** Bytes the executor needs besides arena, weights and outputs; default: 256 KiB per thread. load asks the addon. */
  readonly workspaceBytes?: number | undefined;
  /** Name of the model in explanations. */
  readonly name?: string | undefined;
}

export interface OpenOptions {
  /** `auto` and `cpu` are the CPU. */
  readonly device?: 'cpu' | 'auto' | undefined;
  /** 1 to 256; default: what the operating system offers this process. */
  readonly threads?: number | undefined;
  readonly memoryBudgetBytes?: number | undefined;
}

export interface LoadOptions extends CompileOptions, OpenOptions {
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
const SHAPES = 'an object of input name to a list of integers of 0 or more';
const positive = z.number(POSITIVE).int(POSITIVE).positive(POSITIVE);
const threads = `an integer from 1 to ${MAX_THREADS}`;
const schedules = `one of ${SCHEDULES.join(', ')}`;

const openFields = {
  device: z.enum(['cpu', 'auto'], "'cpu' or 'auto'").optional(),
  threads: z.number(threads).int(threads).min(1, threads).max(MAX_THREADS, threads).optional(),
  memoryBudgetBytes: positive.optional(),
};
const compileFields = {
  threads: openFields.threads,
  memoryBudgetBytes: openFields.memoryBudgetBytes,
  shapes: z
    .record(z.string(), z.array(z.number(SHAPES).int(SHAPES).nonnegative(SHAPES), SHAPES), SHAPES)
    .optional(),
  constants: z.record(z.string(), z.unknown(), 'an object of input name to data').optional(),
  exact: z.boolean('true or false').optional(),
  schedule: z.enum(SCHEDULES, schedules).optional(),
  limits: z.record(z.string(), z.number(POSITIVE), 'an object of limit name to number').optional(),
  externalData: z.custom(value => typeof value === 'function', 'a function').optional(),
  workspaceBytes: positive.optional(),
  name: z.string('a string').optional(),
};
const compileSchema = z.strictObject(compileFields, 'an object');
const openSchema = z.strictObject(openFields, 'an object');
const plansText = `an integer from 1 to ${MAX_PLANS}`;
const plans = z.number(plansText).int(plansText).min(1, plansText).max(MAX_PLANS, plansText);
const loadSchema = z.strictObject(
  {...openFields, ...compileFields, plans: plans.optional()},
  'an object',
);

/** @throws ERR_OPTION */
export function checkCompileOptions(
  options: CompileOptions,
): CompileOptions & {readonly threads: number} {
  check(compileSchema, options);
  return {...options, threads: options.threads ?? defaultThreads()};
}

/** @throws ERR_OPTION, ERR_DEVICE_UNSUPPORTED */
export function checkOpenOptions(options: OpenOptions): OpenOptions & {readonly threads: number} {
  checkDevice(options);
  check(openSchema, options);
  return {...options, threads: options.threads ?? defaultThreads()};
}

/** @throws ERR_OPTION, ERR_DEVICE_UNSUPPORTED */
export function checkLoadOptions(
  options: LoadOptions,
): LoadOptions & {readonly threads: number; readonly plans: number} {
  checkDevice(options);
  check(loadSchema, options);
  const {threads = defaultThreads(), plans = DEFAULT_PLANS} = options;
  return {...options, threads, plans};
}

function defaultThreads(): number {
  return Math.min(MAX_THREADS, availableParallelism());
}

function checkDevice(options: OpenOptions): void {
  const device: unknown = options?.device;
  if (device === 'cuda')
    throw new UntangleError('ERR_DEVICE_UNSUPPORTED', ['cuda', 'this build has no CUDA executor']);
}

/** The first thing wrong with `options`, as ERR_OPTION with the option's name, what is expected and what came. */
function check(schema: z.ZodType & {readonly shape: object}, options: unknown): void {
  const issue = schema.safeParse(options).error?.issues[0];
  if (issue === undefined) return;
  if (issue.code === 'unrecognized_keys') {
    const known = `one of the options ${Object.keys(schema.shape).join(', ')}`;
    throw new UntangleError('ERR_OPTION', [issue.keys[0] ?? '', known, 'an unknown option']);
  }
  const received = issue.path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown>)[key],
    options,
  );
  throw new UntangleError('ERR_OPTION', [
    issue.path.join('.') || 'options',
    issue.message,
    describeValue(received),
  ]);
}
