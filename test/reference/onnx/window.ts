// Windows that slide over any number of spatial axes: attributes, sizes and pads.

import type {Call} from './call.js';

export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly padBegin: readonly number[];
  readonly padEnd: readonly number[];
}

/** Input elements between the first and the last that a window reads, both counted. */
export function extentOf(kernel: number, dilation: number): number {
  return (kernel - 1) * dilation + 1;
}

/** The window of a call with input sizes `sizes`; auto_pad is resolved for Conv and pools. */
export function readWindow(
  call: Call,
  sizes: readonly number[],
  kernel: readonly number[],
): Window {
  const rank = sizes.length;
  const ones = Array<number>(rank).fill(1);
  const strides = call.ints('strides') ?? ones;
  const dilations = call.ints('dilations') ?? ones;
  const window = {kernel, strides, dilations};
  const autoPad = call.string('auto_pad', 'NOTSET');
  if (autoPad.startsWith('SAME')) {
    const totals = sizes.map((size, axis) => {
      const stride = strides[axis]!;
      const extent = extentOf(kernel[axis]!, dilations[axis]!);
      return Math.max(0, (Math.ceil(size / stride) - 1) * stride + extent - size);
    });
    return {...window, ...splitPads(totals, autoPad === 'SAME_UPPER')};
  }
  const pads = autoPad === 'VALID' ? null : call.ints('pads');
  return {
    ...window,
    padBegin: pads?.slice(0, rank) ?? ones.map(() => 0),
    padEnd: pads?.slice(rank) ?? ones.map(() => 0),
  };
}

/** Total pads as begin and end; an odd one goes to the end when `isUpper`. */
export function splitPads(totals: readonly number[], isUpper: boolean) {
  const small = totals.map(total => Math.floor(total / 2));
  const large = totals.map((total, axis) => total - small[axis]!);
  return isUpper ? {padBegin: small, padEnd: large} : {padBegin: large, padEnd: small};
}

/** How many windows fit; with `ceil` also one that begins inside the padded input and runs over its end. */
export function outputSizes(window: Window, sizes: readonly number[], ceil = false): number[] {
  return sizes.map((size, axis) => {
    const [stride, begin] = [window.strides[axis]!, window.padBegin[axis]!];
    const extent = extentOf(window.kernel[axis]!, window.dilations[axis]!);
    const room = size + begin + window.padEnd[axis]! - extent;
    if (!ceil) return Math.floor(room / stride) + 1;
    const count = Math.ceil(room / stride) + 1;
    return (count - 1) * stride >= size + begin ? count - 1 : count;
  });
}
