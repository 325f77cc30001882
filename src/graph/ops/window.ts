// The sliding-window attributes that convolutions and pooling share.

import type {AttributeSpec, BuildContext} from '../registration.js';

/** Attributes of every windowed operator. */
export const WINDOW_ATTRIBUTES: Readonly<Record<string, AttributeSpec>> = {
  auto_pad: {kind: 'string', values: ['NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID']},
  dilations: {kind: 'ints'},
  kernel_shape: {kind: 'ints'},
  pads: {kind: 'ints'},
  strides: {kind: 'ints'},
};

/** A window over each spatial axis, before auto_pad is resolved. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly padBegin: readonly number[];
  readonly padEnd: readonly number[];
  readonly autoPad: string;
}

/** Reads and checks the window; `kernel` has one size per spatial axis. */
export function readWindow(context: BuildContext, kernel: readonly number[]): Window {
  const rank = kernel.length;
  const autoPad = context.string('auto_pad', 'NOTSET');
  const pads = readInts(context, 'pads', {count: 2 * rank, fallback: 0, minimum: -Infinity});
  // With auto_pad, explicit pads are ignored; exporters write zeros.
  const used = autoPad === 'NOTSET' ? pads : pads.map(() => 0);
  return {
    kernel,
    strides: readInts(context, 'strides', {count: rank, fallback: 1, minimum: 1}),
    dilations: readInts(context, 'dilations', {count: rank, fallback: 1, minimum: 1}),
    padBegin: used.slice(0, rank),
    padEnd: used.slice(rank),
    autoPad,
  };
}

/** An integer list of known length, each at least `minimum`. */
export function readInts(
  context: BuildContext,
  name: string,
  rule: {readonly count: number; readonly fallback: number; readonly minimum: number},
): readonly number[] {
  const {count, fallback, minimum} = rule;
  const values = context.ints(name) ?? new Array<number>(count).fill(fallback);
  if (
    values.length !== count ||
    values.some(value => value < minimum || Math.abs(value) > 2 ** 31 - 1)
  ) {
    const atLeast = Number.isFinite(minimum) ? ` of ${minimum} or more` : '';
    context.fail(
      `attribute ${name}: expected ${count} values${atLeast} but received [${values.join(', ')}]`,
    );
  }
  return values;
}

/** Elements from the first to the last one a window reads. */
export function windowExtent(window: Window, axis: number): number {
  return window.dilations[axis]! * (window.kernel[axis]! - 1) + 1;
}

/** Pads of SAME_UPPER or SAME_LOWER: the output has ceil(input / stride) elements. */
export function resolveSame(window: Window, inputSizes: readonly number[]): Window {
  const totals = inputSizes.map((size, axis) => {
    const stride = window.strides[axis]!;
    return Math.max(0, (Math.ceil(size / stride) - 1) * stride + windowExtent(window, axis) - size);
  });
  return {...window, ...splitPads(totals, window.autoPad === 'SAME_UPPER')};
}

/** Halves each total; the odd element goes to the end for SAME_UPPER, else to the beginning. */
export function splitPads(
  totals: readonly number[],
  isUpper: boolean,
): {readonly padBegin: number[]; readonly padEnd: number[]} {
  const small = totals.map(total => Math.floor(total / 2));
  const large = totals.map((total, axis) => total - small[axis]!);
  return isUpper ? {padBegin: small, padEnd: large} : {padBegin: large, padEnd: small};
}
