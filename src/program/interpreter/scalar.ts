// The scalar functions of the program format, by code.

import {type Scalar, unaryFunction} from '../../graph/fold-scalar.js';
import {UNARY, type UnaryFunction} from '../../graph/functions.js';

const UNARY_NAMES = new Map(
  (Object.keys(UNARY) as UnaryFunction[]).map(name => [UNARY[name] as number, name]),
);

/** The float whose bits are `bits`. */
export function floatFromBits(bits: number): number {
  return new Float32Array(Uint32Array.of(bits).buffer)[0]!;
}

/** The unary function with code `code`; null for PRelu, whose slope depends on the channel. */
export function unaryByCode(code: number, alphaBits: number, betaBits: number): Scalar | null {
  const fn = UNARY_NAMES.get(code);
  if (fn === undefined) throw new RangeError(`unary function ${code} does not exist`);
  if (fn === 'prelu') return null;
  return unaryFunction({fn, alpha: floatFromBits(alphaBits), beta: floatFromBits(betaBits)});
}
